package telemetry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/redact"
)

// TransportOptions say whom a transport talks to.
type TransportOptions struct {
	// Base sends the requests. Default http.DefaultTransport.
	Base http.RoundTripper
	// Hosts are those that the service is configured to call, by name or address without the port. Others are called too,
	// but the metrics say catalogue.OtherServer of them: a redirect, or a URL that a client chose, must not make series.
	Hosts []string
	// Methods are those that the Hosts are asked with. Series of their errors are there before the first, so that it is an increase.
	Methods []string
	// Ours are the hosts that are given the trace context and the baggage. Nobody else is: what is in the baggage is not
	// theirs to know.
	Ours []string
}

// Transport measures outgoing requests by the stable HTTP conventions: a client span and a duration, both until the body
// of the answer has been read. It is safe for concurrent use.
func (t *Telemetry) Transport(o TransportOptions) http.RoundTripper {
	if o.Base == nil {
		o.Base = http.DefaultTransport
	}
	for _, host := range o.Hosts {
		for _, method := range o.Methods {
			t.expectErrors(method, host)
		}
	}
	return &transport{TransportOptions: o, telemetry: t}
}

// expectErrors makes the series of there being no answer, and of the answers of a server in trouble.
func (t *Telemetry) expectErrors(method, host string) {
	for _, category := range catalogue.ReachErrors() {
		t.outgoing.WithLabelValues(method, host, "", category)
	}
	for _, status := range []int{
		http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	} {
		t.outgoing.WithLabelValues(method, host, strconv.Itoa(status), clientErrorType(status))
	}
}

type transport struct {
	TransportOptions

	telemetry *Telemetry
}

// resendKey finds in a context how often the request was sent before.
type resendKey struct{}

// Resent says of the requests with the context that they repeat one that was sent n times before.
func Resent(ctx context.Context, n int) context.Context {
	if n == 0 {
		return ctx
	}
	return context.WithValue(ctx, resendKey{}, n)
}

// resends is how often the request was sent before: by who repeats it, and by the client that follows redirects.
func resends(request *http.Request) int {
	n, _ := request.Context().Value(resendKey{}).(int)
	for before := request.Response; before != nil && before.Request != nil; before = before.Request.Response {
		n++
	}
	return n
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	call := &outgoing{transport: t, start: time.Now(), method: knownMethod([]byte(request.Method)), host: request.URL.Hostname()}
	if request.Method == "" {
		call.method = http.MethodGet
	}
	ctx, span := t.telemetry.tracer.Start(request.Context(), spanName(call.method, ""), trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(call.start))
	call.span = span
	if span.IsRecording() {
		span.SetAttributes(call.attributes(request)...)
	}
	request = request.Clone(ctx) // a transport must not change what it is given
	if slices.Contains(t.Ours, call.host) {
		t.telemetry.propagator.Inject(ctx, propagation.HeaderCarrier(request.Header))
	}
	response, err := t.Base.RoundTrip(request)
	if err != nil {
		call.end(reachError(err), err)
		return response, err
	}
	call.status = response.StatusCode
	category := clientErrorType(response.StatusCode)
	if response.StatusCode == http.StatusSwitchingProtocols { // what follows is no body
		call.end(category, nil)
		return response, nil
	}
	response.Body = &measuredBody{ReadCloser: response.Body, call: call, category: category}
	return response, nil
}

// CloseIdleConnections lets http.Client reach the connections.
func (t *transport) CloseIdleConnections() {
	if base, ok := t.Base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

// outgoing is one request on its way.
type outgoing struct {
	transport *transport
	span      trace.Span
	start     time.Time
	method    string
	host      string
	status    int // 0: there was no answer
	once      sync.Once
}

func (c *outgoing) attributes(request *http.Request) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 8) //nolint:mnd // room for those set at the end
	attrs = append(attrs,
		semconv.HTTPRequestMethodKey.String(c.method),
		semconv.ServerAddress(c.host),
		semconv.ServerPort(port(request.URL)),
		semconv.URLFull(redactURL(request.URL)),
	)
	if n := resends(request); n > 0 {
		attrs = append(attrs, semconv.HTTPRequestResendCount(n))
	}
	return attrs
}

func port(u *url.URL) int {
	if n, err := strconv.Atoi(u.Port()); err == nil {
		return n
	}
	const plain, secure = 80, 443
	if u.Scheme == "https" {
		return secure
	}
	return plain
}

// redactURL is the URL with what may be secret left out.
func redactURL(u *url.URL) string {
	shown := *u
	if u.User != nil {
		shown.User = url.UserPassword("REDACTED", "REDACTED")
	}
	if u.RawQuery != "" {
		shown.RawQuery = redact.Query(u.RawQuery)
	}
	return shown.String()
}

// end records what came of the request, once.
func (c *outgoing) end(category string, err error) {
	c.once.Do(func() {
		end := time.Now()
		if c.span.IsRecording() {
			if c.status != 0 {
				c.span.SetAttributes(semconv.HTTPResponseStatusCode(c.status))
			}
			if category != "" {
				c.span.SetAttributes(semconv.ErrorTypeKey.String(category))
				c.span.SetStatus(codes.Error, "")
			}
			if err != nil {
				c.span.RecordError(withoutURL(err))
			}
		}
		server, status := catalogue.OtherServer, ""
		if slices.Contains(c.transport.Hosts, c.host) {
			server = c.host
		}
		if c.status != 0 {
			status = strconv.Itoa(c.status)
		}
		c.transport.telemetry.outgoing.WithLabelValues(c.method, server, status, category).
			observeAt(c.span, end.Sub(c.start).Seconds(), end)
		c.span.End(trace.WithTimestamp(end))
	})
}

// withoutURL takes the URL out of an error, which may hold secrets; the span has it already.
func withoutURL(err error) error {
	var ofURL *url.Error
	if errors.As(err, &ofURL) {
		return ofURL.Err
	}
	return err
}

// clientErrorType is the category of an answer. A failure of theirs is the failure of a dependency of ours.
func clientErrorType(status int) string {
	category := errorTypeOf(status)
	if category == catalogue.ErrorInternal {
		return catalogue.ErrorDependency
	}
	return category
}

// measuredBody ends the measurement when the answer has been read, or is no longer wanted.
type measuredBody struct {
	io.ReadCloser

	call     *outgoing
	category string
}

// Read implements io.Reader.
func (b *measuredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		b.call.end(b.category, nil)
	case err != nil && !errors.Is(err, net.ErrClosed):
		b.call.end(reachError(err), err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *measuredBody) Close() error {
	b.call.end(b.category, nil)
	return b.ReadCloser.Close()
}
