package api

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
)

// humaContext is embedded by this name, because the interface has a method Context.
type humaContext = huma.Context

// unescapedContext is a request with its path parameters decoded.
type unescapedContext struct {
	humaContext

	params map[string]string
}

// Unwrap lets humafiber.Unwrap find the request.
func (c *unescapedContext) Unwrap() huma.Context { return c.humaContext }

// Param implements huma.Context.
func (c *unescapedContext) Param(name string) string { return c.params[name] }

// unescapePath undoes the percent-encoding of path parameters, which Fiber leaves as they are: it could only decode the
// path before it looks for the route, and an encoded slash would then end a parameter. A parameter that is not
// percent-encoding is a 422.
func unescapePath(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if !strings.Contains(humafiber.Unwrap(ctx).Path(), "%") {
			next(ctx)
			return
		}
		params := map[string]string{}
		for _, p := range ctx.Operation().Parameters {
			if p.In != "path" {
				continue
			}
			value, err := url.PathUnescape(ctx.Param(p.Name))
			if err != nil {
				_ = huma.WriteErr(api, ctx, http.StatusUnprocessableEntity, "validation failed", &huma.ErrorDetail{
					Location: "path." + p.Name, Message: "must be percent-encoded: after a % come two hexadecimal digits", Value: ctx.Param(p.Name),
				}) // it logs what it cannot write: the client has gone
				return
			}
			params[p.Name] = value
		}
		next(&unescapedContext{humaContext: ctx, params: params})
	}
}
