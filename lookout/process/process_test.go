package process_test

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/lookout/process"
)

func TestListener(t *testing.T) {
	tests := map[string]struct{ network, address string }{
		"a listener on IPv4 is named":          {"tcp4", "127.0.0.1:0"},
		"a listener on IPv6 is named":          {"tcp6", "[::1]:0"},
		"a listener on all addresses is named": {"tcp", ":0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen(test.network, test.address)
			require.NoError(t, err)
			port := listener.Addr().(*net.TCPAddr).Port
			require.Contains(t, process.Listener(port), "(pid "+strconv.Itoa(os.Getpid())+")")
			require.NoError(t, listener.Close())
			require.Empty(t, process.Listener(port), "nobody listens any more")
		})
	}
}

func TestResidentBytes(t *testing.T) {
	require.Greater(t, process.ResidentBytes(os.Getpid()), uint64(1<<20))
	require.Zero(t, process.ResidentBytes(1<<30))
}

func TestStarter(t *testing.T) {
	starter := process.NewStarter()
	defer starter.Close()

	t.Run("a child leads a group of its own, so that Ctrl-C does not reach it", func(t *testing.T) {
		cmd := exec.Command("sleep", "1000")
		require.NoError(t, starter.Start(cmd))
		group, err := syscall.Getpgid(cmd.Process.Pid)
		require.NoError(t, err)
		require.Equal(t, cmd.Process.Pid, group)
		require.NoError(t, process.SignalGroup(cmd.Process.Pid, syscall.SIGKILL))
		require.Error(t, cmd.Wait())
		require.NoError(t, process.SignalGroup(cmd.Process.Pid, syscall.SIGKILL), "a group that is gone is no error")
	})
	t.Run("a program that cannot be started is named", func(t *testing.T) {
		err := starter.Start(exec.Command("/no/such/program"))
		require.ErrorContains(t, err, "start /no/such/program")
		require.ErrorIs(t, err, os.ErrNotExist)
	})
	t.Run("work in the background is nice to others", func(t *testing.T) {
		cmd := exec.Command("sleep", "1000")
		require.NoError(t, starter.Start(cmd))
		require.NoError(t, process.Yield(cmd.Process.Pid))
		out, err := exec.Command("ps", "-o", "nice=", "-p", strconv.Itoa(cmd.Process.Pid)).Output()
		require.NoError(t, err)
		require.Equal(t, "10", strings.TrimSpace(string(out)))
		require.NoError(t, process.SignalGroup(cmd.Process.Pid, syscall.SIGKILL))
		require.Error(t, cmd.Wait())
	})
}
