// Package typescript has the tests of the TypeScript client, which is beside it.
package typescript

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/servertest"
)

// run runs a program here, which must succeed, and returns what it prints.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	require.NoError(t, err, "%s %s: %s", program, strings.Join(args, " "), output)
	return string(output)
}

// TestMain builds the client and /rum.js once for all tests.
func TestMain(m *testing.M) {
	for _, command := range [][]string{
		{"npm", "ci", "--no-audit", "--no-fund", "--prefer-offline"}, {"npm", "run", "build"}, {"npm", "run", "bundle"},
	} {
		output, err := exec.CommandContext(context.Background(), command[0], command[1:]...).CombinedOutput()
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n%s", strings.Join(command, " "), err, output)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func TestTheClientIsTypedAndItsTestsAndExampleRun(t *testing.T) {
	server := servertest.Start(t)

	output := run(t, "node", "dist/example.js", server.URL)
	require.Regexp(t, `honey: \d+ kinds`, output)
	require.Contains(t, output, "logged in as Nora Byrne")
	require.Regexp(t, `ordered .+ for \d+\.\d\d EUR at .+: paid`, output)

	t.Setenv("MARKET_URL", server.URL)
	run(t, "node", "--test", "dist/client.test.js")
}

func TestTheLockfileNamesNoRegistry(t *testing.T) {
	raw, err := os.ReadFile("package-lock.json")
	require.NoError(t, err)
	var lock struct {
		Packages map[string]struct {
			Resolved  string `json:"resolved"`
			Integrity string `json:"integrity"`
		} `json:"packages"`
	}
	require.NoError(t, json.Unmarshal(raw, &lock))
	require.Greater(t, len(lock.Packages), 10)
	for name, one := range lock.Packages {
		require.Empty(t, one.Resolved, name)
		if name != "" {
			require.True(t, strings.HasPrefix(one.Integrity, "sha512-"), name)
		}
	}
}
