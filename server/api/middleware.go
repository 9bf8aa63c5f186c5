package api

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
)

// securityHeaders says of every answer what secure does, until a handler says otherwise.
func securityHeaders(c *fiber.Ctx) error {
	secure(c)
	return c.Next()
}

// secure says that the answer is data, never to be sniffed, framed or run, and the caller's own.
func secure(c *fiber.Ctx) {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
	c.Set(fiber.HeaderCacheControl, notCached)
}

// bound gives each request a deadline, which everything that it waits for respects.
func bound(timeout time.Duration) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(c.UserContext(), timeout)
		defer cancel()
		c.SetUserContext(ctx)
		return c.Next()
	}
}

// identity is the encoding of a body that is not encoded.
const identity = "identity"

// refuseEncoded refuses bodies with a Content-Encoding. Fiber would undo it, as often as the header says and however much
// comes out: a few hundred bytes become a gigabyte, which no limit of a body's size sees before it is in memory.
func refuseEncoded(c *fiber.Ctx) error {
	encoding := string(bytes.Join(c.Request().Header.PeekAll(fiber.HeaderContentEncoding), []byte(", ")))
	if encoding == "" || strings.EqualFold(encoding, identity) {
		return c.Next()
	}
	c.Set(fiber.HeaderAcceptEncoding, identity) // RFC 9110, 15.5.16
	p := newProblem(http.StatusUnsupportedMediaType, "a body is not taken with a Content-Encoding: send it as it is, not compressed")
	p.Errors = []*huma.ErrorDetail{{
		Location: "header." + fiber.HeaderContentEncoding, Message: "must be " + identity + ", or left out", Value: encoding,
	}}
	return p
}
