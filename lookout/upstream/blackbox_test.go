package upstream

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/lookout/process"
)

// TestBlackboxAcceptsItsConfiguration asks the real program.
func TestBlackboxAcceptsItsConfiguration(t *testing.T) {
	program, err := Lookup("blackbox_exporter")
	require.NoError(t, err)
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	builder := Builder{Root: root, BinDir: filepath.Join(root, ".bin"), Starter: process.NewStarter()}
	defer builder.Starter.Close()
	found, err := builder.Ensure(t.Context(), program, func() { t.Log(program.Expectation()) })
	require.NoError(t, err)
	check := func(path string) (string, error) {
		output, err := exec.Command(found.Path, "--config.check", "--config.file="+path).CombinedOutput()
		return string(output), err
	}
	committed := filepath.Join(root, "compose", "blackbox", "config.yml")
	output, err := check(committed)
	require.NoError(t, err, "%s", output)

	content, err := os.ReadFile(committed)
	require.NoError(t, err)
	broken := filepath.Join(t.TempDir(), "config.yml")
	require.NoError(t, os.WriteFile(broken, []byte(strings.Replace(string(content), "follow_redirects", "follow_redirect", 1)), 0o600))
	output, err = check(broken)
	require.Error(t, err, "%s", output)
}
