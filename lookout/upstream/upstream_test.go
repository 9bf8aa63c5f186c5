package upstream

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/lookout/process"
)

func TestAtLeast(t *testing.T) {
	tests := map[string]struct {
		release, wanted string
		want            bool
	}{
		"the pinned release will do":                   {"3.16.0", "3.16.0", true},
		"a newer one will do":                          {"3.17.2", "3.16.0", true},
		"numbers are compared as numbers":              {"3.9.1", "3.16.0", false},
		"a newer major will do":                        {"10.0.0", "3.16.0", true},
		"an older one will not":                        {"2.53.0", "3.16.0", false},
		"a candidate of the pinned release will not":   {"3.16.0-rc.1", "3.16.0", false},
		"a candidate of a newer release will":          {"3.17.0-rc.1", "3.16.0", true},
		"a release that starts with v is the same one": {"v3.16.0", "3.16.0", true},
		"no release will not":                          {"", "3.16.0", false},
		"nonsense will not":                            {"latest", "3.16.0", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, AtLeast(test.release, test.wanted))
		})
	}
}

// script puts a program into a folder that prints what it is given.
func script(t *testing.T, dir, name, prints string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o750))
	text := fmt.Sprintf("#!/bin/sh\ncat <<'END'\n%s\nEND\n", prints)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700))
}

func TestFind(t *testing.T) {
	const (
		newer   = "prometheus, version 3.17.0 (branch: HEAD, revision: abc)"
		pinned  = "prometheus, version 3.16.0 (branch: , revision: unknown)"
		older   = "prometheus, version 2.53.1+ds1 (branch: debian/sid)"
		unknown = "prometheus, version  (branch: , revision: unknown)"
	)
	tests := map[string]struct {
		program       string
		onPath, built string // what each prints; not there when empty
		want          string // folder it is found in
		release       string
		problem       string
	}{
		"a newer one on PATH is taken":                {"prometheus", newer, "", "path", "3.17.0", ""},
		"the one on PATH goes before the built one":   {"prometheus", newer, pinned, "path", "3.17.0", ""},
		"an old one on PATH gives way to a built one": {"prometheus", older, pinned, "bin", "3.16.0", ""},
		"a built one is enough":                       {"prometheus", "", pinned, "bin", "3.16.0", ""},
		"an old one alone is not found, and is named": {"prometheus", older, "", "", "", "/prometheus is 2.53.1"},
		"one built for an older pin is not found":     {"prometheus", "", older, "", "", "/prometheus is 2.53.1"},
		"one that hides its release is not found":     {"prometheus", unknown, "", "", "", "does not tell its version"},
		"where there is none, none is found":          {"prometheus", "", "", "", "", "prometheus 3.16.0 or later: not found"},
		"Jaeger tells its release as JSON": {
			"jaeger", `{"gitCommit":"1","gitVersion":"v2.14.1","buildDate":""}2026/11/23 application version: git-commit=1`, "",
			"path", "2.14.1", "",
		},
		"Redis's exporter tells its release in a log line": {
			"redis_exporter", `time="2026-11-25T22:03:53Z" level=info msg="Redis Metrics Exporter 1.82.0    build date: ? "`, "",
			"path", "1.82.0", "",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if test.onPath != "" {
				script(t, filepath.Join(dir, "path"), test.program, test.onPath)
			}
			if test.built != "" {
				script(t, filepath.Join(dir, "bin"), test.program, test.built)
			}
			t.Setenv("PATH", filepath.Join(dir, "path")+":/usr/bin:/bin")
			program, err := Lookup(test.program)
			require.NoError(t, err)
			found, err := Find(t.Context(), program, filepath.Join(dir, "bin"))
			if test.problem != "" {
				require.ErrorIs(t, err, ErrNotFound)
				require.ErrorContains(t, err, test.problem)
				return
			}
			require.NoError(t, err)
			require.Equal(t, Found{Path: filepath.Join(dir, test.want, test.program), Release: test.release}, found)
		})
	}
}

func TestLookup(t *testing.T) {
	_, err := Lookup("promethius")
	require.ErrorContains(t, err, `did you mean "prometheus"?`)
	for _, program := range Programs() {
		found, err := Lookup(program.Name)
		require.NoError(t, err)
		require.Equal(t, program, found)
	}
}

// fakeGo puts a `go` on PATH that runs the shell commands given instead of building.
func fakeGo(t *testing.T, commands string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\n"+commands), 0o700))
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

func TestEnsure(t *testing.T) {
	const builds = `printf '#!/bin/sh\necho amtool, version 0.31.1\n' > "$GOBIN/amtool"; chmod +x "$GOBIN/amtool"; `
	tests := map[string]struct {
		goTool  string
		problem []string
	}{
		"a missing program is built": {goTool: builds},
		"a failed build leaves no half program": {
			goTool: builds + "echo 'x.go:1: syntax error' >&2; exit 1", problem: []string{"build amtool 0.31.1", "syntax error"},
		},
		"without network the remedy is said": {
			goTool:  `echo 'go: github.com/x@v1: Get "https://proxy.example/x": dial tcp: lookup proxy.example: no such host' >&2; exit 1`,
			problem: []string{"the first build needs the network", "no such host"},
		},
		"on a full disk the remedy is said": {
			goTool:  "echo 'mkdir /tmp/go-build: no space left on device' >&2; exit 1",
			problem: []string{"the disk is full: free some space", "no space left on device"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			starter := process.NewStarter()
			defer starter.Close()
			fakeGo(t, test.goTool)
			var log bytes.Buffer
			builder := Builder{Root: t.TempDir(), BinDir: filepath.Join(t.TempDir(), "bin"), Starter: starter, Log: &log}
			program, err := Lookup("amtool")
			require.NoError(t, err)
			announced := 0
			found, err := builder.Ensure(t.Context(), program, func() { announced++ })
			require.Equal(t, 1, announced)
			require.NoDirExists(t, filepath.Join(builder.BinDir, ".build"))
			if test.problem != nil {
				for _, part := range test.problem {
					require.ErrorContains(t, err, part)
				}
				require.NoFileExists(t, filepath.Join(builder.BinDir, "amtool"))
				return
			}
			require.NoError(t, err)
			require.Equal(t, Found{Path: filepath.Join(builder.BinDir, "amtool"), Release: "0.31.1"}, found)

			_, err = builder.Ensure(t.Context(), program, func() { announced++ })
			require.NoError(t, err)
			require.Equal(t, 1, announced, "what is built is not built again")
		})
	}

	t.Run("without Go the remedy is said", func(t *testing.T) {
		starter := process.NewStarter()
		defer starter.Close()
		t.Setenv("PATH", t.TempDir())
		program, err := Lookup("jaeger")
		require.NoError(t, err)
		_, err = Builder{Root: t.TempDir(), BinDir: t.TempDir(), Starter: starter}.Ensure(t.Context(), program, nil)
		require.ErrorContains(t, err, "install Go 1.26 or later from https://go.dev/dl/ (a C compiler is not needed)")
	})
}

func TestPinsAgree(t *testing.T) {
	modules := map[string][]string{ // of a program's module, those that hold its release
		"jaeger": {"github.com/jaegertracing/jaeger"},
		"otelcol-contrib": {
			"go.opentelemetry.io/collector/otelcol",
			"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor",
			"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/azuremonitorexporter",
			"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/sentryexporter",
		},
		"blackbox_exporter": {"github.com/prometheus/blackbox_exporter"},
		"postgres_exporter": {"github.com/prometheus-community/postgres_exporter"},
		"redis_exporter":    {"github.com/oliver006/redis_exporter"},
		"node_exporter":     {"github.com/prometheus/node_exporter"},
	}
	for name, paths := range modules {
		program, err := Lookup(name)
		require.NoError(t, err)
		module, err := os.ReadFile(filepath.Join("..", "..", program.module, "go.mod"))
		require.NoError(t, err)
		for _, path := range paths {
			require.Regexp(t, `(?m)^\t`+regexp.QuoteMeta(path+" "+program.Version)+`( |$)`, string(module), name)
		}
	}
	compose, err := os.ReadFile("../../compose/docker-compose.yaml")
	require.NoError(t, err)
	for name, image := range map[string]string{
		"prometheus": "prom/prometheus:v", "alertmanager": "prom/alertmanager:v", "jaeger": "jaegertracing/jaeger:",
		"blackbox_exporter": "prom/blackbox-exporter:v",
	} {
		program, err := Lookup(name)
		require.NoError(t, err)
		require.Contains(t, string(compose), "image: "+image+program.Release+"\n", "both modes run the same release")
	}
	for _, program := range Programs() {
		require.NotEmpty(t, program.Expectation())
	}
}
