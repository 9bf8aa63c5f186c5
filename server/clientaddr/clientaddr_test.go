package clientaddr_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/clientaddr"
)

func TestTheClientIsWhomTheOutermostTrustedProxySaw(t *testing.T) {
	for name, c := range map[string]struct{ trusted, peer, forwarded, want string }{
		"no proxy, no header":                 {"", "203.0.113.7", "", "203.0.113.7"},
		"a header of a client's own":          {"", "203.0.113.7", "1.2.3.4", "203.0.113.7"},
		"a header through nobody we trust":    {"10.0.0.0/8", "203.0.113.7", "10.1.1.1", "203.0.113.7"},
		"one proxy":                           {"10.0.0.0/8", "10.0.0.1", "203.0.113.7", "203.0.113.7"},
		"two proxies":                         {"10.0.0.0/8", "10.0.0.1", "203.0.113.7, 10.0.0.2", "203.0.113.7"},
		"a forged address before the proxy's": {"10.0.0.0/8", "10.0.0.1", "1.2.3.4, 203.0.113.7", "203.0.113.7"},
		"a forged address of a proxy":         {"10.0.0.0/8", "10.0.0.1", "10.9.9.9, 203.0.113.7", "203.0.113.7"},
		"nonsense before the proxy's":         {"10.0.0.0/8", "10.0.0.1", "<script>,, 203.0.113.7", "203.0.113.7"},
		"nonsense alone":                      {"10.0.0.0/8", "10.0.0.1", "unknown", "10.0.0.1"},
		"an empty header":                     {"10.0.0.0/8", "10.0.0.1", "", "10.0.0.1"},
		"an address with a port":              {"10.0.0.0/8", "10.0.0.1", "203.0.113.7:4444", "203.0.113.7"},
		"IPv6 with a port":                    {"10.0.0.0/8", "10.0.0.1", "[2001:db8::1]:443", "2001:db8::1"},
		"IPv6 in brackets":                    {"10.0.0.0/8", "10.0.0.1", "[2001:db8::1]", "2001:db8::1"},
		"proxies with ports":                  {"10.0.0.0/8", "10.0.0.1", "1.2.3.4:1, 203.0.113.7:4444,10.0.0.2:80", "203.0.113.7"},
		"a port that is none":                 {"10.0.0.0/8", "10.0.0.1", "203.0.113.7:99999", "10.0.0.1"},
		"a port and nothing else":             {"10.0.0.0/8", "10.0.0.1", ":443", "10.0.0.1"},
		"a zone and a port":                   {"10.0.0.0/8", "10.0.0.1", "[fe80::1%eth7]:443", "fe80::1"},
		"everybody is trusted":                {"10.0.0.0/8", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
		"IPv6":                                {"fd00::/8", "fd00::1", "2001:db8::7", "2001:db8::7"},
		"IPv4 in IPv6":                        {"10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"},
		"a zone cannot make addresses":        {"10.0.0.0/8", "10.0.0.1", "fe80::1%eth7", "fe80::1"},
	} {
		t.Run(name, func(t *testing.T) {
			trusted, err := clientaddr.Parse(c.trusted)
			require.NoError(t, err)
			require.Equal(t, c.want, trusted.Client(netip.MustParseAddr(c.peer), c.forwarded).String())
		})
	}
}

func TestNetworksAreReadStrictly(t *testing.T) {
	networks, err := clientaddr.Parse(" 10.0.0.0/8, ::1 ,192.0.2.1")
	require.NoError(t, err)
	for address, in := range map[string]bool{"10.255.0.1": true, "::1": true, "::2": false, "192.0.2.1": true, "192.0.2.2": false} {
		require.Equal(t, in, networks.Contain(netip.MustParseAddr(address)), address)
	}
	for _, wrong := range []string{"10.0.0.0/33", "localhost", "10.0.0"} {
		_, err := clientaddr.Parse(wrong)
		require.ErrorContains(t, err, wrong)
	}
}

func FuzzClient(f *testing.F) {
	f.Add("203.0.113.7, 10.0.0.2")
	f.Add(",,%")
	f.Add("[2001:db8::1]:443, 10.0.0.2:80")
	trusted, err := clientaddr.Parse("10.0.0.0/8")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, forwarded string) {
		untrusted := netip.MustParseAddr("203.0.113.7")
		require.Equal(t, untrusted, trusted.Client(untrusted, forwarded), "a header changes nothing without a trusted proxy")
		require.True(t, trusted.Client(netip.MustParseAddr("10.0.0.1"), forwarded).IsValid())
		require.Equal(t, untrusted, trusted.Client(netip.MustParseAddr("10.0.0.1"), forwarded+",203.0.113.7"))
	})
}
