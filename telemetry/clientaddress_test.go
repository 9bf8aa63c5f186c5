package telemetry

import (
	"bufio"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

func TestClientAddress(t *testing.T) {
	behindProxy := func(peer netip.Addr, forwarded string) netip.Addr {
		if peer.IsPrivate() && forwarded == "198.51.100.1,203.0.113.77" {
			return netip.MustParseAddr("203.0.113.77")
		}
		return peer
	}
	for name, c := range map[string]struct {
		peer, forwarded, recorded, full string
	}{
		"IPv4":                          {"203.0.113.77", "", "203.0.113.0", "203.0.113.77"},
		"IPv6":                          {"2001:db8:1:2:3:4:5:6", "", "2001:db8:1::", "2001:db8:1:2:3:4:5:6"},
		"IPv4 in IPv6":                  {"::ffff:203.0.113.77", "", "203.0.113.0", "203.0.113.77"},
		"a proxy on a private network":  {"10.1.2.3", "", "10.1.2.3", "10.1.2.3"},
		"this machine":                  {"127.0.0.1", "", "127.0.0.1", "127.0.0.1"},
		"no address":                    {"0.0.0.0", "", "0.0.0.0", "0.0.0.0"},
		"a client behind proxies":       {"10.1.2.3", "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.77\r\n", "203.0.113.0", "203.0.113.77"},
		"a client that claims to be so": {"192.0.2.9", "X-Forwarded-For: 198.51.100.1,203.0.113.77\r\n", "192.0.2.0", "192.0.2.9"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := &fasthttp.RequestCtx{}
			ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.ParseIP(c.peer), Port: 1}, nil)
			require.NoError(t, ctx.Request.Read(bufio.NewReader(strings.NewReader("GET / HTTP/1.1\r\nHost: test\r\n"+c.forwarded+"\r\n"))))
			for full, want := range map[bool]string{false: c.recorded, true: c.full} {
				tel := &Telemetry{config: Config{ClientAddress: behindProxy, FullClientAddress: full}}
				require.Equal(t, want, string(tel.appendClientAddress(nil, ctx)))
			}
		})
	}
}
