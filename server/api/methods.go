package api

import (
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// unknownMethod marks a request that came with a method which HTTP does not have.
type unknownMethod struct{}

// routeUnknownMethods lets a request with a method that HTTP does not have go the way of one with a method that no path
// takes: it is limited and answered as all others are. Left to itself, Fiber answers it in plain text before any middleware.
func routeUnknownMethods(app *fiber.App) {
	server, methods := app.Server(), app.Config().RequestMethods
	next := server.Handler
	server.Handler = func(ctx *fasthttp.RequestCtx) {
		if slices.Contains(methods, string(ctx.Method())) {
			next(ctx)
			return
		}
		asked := string(ctx.Method())
		ctx.SetUserValue(unknownMethod{}, true)
		ctx.Request.Header.SetMethod(http.MethodTrace)
		defer ctx.Request.Header.SetMethod(asked) // telemetry tells of the request as it came
		next(ctx)
	}
}

// methodOf is the method that the request came with, as a problem tells it: one that HTTP does not have may be anything, a secret
// that went astray for one.
func methodOf(c *fiber.Ctx) string {
	if c.Context().UserValue(unknownMethod{}) != nil {
		return "that was sent, nor does HTTP have it"
	}
	return c.Method()
}
