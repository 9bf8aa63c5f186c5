package drain_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/drain"
)

// connect returns a listener and both ends of a connection to it.
func connect(t *testing.T, grace time.Duration) (l net.Listener, client, server net.Conn) {
	t.Helper()
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l = drain.Wrap(inner, grace)
	client, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	require.NoError(t, err)
	server, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
		_ = l.Close()
	})
	return l, client, server
}

func say(t *testing.T, from, to net.Conn, word string) {
	t.Helper()
	_, err := io.WriteString(from, word)
	require.NoError(t, err)
	heard := make([]byte, len(word))
	_, err = io.ReadFull(to, heard)
	require.NoError(t, err)
	require.Equal(t, word, string(heard))
}

func TestAConnectionOnWhichNothingCameEndsWithItsListener(t *testing.T) {
	l, client, server := connect(t, time.Millisecond)
	require.NoError(t, l.Close())
	for end, c := range map[string]net.Conn{"server": server, "client": client} {
		n, err := c.Read(make([]byte, 1))
		require.Zero(t, n, end)
		require.ErrorIs(t, err, io.EOF, end)
	}
}

func TestAConnectionThatIsUsedOutlivesItsListener(t *testing.T) {
	l, client, server := connect(t, 0)
	say(t, client, server, "first")
	require.NoError(t, l.Close())
	say(t, client, server, "second")
	say(t, server, client, "answer")
}

func TestAConnectionThatWasJustOpenedMayStillAsk(t *testing.T) {
	l, client, server := connect(t, time.Hour)
	require.NoError(t, l.Close())
	say(t, client, server, "request")
	say(t, server, client, "answer")
}
