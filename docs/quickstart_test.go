package docs_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/servertest"
)

func TestTheQuickstartEndsWithACollectedOrder(t *testing.T) {
	server := servertest.Start(t)
	page, err := os.ReadFile("quickstart.md")
	require.NoError(t, err)
	var commands strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(page, -1) {
		commands.Write(block[1])
	}
	const address = "API=http://localhost:8080\n"
	require.Equal(t, 1, strings.Count(commands.String(), address))

	shell := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c",
		strings.Replace(commands.String(), address, "API="+server.URL+"\n", 1))
	shell.Dir = servertest.Root(t)
	shell.Env = append(os.Environ(), server.Env()...)
	output, err := shell.CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, string(output), "sent twice, ordered once")
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	require.Equal(t, []string{`"packed"`, `"collected"`}, lines[len(lines)-2:], "%s", output)
}
