package telemetry

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClientAddress(t *testing.T) {
	for name, c := range map[string]struct {
		ip, network string
	}{
		"IPv4":                         {"203.0.113.77", "203.0.113.0"},
		"IPv6":                         {"2001:db8:1:2:3:4:5:6", "2001:db8:1::"},
		"IPv4 in IPv6":                 {"::ffff:203.0.113.77", "203.0.113.0"},
		"a proxy on a private network": {"10.1.2.3", "10.1.2.3"},
		"this machine":                 {"127.0.0.1", "127.0.0.1"},
		"no address":                   {"0.0.0.0", "0.0.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.network, (&Telemetry{}).clientAddress(net.ParseIP(c.ip)))
			full := Telemetry{config: Config{FullClientAddress: true}}
			require.Equal(t, net.ParseIP(c.ip).String(), full.clientAddress(net.ParseIP(c.ip)))
		})
	}
}
