package process_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/lookout/process"
)

func TestWhatProcessesShareIsDividedAmongThem(t *testing.T) {
	var first *exec.Cmd
	for range 2 { // two instances of one program, whose code is in memory once
		cmd := exec.Command("cat")
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _, _ = in.Close(), cmd.Wait() })
		_, err = in.Write([]byte("x"))
		require.NoError(t, err)
		_, err = out.Read(make([]byte, 1)) // it runs
		require.NoError(t, err)
		if first == nil {
			first = cmd
		}
	}
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", first.Process.Pid))
	require.NoError(t, err)
	var size, resident uint64
	_, err = fmt.Fscan(strings.NewReader(string(raw)), &size, &resident)
	require.NoError(t, err)
	counted := process.ResidentBytes(first.Process.Pid)
	require.Positive(t, counted)
	require.Less(t, counted, resident*uint64(os.Getpagesize()))
}
