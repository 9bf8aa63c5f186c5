package build_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/dashboards"
	"github.com/farmersmarket/platform/lookout/build"
)

const repository = "../.."

func generate(t *testing.T) []build.File {
	t.Helper()
	files, err := build.Generate(repository, dashboards.DefaultLinks)
	require.NoError(t, err)
	return files
}

func TestWhatIsCommittedIsUpToDate(t *testing.T) {
	drifts, err := build.Check(repository, generate(t))
	require.NoError(t, err)
	for _, d := range drifts {
		t.Errorf("%s is stale; run `lookout build`:\n%s", d.Path, d.Short(40))
	}
}

func TestGeneratingTwiceGivesTheSameBytes(t *testing.T) {
	first, second := generate(t), generate(t)
	require.Equal(t, first, second)
}

func TestLinksStartWhereTheyAreToldTo(t *testing.T) {
	files, err := build.Generate(repository, "https://lookout.example.org")
	require.NoError(t, err)
	for _, f := range files {
		if filepath.Base(f.Path) == "slo.yml" {
			require.Contains(t, string(f.Content), "runbook_url: https://lookout.example.org/runbooks/api-availability")
			require.NotContains(t, string(f.Content), "localhost")
		}
	}
}

func TestWrite(t *testing.T) {
	root, files := t.TempDir(), generate(t)
	paths := func() []string {
		changed, err := build.Write(root, files)
		require.NoError(t, err)
		return changed
	}
	require.Len(t, paths(), len(files), "the first build writes every file")
	require.Empty(t, paths(), "a second build writes nothing")

	slo := filepath.Join(root, "compose", "prometheus", "rules", "slo.yml")
	require.NoError(t, os.WriteFile(slo, []byte("edited\n"), 0o600))
	drifts, err := build.Check(root, files)
	require.NoError(t, err)
	require.Len(t, drifts, 1)
	require.Equal(t, "compose/prometheus/rules/slo.yml", drifts[0].Path)
	require.Contains(t, drifts[0].Diff, "-edited")
	require.Contains(t, drifts[0].Short(5), "more lines")
	require.Equal(t, []string{"compose/prometheus/rules/slo.yml"}, paths(), "an edit by hand is overwritten")

	old := filepath.Join(root, "dashboards", "json", "gone.json")
	require.NoError(t, os.WriteFile(old, []byte("{}\n"), 0o600))
	drifts, err = build.Check(root, files)
	require.NoError(t, err)
	require.Len(t, drifts, 1)
	require.Equal(t, []string{"dashboards/json/gone.json"}, paths(), "a file that nothing generates any more is removed")
	require.NoFileExists(t, old)

	entries, err := os.ReadDir(filepath.Dir(slo))
	require.NoError(t, err)
	require.Len(t, entries, 2, "no temporary file is left behind")
}

func TestAFolderThatCannotBeWrittenIsAnError(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "compose"), nil, 0o600))
	_, err := build.Write(root, generate(t))
	require.ErrorContains(t, err, "write generated file")
}

func TestWithoutSLOsNothingIsBuilt(t *testing.T) {
	_, err := build.Generate(t.TempDir(), dashboards.DefaultLinks)
	require.ErrorContains(t, err, "no SLO files")
}

func TestTheRealProgramsAcceptWhatIsGenerated(t *testing.T) {
	for sentence, command := range map[string][]string{
		"promtool accepts the rules": {
			"promtool", "check", "rules", "--lint=all", "compose/prometheus/rules/slo.yml", "compose/prometheus/rules/alerts.yml",
		},
		"promtool accepts the configuration that loads them": {"promtool", "check", "config", "compose/prometheus/prometheus.yml"},
		"amtool accepts the routing": {
			"amtool", "check-config", "compose/alertmanager/alertmanager.yml", "compose/alertmanager/alertmanager.local.yml",
		},
		"amtool routes a page to the pager": {
			"amtool", "config", "routes", "test", "--config.file=compose/alertmanager/alertmanager.yml", "--verify.receivers=page",
			"alertname=ApiAvailabilityBudgetBurn", "severity=page", "service=market-api", "slo=api-availability",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			run := exec.Command(program(t, command[0]), command[1:]...)
			run.Dir = repository
			output, err := run.CombinedOutput()
			require.NoError(t, err, "%s", output)
		})
	}
}

// program finds an upstream program on PATH or where `lookout tools` builds them.
func program(t *testing.T, name string) string {
	t.Helper()
	built, err := filepath.Abs(filepath.Join(repository, ".bin", name))
	require.NoError(t, err)
	if _, err := os.Stat(built); err == nil {
		return built
	}
	path, err := exec.LookPath(name)
	if err != nil {
		require.Failf(t, "a checker is missing", "%s is neither in .bin/ nor on PATH: `make checkers` builds it", name)
	}
	return path
}
