package stack

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNothingOutlivesAKilledSupervisor(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pids")
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+roleSupervisor, "FAKE_PID_FILE="+pidFile, "FAKE_DIR="+dir,
		"FAKE_ROOT="+repository(t), "FAKE_PORT="+strconv.Itoa(freePorts(t, 4)))
	require.NoError(t, cmd.Start())
	pids := pidsIn(t, pidFile, 2)
	_, err := ReadStatus(dir)
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	gone(t, pids...)
	_, err = ReadStatus(dir)
	require.ErrorIs(t, err, ErrNotRunning, "the state it left behind must not count")
}
