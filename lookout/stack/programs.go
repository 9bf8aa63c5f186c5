package stack

import (
	"cmp"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/farmersmarket/platform/lookout/gobuild"
	"github.com/farmersmarket/platform/lookout/process"
	"github.com/farmersmarket/platform/lookout/upstream"
)

// Names of the components.
const (
	nameLookout      = "lookout"
	nameServer       = "server"
	namePager        = "pager"
	namePrometheus   = "prometheus"
	nameAlertmanager = "alertmanager"
	nameJaeger       = "jaeger"
	nameGrafana      = "grafana"
	nameBlackbox     = "blackbox"
	nameProbe        = "probe"
)

// Names returns the components that can be left out, in the order in which they are shown.
func Names() []string {
	return []string{nameServer, nameProbe, namePager, nameGrafana, nameBlackbox, nameJaeger, nameAlertmanager, namePrometheus}
}

// leanHeap makes a Go program collect garbage earlier. The programs idle on one machine with a developer's tools; the
// processor time this costs them is less than a percent there.
const leanHeap = "GOGC=40"

// programs are the programs of the stack in the order in which they are started; they are stopped in reverse. What
// receives comes before what sends to it, so that nothing sent while starting and stopping is lost.
func (o *Options) programs(ctx context.Context, starter *process.Starter, onServer func()) []program {
	builder := upstream.Builder{Root: o.Root, BinDir: o.Bin, Starter: starter}
	order := &turns{without: o.Without}
	server := o.server(starter, order.next(nameServer), onServer) // the first build: the API shall answer early
	serverReady, blackboxReady := whenBoth(o.addProbes)
	server.onReady = joined(server.onReady, serverReady)
	all := []program{
		o.prometheus(builder, order.next(namePrometheus)),
		o.alertmanager(builder, order.next(nameAlertmanager)),
		o.jaeger(builder, order.next(nameJaeger)),
		o.grafana(ctx),
		o.blackbox(builder, order.next(nameBlackbox), blackboxReady),
		o.pager(),
		server,
		o.probe(),
	}
	return slices.DeleteFunc(all, func(p program) bool { return slices.Contains(o.Without, p.name) })
}

func (o *Options) server(starter *process.Starter, turn turn, onReady func()) program {
	faults := "off"
	if o.Faults {
		faults = "on"
	}
	env := []string{
		"HTTP_ADDR=" + o.Ports.Address(PortServer), "ADMIN_ADDR=" + o.Ports.Address(PortAdmin),
		"OTLP_ENDPOINT=" + o.collector(), "FAULTS=" + faults, leanHeap,
	}
	if os.Getenv("DATABASE_URL") == "" {
		env = append(env, "DATABASE_URL=sqlite://"+o.path("market.db"))
	}
	return program{
		name: nameServer, endpoint: o.Ports.Address(PortServer), ports: []string{PortServer, PortAdmin},
		health: o.Ports.URL(PortServer) + "/api/ready", page: o.Ports.Link(PortServer) + "/docs",
		find: turn.inOrder(func(ctx context.Context, say report) (upstream.Found, error) {
			if o.Server != "" {
				return ownProgram(o.Server)
			}
			return o.buildServer(ctx, starter, say)
		}),
		args: func(string) []string { return nil },
		env:  env, dir: o.Root,
		grace: 15 * time.Second, // it finishes the requests in flight, then sends the last telemetry
		onReady: func() error {
			onReady()
			return o.addTarget(nameServer, PortAdmin)
		},
	}
}

// collector is where the server sends its telemetry. In a stack without Jaeger that is where the environment says, or nowhere:
// what is sent to nobody counts as lost, and alerts.
func (o *Options) collector() string {
	if slices.Contains(o.Without, nameJaeger) {
		return cmp.Or(os.Getenv("OTLP_ENDPOINT"), "none")
	}
	return o.Ports.Address(PortOTLPGRPC)
}

// buildServer always asks the Go tool, which does nothing when the program is up to date.
func (o *Options) buildServer(ctx context.Context, starter *process.Starter, say report) (upstream.Found, error) {
	path := filepath.Join(o.Bin, nameServer)
	if o.NoBuild {
		found, err := ownProgram(path)
		if err != nil {
			return found, fmt.Errorf("%w: build it with `go build -o .bin/server ./server`, or start without --no-build", err)
		}
		return found, nil
	}
	say(Building, "compiling ./server")
	work, err := os.MkdirTemp(o.Bin, ".server-")
	if err != nil {
		return upstream.Found{}, fmt.Errorf("build the server: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	err = gobuild.Run(ctx, gobuild.Job{
		Dir: o.Root, Args: []string{"build", "-o", path, "./server"}, TempDir: work, Starter: starter,
	})
	if err != nil {
		return upstream.Found{}, fmt.Errorf("build the server: %w", err)
	}
	return ownProgram(path)
}

// ownProgram describes a program of this repository, whose version is the commit it was built from.
func ownProgram(path string) (upstream.Found, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return upstream.Found{}, fmt.Errorf("read the build information of %s: %w", path, err)
	}
	version, modified := "devel", ""
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision" && len(setting.Value) > 7:
			version = setting.Value[:7]
		case setting.Key == "vcs.modified" && setting.Value == "true":
			modified = "+"
		}
	}
	return upstream.Found{Path: path, Release: version + modified}, nil
}

func (o *Options) pager() program {
	return program{
		name: namePager, endpoint: o.Ports.Address(PortPager), ports: []string{PortPager},
		health: o.Ports.URL(PortPager) + "/healthz", page: o.Ports.Link(PortPager),
		find: func(context.Context, report) (upstream.Found, error) { return ownProgram(o.Self) },
		args: func(string) []string {
			return []string{"pager", "--addr", o.Ports.Address(PortPager), "--dir", o.path("pager")}
		},
		dir:     o.Root,
		onReady: func() error { return o.addTarget(namePager, PortPager) },
	}
}

func (o *Options) prometheus(builder upstream.Builder, turn turn) program {
	return program{
		name: namePrometheus, endpoint: o.Ports.Address(PortPrometheus), ports: []string{PortPrometheus},
		health: o.Ports.URL(PortPrometheus) + "/-/ready", page: o.Ports.Link(PortPrometheus),
		find: o.upstream(builder, namePrometheus, turn),
		args: func(string) []string {
			return []string{
				"--config.file=" + o.path("prometheus", "prometheus.yml"),
				"--config.auto-reload", "--config.auto-reload-interval=5s", // new rules of `lookout build` take effect
				"--storage.tsdb.path=" + o.path("prometheus", "data"),
				"--storage.tsdb.retention.time=40d", // longer than the 30 days of an error budget
				"--storage.tsdb.retention.size=2GB",
				"--enable-feature=exemplar-storage",
				"--web.listen-address=" + o.Ports.Address(PortPrometheus),
				"--web.external-url=" + o.Ports.Link(PortPrometheus),
			}
		},
		env: []string{leanHeap}, dir: o.path("prometheus"),
		patience: 3 * time.Minute, // it reads its write-ahead log first
		onReady:  func() error { return o.addTarget(namePrometheus, PortPrometheus) },
	}
}

func (o *Options) alertmanager(builder upstream.Builder, turn turn) program {
	return program{
		name: nameAlertmanager, endpoint: o.Ports.Address(PortAlertmanager), ports: []string{PortAlertmanager},
		health: o.Ports.URL(PortAlertmanager) + "/-/ready", page: o.Ports.Link(PortAlertmanager),
		find: o.upstream(builder, nameAlertmanager, turn),
		args: func(string) []string {
			return []string{
				"--config.file=" + o.path("alertmanager", "alertmanager.yml"),
				"--storage.path=" + o.path("alertmanager", "data"),
				"--web.listen-address=" + o.Ports.Address(PortAlertmanager),
				"--web.external-url=" + o.Ports.Link(PortAlertmanager),
				"--cluster.listen-address=", // one Alertmanager is no cluster
			}
		},
		env: []string{leanHeap}, dir: o.path("alertmanager"), // secrets/ is read from here
		onReady: func() error { return o.addTarget(nameAlertmanager, PortAlertmanager) },
	}
}

func (o *Options) jaeger(builder upstream.Builder, turn turn) program {
	port := func(variable, name string) string { return variable + "=" + strconv.Itoa(o.Ports[name]) }
	return program{
		name: nameJaeger, endpoint: o.Ports.Address(PortOTLPGRPC),
		ports:  []string{PortJaeger, PortJaegerGRPC, PortJaegerHealth, PortJaegerStats, PortOTLPGRPC, PortOTLPHTTP},
		health: o.Ports.URL(PortJaegerHealth) + "/status", page: o.Ports.Link(PortJaeger),
		find: o.upstream(builder, nameJaeger, turn),
		args: func(string) []string { return o.jaegerConfig() },
		env: []string{
			leanHeap, "JAEGER_LISTEN_HOST=" + localhost,
			"SAMPLING_SHARE=" + strconv.FormatFloat(o.SamplingShare, 'f', -1, 64),
			port("JAEGER_OTLP_GRPC_PORT", PortOTLPGRPC), port("JAEGER_OTLP_HTTP_PORT", PortOTLPHTTP),
			port("JAEGER_QUERY_PORT", PortJaeger), port("JAEGER_QUERY_GRPC_PORT", PortJaegerGRPC),
			port("JAEGER_HEALTH_PORT", PortJaegerHealth), port("JAEGER_METRICS_PORT", PortJaegerStats),
		},
		dir:     o.Root,
		onReady: func() error { return o.addTarget(nameJaeger, PortJaegerStats) },
	}
}

// jaegerConfig names Jaeger's files. Where every trace is kept none waits for a decision, and each can be looked at at once.
func (o *Options) jaegerConfig() []string {
	files := []string{"jaeger/config.yaml"}
	if o.SamplingShare < 100 {
		files = append(files, "collector/sampling.yaml", "jaeger/sampling.yaml")
	}
	var args []string
	for _, file := range files {
		args = append(args, "--config=file:"+filepath.Join(o.Root, "compose", file))
	}
	return args
}

// upstream finds a program of another project, and when it is missing waits for its turn to be built.
func (o *Options) upstream(builder upstream.Builder, name string, turn turn) func(context.Context, report) (upstream.Found, error) {
	return func(ctx context.Context, say report) (upstream.Found, error) {
		defer turn.end()
		wanted, err := upstream.Lookup(name)
		if err != nil {
			return upstream.Found{}, err
		}
		found, err := upstream.Find(ctx, wanted, o.Bin)
		if !errors.Is(err, upstream.ErrNotFound) {
			return found, err
		}
		if o.NoBuild {
			return found, fmt.Errorf("%w: put it on PATH, build it with `lookout tools --install %s`, or start without --no-build", err, name)
		}
		say(Building, "waits for its turn to be built")
		if err := turn.wait(ctx); err != nil {
			return found, err
		}
		return builder.Ensure(ctx, wanted, func() { say(Building, wanted.Expectation()) })
	}
}
