package telemetry

import (
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// requestAttributes describes a request by the stable HTTP conventions. server.address is left out: it would be the
// Host header, which the client controls. Strings are copied, because fasthttp uses its buffers again. Secrets are taken
// out when the span is exported.
func (t *Telemetry) requestAttributes(ctx *fasthttp.RequestCtx, r *route) []attribute.KeyValue {
	uri := ctx.URI()
	attrs := make([]attribute.KeyValue, 0, 12) // room for those set at the end
	attrs = append(attrs,
		semconv.HTTPRequestMethodKey.String(r.method),
		semconv.URLPath(string(uri.PathOriginal())),
		semconv.URLScheme(scheme(ctx)),
		semconv.ClientAddress(t.clientAddress(ctx.RemoteIP())),
	)
	if r.template != "" {
		attrs = append(attrs, semconv.HTTPRoute(r.template))
	}
	if r.method == "_OTHER" {
		attrs = append(attrs, semconv.HTTPRequestMethodOriginal(string(ctx.Method())))
	}
	if query := uri.QueryString(); len(query) > 0 {
		attrs = append(attrs, semconv.URLQuery(string(query)))
	}
	if agent := ctx.UserAgent(); len(agent) > 0 {
		attrs = append(attrs, semconv.UserAgentOriginal(string(agent)))
	}
	return attrs
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
