package telemetry

import (
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// newRouteSpan describes what all requests for a route have in common, by the stable HTTP conventions.
func newRouteSpan(method, template, scheme string) *spanTemplate {
	attributes := []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(method), semconv.URLScheme(scheme)}
	if template != "" {
		attributes = append(attributes, semconv.HTTPRoute(template))
	}
	return newSpanTemplate(spanName(method, template), trace.SpanKindServer, attributes...)
}

// span is what the request's span has in common with all others for the route.
func (r *route) span(ctx *fasthttp.RequestCtx) *spanTemplate {
	if ctx.IsTLS() {
		return r.https
	}
	return r.http
}

// describeRequest returns what is the request's own, with room for how it ends. server.address is left out: it would be the
// Host header, which the client controls. Strings are copied, all in one, because fasthttp uses its buffers again. Secrets
// are taken out when the span is exported.
func (h *httpInstruments) describeRequest(ctx *fasthttp.RequestCtx, r *route) []attribute.KeyValue {
	buffer := h.texts.Get().(*[]byte) //nolint:errcheck // nothing else is in the pool
	uri := ctx.URI()
	text := (*buffer)[:0]
	text = append(text, uri.PathOriginal()...)
	path := len(text)
	text = append(text, uri.QueryString()...)
	query := len(text)
	text = append(text, ctx.UserAgent()...)
	agent := len(text)
	text = h.telemetry.appendClientAddress(text, ctx)
	all := string(text)
	*buffer = text
	h.texts.Put(buffer)

	const usual = 6 // the four that all have, and two of those that some have
	attributes := make([]attribute.KeyValue, 0, usual)
	attributes = append(attributes, semconv.URLPath(all[:path]), semconv.ClientAddress(all[agent:]))
	if query > path {
		attributes = append(attributes, semconv.URLQuery(all[path:query]))
	}
	if agent > query {
		attributes = append(attributes, semconv.UserAgentOriginal(all[query:agent]))
	}
	if r.method == "_OTHER" {
		attributes = append(attributes, semconv.HTTPRequestMethodOriginal(string(ctx.Method())))
	}
	return attributes
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
