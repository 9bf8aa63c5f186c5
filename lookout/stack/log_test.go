package stack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/testlog"
)

func TestLogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.log")
	log, err := openLog(path)
	require.NoError(t, err)
	line := strings.Repeat("x", 1<<20-1) + "\n"
	for range 13 {
		_, err := log.Write([]byte(line))
		require.NoError(t, err)
	}
	log.close()
	require.NoError(t, log.err())
	for file, want := range map[string]int64{path: 3 << 20, path + ".1": 5 << 20} {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, want, info.Size(), file)
	}
}

func TestLogIsAppendedTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.log")
	for _, line := range []string{"first\n", "second\n"} {
		log, err := openLog(path)
		require.NoError(t, err)
		_, err = log.Write([]byte(line))
		require.NoError(t, err)
		log.close()
	}
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "first\nsecond\n", string(raw))
}

func TestLastLines(t *testing.T) {
	tests := map[string]struct {
		writes []string
		want   []string
	}{
		"lines are split where they end, not where writes end": {[]string{"on", "e\ntw", "o\n"}, []string{"one", "two"}},
		"a line that is not ended yet does not count":          {[]string{"one\ntwo"}, []string{"one"}},
		"empty lines do not count":                             {[]string{"one\n\n \n"}, []string{"one"}},
		"colours, tabs and bells are taken out":                {[]string{"\x1b[31mone\x1b[0m\ttwo\a\n"}, []string{"one two"}},
		"a broken character is taken out":                      {[]string{"on\xffe\n"}, []string{"one"}},
		"only the last ten are kept": {
			[]string{"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n"},
			[]string{"2", "3", "4", "5", "6", "7", "8", "9", "10", "11"},
		},
		"a line is cut at 400 bytes": {
			[]string{strings.Repeat("x", 300), strings.Repeat("y", 300), "z\n"},
			[]string{strings.Repeat("x", 300) + strings.Repeat("y", 100)},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			log, err := openLog(filepath.Join(t.TempDir(), "x.log"))
			require.NoError(t, err)
			defer log.close()
			for _, write := range test.writes {
				_, err := log.Write([]byte(write))
				require.NoError(t, err)
			}
			require.Equal(t, test.want, log.lastLines())
		})
	}
}

func TestFullDisk(t *testing.T) {
	log, err := openLog("/dev/full") // Linux's device on which every write fails as on a full disk
	require.NoError(t, err)
	n, err := log.Write([]byte("lost\n"))
	require.NoError(t, err, "the program must not be blocked")
	require.Equal(t, 5, n)
	require.ErrorIs(t, log.err(), syscall.ENOSPC)
	require.Equal(t, "lost", log.last())

	explained := explainDisk(log.err(), "/data")
	require.ErrorContains(t, explained, "the disk is full: free some space where /data is")
	require.ErrorContains(t, explained, "--dir")

	t.Run("a start without room is refused with the remedy", func(t *testing.T) {
		err := checkSpace(t.TempDir(), 1<<62)
		require.ErrorContains(t, err, "the disk is full")
		require.ErrorContains(t, err, "--dir")
		require.NoError(t, checkSpace(t.TempDir(), 1))
	})
}

func TestLogs(t *testing.T) {
	dir := t.TempDir()
	log, err := openLog(filepath.Join(dir, "server.log"))
	require.NoError(t, err)
	defer log.close()
	for i := range 5 {
		_, err := fmt.Fprintf(log, "line %d\n", i)
		require.NoError(t, err)
	}

	t.Run("the last lines are printed", func(t *testing.T) {
		var out testlog.Buffer
		require.NoError(t, Log{Dir: dir, Name: nameServer}.Print(&out, 2))
		require.Equal(t, "line 3\nline 4\n", out.String())
	})
	t.Run("following goes on across a rotation and loses nothing", func(t *testing.T) {
		var out testlog.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- Log{Dir: dir, Name: nameServer}.Follow(ctx, &out, 1) }()
		require.Eventually(t, func() bool { return out.String() == "line 4\n" }, soon, time.Millisecond)
		for i := range 4 {
			want := fmt.Sprintf("more %d\n", i)
			_, err := log.Write([]byte(want))
			require.NoError(t, err)
			log.mu.Lock()
			require.NoError(t, log.rotate())
			log.mu.Unlock()
			require.Eventually(t, func() bool { return strings.HasSuffix(out.String(), want) }, soon, time.Millisecond)
		}
		cancel()
		require.NoError(t, <-ended)
		require.Equal(t, "line 4\nmore 0\nmore 1\nmore 2\nmore 3\n", out.String())
	})
	t.Run("lines from before the rotation are printed too", func(t *testing.T) {
		var out testlog.Buffer
		require.NoError(t, Log{Dir: dir, Name: nameServer}.Print(&out, 5))
		require.Equal(t, "more 3\n", out.String(), "one older file is kept")
	})
	t.Run("a misspelt name is told the nearest", func(t *testing.T) {
		require.ErrorContains(t, Log{Dir: dir, Name: "promethius"}.Print(nil, 1), `did you mean "prometheus"?`)
	})
	t.Run("a component without a log is said to have none", func(t *testing.T) {
		require.ErrorContains(t, Log{Dir: dir, Name: nameJaeger}.Print(nil, 1), "jaeger has no log yet")
	})
}
