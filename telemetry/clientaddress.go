package telemetry

import "net"

// The parts of a client's address that are recorded: the networks that internet providers give to their customers are no
// larger, so that they name no person.
const (
	recordedIPv4 = 24 // bits
	recordedIPv6 = 48
)

// clientAddress is the address as it is recorded. Those of private networks are of our own machines, and stay whole.
func (t *Telemetry) clientAddress(ip net.IP) string {
	switch {
	case t.config.FullClientAddress, ip.IsLoopback(), ip.IsPrivate(), ip.IsUnspecified(), ip.IsLinkLocalUnicast():
		return ip.String()
	case ip.To4() != nil:
		return ip.Mask(net.CIDRMask(recordedIPv4, 8*net.IPv4len)).String() //nolint:mnd // bits of a byte
	}
	return ip.Mask(net.CIDRMask(recordedIPv6, 8*net.IPv6len)).String() //nolint:mnd // bits of a byte
}
