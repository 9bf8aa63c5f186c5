// Package clientaddr tells which address a request comes from when there are proxies in between.
package clientaddr

import (
	"fmt"
	"net/netip"
	"strings"
)

// Networks is a set of addresses.
type Networks []netip.Prefix

// Parse reads a list of networks, such as "10.0.0.0/8, ::1". An address alone is a network of one.
func Parse(list string) (Networks, error) {
	var networks Networks
	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		network, err := netip.ParsePrefix(entry)
		if err != nil {
			address, err := netip.ParseAddr(entry)
			if err != nil {
				return nil, fmt.Errorf("%q is neither a network such as 10.0.0.0/8 nor an address", entry)
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// Contain reports whether the address is in one of the networks.
func (n Networks) Contain(address netip.Addr) bool {
	for _, network := range n {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// Client returns the address of the client, given the networks of the proxies that are trusted, the address that the
// connection comes from, and the X-Forwarded-For header. Each proxy appends the address that it was asked from, and
// everything to the left of what the first trusted one has appended can be forged. So the header is read from the right,
// and only as far as trusted proxies wrote it.
func (n Networks) Client(peer netip.Addr, forwarded string) netip.Addr {
	client := peer.Unmap()
	for n.Contain(client) && forwarded != "" {
		last := strings.LastIndexByte(forwarded, ',')
		address, ok := parseEntry(strings.TrimSpace(forwarded[last+1:]))
		if !ok {
			break // a proxy that we trust says nothing that we understand: it stands for its clients
		}
		client = address.Unmap().WithZone("")
		forwarded = forwarded[:max(last, 0)]
	}
	return client
}

// parseEntry reads an address as proxies write it: alone, or with the port of the client's connection, as Azure's
// Application Gateway does. With a port, and with some proxies without, one of IPv6 is in brackets.
func parseEntry(entry string) (netip.Addr, bool) {
	if address, err := netip.ParseAddr(entry); err == nil {
		return address, true
	}
	if strings.HasSuffix(entry, "]") {
		entry += ":0"
	}
	withPort, err := netip.ParseAddrPort(entry)
	return withPort.Addr(), err == nil
}
