package telemetry

import (
	"net"
	"net/netip"
)

// The parts of a client's address that are recorded: the networks that internet providers give to their customers are no
// larger, so that they name no person.
const (
	recordedIPv4 = 24 // bits
	recordedIPv6 = 48
)

// clientAddress is the address as it is recorded.
func (t *Telemetry) clientAddress(ip net.IP) string { return string(t.appendClientAddress(nil, ip)) }

// appendClientAddress appends it. Those of private networks are of our own machines, and stay whole.
func (t *Telemetry) appendClientAddress(text []byte, ip net.IP) []byte {
	address, _ := netip.AddrFromSlice(ip) // of an address there are 4 or 16 bytes
	address = address.Unmap()
	if t.config.FullClientAddress || ip.IsLoopback() || ip.IsPrivate() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() {
		return address.AppendTo(text)
	}
	bits := recordedIPv6
	if address.Is4() {
		bits = recordedIPv4
	}
	network, err := address.Prefix(bits)
	if err != nil { // it is no address
		return text
	}
	return network.Addr().AppendTo(text)
}
