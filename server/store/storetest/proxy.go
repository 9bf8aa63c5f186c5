package storetest

import (
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy forwards TCP connections to a server until it is told to be an outage.
type Proxy struct {
	target   string
	listener net.Listener
	done     sync.WaitGroup

	mu    sync.Mutex
	thaw  *sync.Cond
	state state
	open  map[net.Conn]struct{}
}

type state int

const (
	forwarding state = iota
	cut
	frozen
	closed
)

// NewProxy starts a proxy on loopback, which ends with the test.
func NewProxy(t *testing.T, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it ends with the test
	require.NoError(t, err)
	p := &Proxy{target: target, listener: listener, open: map[net.Conn]struct{}{}}
	p.thaw = sync.NewCond(&p.mu)
	p.done.Go(p.accept)
	t.Cleanup(func() {
		p.enter(closed)
		require.NoError(t, listener.Close())
		p.done.Wait()
	})
	return p
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut breaks all connections, and every new one at once.
func (p *Proxy) Cut() { p.enter(cut) }

// Freeze lets nothing more through, without breaking a connection: a network that swallows packets.
func (p *Proxy) Freeze() { p.enter(frozen) }

// Restore forwards again.
func (p *Proxy) Restore() { p.enter(forwarding) }

func (p *Proxy) enter(s state) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = s
	if s == cut || s == closed {
		for conn := range p.open {
			_ = conn.Close()
		}
		clear(p.open)
	}
	p.thaw.Broadcast()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target) //nolint:noctx // it ends with the test
		if err != nil {
			_ = client.Close()
			continue
		}
		if !p.keep(client, server) {
			continue
		}
		p.done.Go(func() { p.copy(client, server) })
		p.done.Go(func() { p.copy(server, client) })
	}
}

// keep notes the connections, or closes them where there is an outage.
func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		if p.state == cut || p.state == closed {
			_ = conn.Close()
			continue
		}
		p.open[conn] = struct{}{}
	}
	return p.state != cut && p.state != closed
}

func (p *Proxy) copy(to, from net.Conn) {
	defer func() { _ = to.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.awaitThaw()
		if _, writeErr := to.Write(buffer[:n]); err != nil || writeErr != nil {
			return
		}
	}
}

func (p *Proxy) awaitThaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.state == frozen {
		p.thaw.Wait()
	}
}
