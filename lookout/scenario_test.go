package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"lookout": func() { os.Exit(run()) }})
}

// Each scenario in testdata/scenarios is a session in a terminal, in a copy of the repository's own SLOs, rules and
// dashboards.
func TestScenarios(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   filepath.Join("testdata", "scenarios"),
		Setup: copyRepository,
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"replace": replaceInFile},
	})
}

func copyRepository(env *testscript.Env) error {
	for _, path := range []string{
		"go.mod", "slo/api-availability.yaml", "compose/prometheus/prometheus.yml", "compose/prometheus/rules",
		"compose/prometheus/targets",
		"compose/alertmanager", "dashboards/json", "docs/telemetry.md",
	} {
		if err := copyAll(filepath.Join("..", path), filepath.Join(env.WorkDir, path)); err != nil {
			return err
		}
	}
	return nil
}

func copyAll(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o600)
	})
}

// replaceInFile is `replace FILE OLD NEW`: every OLD becomes NEW, and there must be one.
func replaceInFile(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	path := ts.MkAbs(args[0])
	content := ts.ReadFile(args[0])
	if !strings.Contains(content, args[1]) {
		ts.Fatalf("%s does not contain %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(path, []byte(strings.ReplaceAll(content, args[1], args[2])), 0o600))
}
