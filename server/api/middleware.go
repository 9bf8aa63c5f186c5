package api

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"
)

// securityHeaders says that answers are data, never to be sniffed, framed or run, and the caller's own, until a handler
// says otherwise.
func securityHeaders(c *fiber.Ctx) error {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
	c.Set(fiber.HeaderCacheControl, notCached)
	return c.Next()
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
