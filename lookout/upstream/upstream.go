// Package upstream finds the programs that other projects make and the stack runs, at the versions it is tested with:
// on PATH when new enough, else built once from their pinned Go modules.
package upstream

import (
	"fmt"
	"time"

	"github.com/farmersmarket/platform/internal/nearest"
)

// Program is an upstream program at its pinned version.
type Program struct {
	Name    string
	Release string // the oldest release that will do, as the project numbers it, for example 3.16.0
	Package string // of its main function
	Version string // of the Go module that holds the release, for example v0.316.0

	versionArgs []string      // make the program print its version
	tags        string        // build tags
	stamp       string        // package-level string variable that holds the release
	module      string        // folder below the repository of a module made for this build; when empty, go install builds it
	buildTime   time.Duration // on two cores with modules downloaded, to tell people what to expect
}

const (
	prometheusRelease   = "3.16.0"
	prometheusModule    = "v0.316.0" // Prometheus tags its Go module 0.3YY.Z for release 3.YY.Z
	alertmanagerRelease = "0.31.1"   // from 0.32 the module lacks the built web pages
	blackboxRelease     = "0.28.0"
	commonVersion       = "github.com/prometheus/common/version.Version"
	exporters           = "lookout/upstream/exporters"
)

// programs are all upstream programs, in the order in which they are best built.
var programs = []Program{
	{
		Name: "prometheus", Release: prometheusRelease, Version: prometheusModule,
		Package:     "github.com/prometheus/prometheus/cmd/prometheus",
		versionArgs: []string{"--version"}, stamp: commonVersion, buildTime: 150 * time.Second,
		tags: "remove_all_sd", // leaves static and file discovery; the others more than double the build
	},
	{
		Name: "alertmanager", Release: alertmanagerRelease, Version: "v" + alertmanagerRelease,
		Package:     "github.com/prometheus/alertmanager/cmd/alertmanager",
		versionArgs: []string{"--version"}, stamp: commonVersion, buildTime: 40 * time.Second,
	},
	{
		Name: "jaeger", Release: "2.13.0", Version: "v1.76.0", // one tag of the repository, numbered both ways
		Package:     "github.com/jaegertracing/jaeger/cmd/jaeger",
		versionArgs: []string{"version"}, stamp: "github.com/jaegertracing/jaeger/internal/version.latestVersion",
		module:    "lookout/upstream/jaeger", // go install refuses a module with replace directives
		buildTime: 210 * time.Second,
	},
	{
		Name: "blackbox_exporter", Release: blackboxRelease, Version: "v" + blackboxRelease,
		Package:     "github.com/prometheus/blackbox_exporter",
		versionArgs: []string{"--version"}, stamp: commonVersion,
		module:    "lookout/upstream/blackbox", // go install asks for a list of versions that not every module proxy has
		buildTime: 50 * time.Second,
	},
	{
		Name: "promtool", Release: prometheusRelease, Version: prometheusModule,
		Package:     "github.com/prometheus/prometheus/cmd/promtool",
		versionArgs: []string{"--version"}, stamp: commonVersion, buildTime: 60 * time.Second,
		tags: "remove_all_sd",
	},
	{
		Name: "amtool", Release: alertmanagerRelease, Version: "v" + alertmanagerRelease,
		Package:     "github.com/prometheus/alertmanager/cmd/amtool",
		versionArgs: []string{"--version"}, stamp: commonVersion, buildTime: 15 * time.Second,
	},
	{
		// Not a program of the embedded mode: it checks the configuration of the Docker stack's Collector.
		Name: "otelcol-contrib", Release: "0.161.0", Version: "v0.161.0",
		Package:     "github.com/farmersmarket/platform/lookout/upstream/collector",
		versionArgs: []string{"--version"}, stamp: "main.release",
		module:    "lookout/upstream/collector", // upstream's own program has some hundreds of components
		buildTime: 90 * time.Second,
	},
	// Exporters of the Docker stack: started here to record what they expose.
	{
		Name: "postgres_exporter", Release: "0.19.1", Version: "v0.19.1",
		Package:     "github.com/prometheus-community/postgres_exporter/cmd/postgres_exporter",
		versionArgs: []string{"--version"}, stamp: commonVersion, module: exporters, buildTime: 30 * time.Second,
	},
	{
		Name: "redis_exporter", Release: "1.82.0", Version: "v1.82.0",
		Package:     "github.com/oliver006/redis_exporter",
		versionArgs: []string{"--version"}, stamp: "main.BuildVersion", module: exporters, buildTime: 20 * time.Second,
	},
	{
		Name: "node_exporter", Release: "1.12.1", Version: "v1.12.1",
		Package:     "github.com/prometheus/node_exporter",
		versionArgs: []string{"--version"}, stamp: commonVersion, module: exporters, buildTime: 20 * time.Second,
	},
}

// Programs returns all upstream programs, in the order in which they are best built.
func Programs() []Program {
	return append([]Program(nil), programs...)
}

// Lookup returns the program of that name.
func Lookup(name string) (Program, error) {
	names := make([]string, 0, len(programs))
	for _, program := range programs {
		if program.Name == name {
			return program, nil
		}
		names = append(names, program.Name)
	}
	return Program{}, fmt.Errorf("there is no upstream program %q: %s", name, nearest.Suggest(name, names))
}

// Expectation says in words what building the program takes.
func (p Program) Expectation() string {
	return fmt.Sprintf("building %s from source, once, takes about %s on 2 cores", p.Release, p.buildTime)
}
