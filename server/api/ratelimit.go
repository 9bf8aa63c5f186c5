package api

import (
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/clientaddr"
	"github.com/farmersmarket/platform/server/ratelimit"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// RateLimits bound what one client may ask for.
type RateLimits struct {
	Limiter *ratelimit.Limiter  // nil: no limits
	Exempt  clientaddr.Networks // clients without limits
}

// Headers that tell a client of its limit. They are those of the IETF draft that clients know; its later form, one
// structured field, is read by few.
const (
	headerLimit     = "RateLimit-Limit"
	headerRemaining = "RateLimit-Remaining"
	headerReset     = "RateLimit-Reset" // seconds
	headerPolicy    = "RateLimit-Policy"
)

// clientKey is where a request carries the address of its client.
type clientKey struct{}

// findClient notes the client's address, as far as trusted proxies say it.
func findClient(trusted clientaddr.Networks) fiber.Handler {
	return func(c *fiber.Ctx) error {
		peer, ok := netip.AddrFromSlice(c.Context().RemoteIP())
		if !ok {
			return c.Next()
		}
		c.Locals(clientKey{}, trusted.Client(peer, forwardedFor(c)))
		return c.Next()
	}
}

// forwardedFor returns every X-Forwarded-For line as one: a proxy may add a line of its own below those that it was sent.
func forwardedFor(c *fiber.Ctx) string {
	return string(bytes.Join(c.Request().Header.PeekAll(fiber.HeaderXForwardedFor), []byte{','}))
}

// clientOf returns the address of the request's client; not a valid one when the connection has none.
func clientOf(c *fiber.Ctx) netip.Addr {
	address, _ := c.Locals(clientKey{}).(netip.Addr)
	return address
}

// limitRate refuses the requests of a client that is over its limit.
func limitRate(limits RateLimits) fiber.Handler {
	return func(c *fiber.Ctx) error {
		class, limited := classOf(c.Method(), telemetry.RouteOf(c.UserContext()))
		if !limited || limits.Exempt.Contain(clientOf(c)) {
			return c.Next()
		}
		decision, err := limits.Limiter.Take(c.UserContext(), class, whoAsks(c, class))
		if err != nil {
			return err
		}
		if !decision.Allowed {
			tell(c, decision)
			p := newProblem(http.StatusTooManyRequests, fmt.Sprintf("more than %d such requests in %s: try again in %s",
				decision.Limit, decision.Period, decision.Reset))
			p.retryAfter = seconds(decision.Reset.Seconds())
			telemetry.Fail(c.UserContext(), catalogue.ErrorLimited, p)
			return p
		}
		err = c.Next()
		if !strings.HasPrefix(string(c.Response().Header.Peek(fiber.HeaderCacheControl)), "public") {
			tell(c, decision) // what a CDN keeps for everybody does not say how much one client has left
		}
		return err
	}
}

func tell(c *fiber.Ctx, d ratelimit.Decision) {
	if d.Limit == 0 {
		return
	}
	limit := strconv.FormatInt(d.Limit, 10)
	c.Set(headerLimit, limit)
	c.Set(headerRemaining, strconv.FormatInt(d.Remaining, 10))
	c.Set(headerReset, seconds(d.Reset.Seconds()))
	c.Set(headerPolicy, limit+";w="+seconds(d.Period.Seconds()))
}

func seconds(s float64) string { return strconv.FormatFloat(s, 'f', -1, 64) }

// classOf says which limit a request counts against; none for health probes, which come often, and for the payment
// provider's notices, which are signed and must not be lost.
func classOf(method, route string) (class ratelimit.Class, limited bool) {
	reads := method == fiber.MethodGet || method == fiber.MethodHead || method == fiber.MethodOptions
	switch {
	case route == healthPath, route == livePath, route == readyPath, strings.Contains(route, "/webhook"):
		return "", false
	case reads:
		return ratelimit.Reads, true
	case route == rumPath:
		return ratelimit.RUM, true
	case method == fiber.MethodPut && route == imagePath:
		return ratelimit.Images, true
	case strings.HasPrefix(route, "/api/v1/auth/"):
		return ratelimit.Auth, true
	}
	return ratelimit.Writes, true
}

// whoAsks names the client: its account or, where it has none or is about to show that it has, its address.
func whoAsks(c *fiber.Ctx, class ratelimit.Class) string {
	if principal, known := auth.From(c.UserContext()); known && class != ratelimit.Auth {
		return ratelimit.Account(principal.AccountID)
	}
	return ratelimit.Address(clientOf(c))
}

// documentLimit adds what every operation may answer when there are too many.
func documentLimit(_ *huma.OpenAPI, op *huma.Operation) {
	code := strconv.Itoa(http.StatusTooManyRequests)
	example := op.Responses[strconv.Itoa(http.StatusInternalServerError)]
	if _, limited := classOf(op.Method, op.Path); limited && op.Responses[code] == nil && example != nil {
		op.Responses[code] = &huma.Response{Description: http.StatusText(http.StatusTooManyRequests), Content: example.Content}
	}
}
