package telemetry

import (
	"bytes"
	"net"
	"net/netip"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// The parts of a client's address that are recorded: the networks that internet providers give to their customers are no
// larger, so that they name no person.
const (
	recordedIPv4 = 24 // bits
	recordedIPv6 = 48
)

// appendClientAddress appends the address of the request's client as it is recorded.
func (t *Telemetry) appendClientAddress(text []byte, ctx *fasthttp.RequestCtx) []byte {
	return appendRecorded(text, t.clientOf(ctx), t.config.FullClientAddress)
}

// clientOf returns the client's address; not a valid one when the connection has none.
func (t *Telemetry) clientOf(ctx *fasthttp.RequestCtx) netip.Addr {
	tcp, ok := ctx.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	peer := tcp.AddrPort().Addr().Unmap()
	if t.config.ClientAddress == nil || len(ctx.Request.Header.Peek(fiber.HeaderXForwardedFor)) == 0 {
		return peer
	}
	forwarded := bytes.Join(ctx.Request.Header.PeekAll(fiber.HeaderXForwardedFor), []byte{','})
	return t.config.ClientAddress(peer, string(forwarded))
}

// appendRecorded appends the part of an address that is recorded. Those of private networks are of our own machines, and
// stay whole.
func appendRecorded(text []byte, address netip.Addr, full bool) []byte {
	if !address.IsValid() {
		return text
	}
	address = address.WithZone("")
	if full || address.IsLoopback() || address.IsPrivate() || address.IsUnspecified() || address.IsLinkLocalUnicast() {
		return address.AppendTo(text)
	}
	bits := recordedIPv6
	if address.Is4() {
		bits = recordedIPv4
	}
	network, err := address.Prefix(bits)
	if err != nil { // it has as many bits
		return text
	}
	return network.Addr().AppendTo(text)
}
