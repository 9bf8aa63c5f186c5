package telemetry

import (
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// description is where the attributes of a span are put together, to be used again: the SDK copies them.
type description struct {
	attributes []attribute.KeyValue
	text       []byte
}

func (d *description) reset() {
	clear(d.attributes) // the strings are the span's now
	d.attributes, d.text = d.attributes[:0], d.text[:0]
}

// request describes a request by the stable HTTP conventions. server.address is left out: it would be the Host header,
// which the client controls. Strings are copied, all in one, because fasthttp uses its buffers again. Secrets are taken out
// when the span is exported.
func (d *description) request(t *Telemetry, ctx *fasthttp.RequestCtx, r *route) {
	uri := ctx.URI()
	d.text = append(d.text, uri.PathOriginal()...)
	path := len(d.text)
	d.text = append(d.text, uri.QueryString()...)
	query := len(d.text)
	d.text = append(d.text, ctx.UserAgent()...)
	agent := len(d.text)
	d.text = t.appendClientAddress(d.text, ctx.RemoteIP())
	all := string(d.text)
	d.attributes = append(d.attributes,
		semconv.HTTPRequestMethodKey.String(r.method),
		semconv.URLPath(all[:path]),
		semconv.URLScheme(scheme(ctx)),
		semconv.ClientAddress(all[agent:]),
	)
	if r.template != "" {
		d.attributes = append(d.attributes, semconv.HTTPRoute(r.template))
	}
	if r.method == "_OTHER" {
		d.attributes = append(d.attributes, semconv.HTTPRequestMethodOriginal(string(ctx.Method())))
	}
	if query > path {
		d.attributes = append(d.attributes, semconv.URLQuery(all[path:query]))
	}
	if agent > query {
		d.attributes = append(d.attributes, semconv.UserAgentOriginal(all[query:agent]))
	}
}

func scheme(ctx *fasthttp.RequestCtx) string {
	if ctx.IsTLS() {
		return "https"
	}
	return "http"
}

// knownMethod returns the method, or _OTHER for one that HTTP does not define: the client must not choose label values.
func knownMethod(method []byte) string {
	switch string(method) {
	case fiber.MethodGet:
		return fiber.MethodGet
	case fiber.MethodHead:
		return fiber.MethodHead
	case fiber.MethodPost:
		return fiber.MethodPost
	case fiber.MethodPut:
		return fiber.MethodPut
	case fiber.MethodPatch:
		return fiber.MethodPatch
	case fiber.MethodDelete:
		return fiber.MethodDelete
	case fiber.MethodOptions:
		return fiber.MethodOptions
	case fiber.MethodTrace:
		return fiber.MethodTrace
	case fiber.MethodConnect:
		return fiber.MethodConnect
	}
	return "_OTHER"
}

// errorTypeOf is the category of a status where the service has not named one.
func errorTypeOf(status int) string {
	switch status {
	case fiber.StatusUnauthorized, fiber.StatusForbidden:
		return catalogue.ErrorAuth
	case fiber.StatusNotFound, fiber.StatusMethodNotAllowed, fiber.StatusGone:
		return catalogue.ErrorNotFound
	case fiber.StatusConflict, fiber.StatusPreconditionFailed:
		return catalogue.ErrorConflict
	case fiber.StatusTooManyRequests:
		return catalogue.ErrorLimited
	case fiber.StatusRequestTimeout, fiber.StatusGatewayTimeout:
		return catalogue.ErrorTimeout
	case fiber.StatusBadGateway, fiber.StatusServiceUnavailable:
		return catalogue.ErrorDependency
	}
	switch {
	case status >= fiber.StatusInternalServerError:
		return catalogue.ErrorInternal
	case status >= fiber.StatusBadRequest:
		return catalogue.ErrorValidation
	}
	return ""
}

// headerCarrier lets the propagators read fasthttp's headers.
type headerCarrier struct{ header *fasthttp.RequestHeader }

func (c headerCarrier) Get(key string) string { return string(c.header.Peek(key)) }

func (c headerCarrier) Set(key, value string) { c.header.Set(key, value) }

func (c headerCarrier) Keys() []string {
	var keys []string
	for key := range c.header.All() {
		keys = append(keys, string(key))
	}
	return keys
}
