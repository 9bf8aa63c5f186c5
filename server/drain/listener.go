// Package drain lets a server stop without waiting for connections on which no request ever came. Browsers and pools of
// connections open some in advance.
package drain

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Listener closes, when it is closed itself, the connections on which nothing has come yet. fasthttp takes those for busy
// until its read timeout, and waits for them. Those that have been used, and are idle, fasthttp closes.
type Listener struct {
	net.Listener
	grace time.Duration

	mu      sync.Mutex
	closing bool
	unused  map[*conn]struct{}
}

// Wrap returns a Listener over another. A connection gets the grace, from when it was accepted, for its first byte:
// whoever has just connected is about to ask.
func Wrap(l net.Listener, grace time.Duration) *Listener {
	return &Listener{Listener: l, grace: grace, unused: map[*conn]struct{}{}}
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: accepted, listener: l, since: time.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unused[c] = struct{}{}
	if l.closing {
		l.limit(c)
	}
	return c, nil
}

// Close implements net.Listener.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing = true
	for c := range l.unused {
		l.limit(c)
	}
	return l.Listener.Close()
}

// limit closes the connection when its grace is over, unless it is used by then.
func (l *Listener) limit(c *conn) {
	if left := l.grace - time.Since(c.since); left > 0 {
		time.AfterFunc(left, c.drop)
		return
	}
	c.drop()
}

func (l *Listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.unused, c)
}

// The states of a connection; it leaves the first one once.
const (
	unused int32 = iota
	used
	dropped
)

type conn struct {
	net.Conn
	listener *Listener
	since    time.Time
	state    atomic.Int32
}

// Read implements net.Conn. Of a connection that was dropped it says that the client has ended it, which is what a server
// expects of one without a request.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	switch {
	case c.state.Load() == used:
	case n > 0 && c.state.CompareAndSwap(unused, used):
		c.listener.forget(c)
	case c.state.Load() == dropped:
		return 0, io.EOF
	}
	return n, err
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.listener.forget(c)
	return c.Conn.Close()
}

func (c *conn) drop() {
	if c.state.CompareAndSwap(unused, dropped) {
		_ = c.Conn.Close() // the server closes it again, and is told what there is to be told
	}
}
