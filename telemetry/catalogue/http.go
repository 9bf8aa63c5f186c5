package catalogue

import (
	"log/slog"
	"strconv"
)

// Labels of HTTP server metrics: the attributes of the OpenTelemetry HTTP conventions, as Prometheus label names.
var (
	HTTPRoute = Label{
		Name: "http_route", Help: "Registered path template; UnmatchedRoute where none matched",
		Bound: "the registered routes and " + UnmatchedRoute,
	}
	HTTPMethod = Label{
		Name: "http_request_method", Help: "HTTP method; _OTHER for unknown ones",
		Values: []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", otherMethod},
	}
	HTTPStatus = Label{
		Name: "http_response_status_code", Help: "HTTP status code of the response",
		Bound: "the status codes the service answers with", Within: isHTTPStatus,
	}
	ErrorType = Label{
		Name: "error_type", Help: "Category of the error; empty when the request succeeded",
		Values: []string{
			"", ErrorValidation, ErrorAuth, ErrorNotFound, ErrorConflict, ErrorLimited,
			ErrorDependency, ErrorTimeout, ErrorInternal, ErrorCanceled, ErrorInjected,
		},
	}
)

// Names of spans have HTTP for the method where it is unknown, as the OpenTelemetry HTTP conventions say.
const (
	methodAttribute    = "http.request.method"
	otherMethod        = "_OTHER"
	otherMethodInNames = "HTTP"
)

// isHTTPStatus says of a text whether it is a number from 100 to 599.
func isHTTPStatus(value string) bool {
	const least, most = 100, 599
	status, err := strconv.Atoi(value)
	return err == nil && least <= status && status <= most && strconv.Itoa(status) == value
}

// UnmatchedRoute is the http_route of every request that no registered route matched.
const UnmatchedRoute = "unmatched"

// Error categories: the values of the error_type label, and of the error.type attribute of spans and log lines.
const (
	ErrorValidation = "validation" // the request is malformed or breaks a rule of its schema
	ErrorAuth       = "auth"       // not authenticated, or not allowed
	ErrorNotFound   = "not_found"  // no such route or resource
	ErrorConflict   = "conflict"   // the resource's state does not allow it
	ErrorLimited    = "limited"    // rate limited
	ErrorDependency = "dependency" // a database, cache or provider failed
	ErrorTimeout    = "timeout"    // a bound on time was exceeded
	ErrorInternal   = "internal"   // a fault of ours: an unexpected error or a panic
	ErrorCanceled   = "canceled"   // the client went away before the answer
	ErrorInjected   = "injected"   // a deliberately injected fault
)

// HTTPServerRequestDuration is the duration of every HTTP request answered. Buckets are those that the OpenTelemetry
// HTTP conventions advise.
var HTTPServerRequestDuration = Metric{
	Name: "http_server_request_duration_seconds", Type: Histogram, Unit: "seconds", Stability: Stable,
	Help:    "Duration of HTTP server requests.",
	Labels:  []Label{HTTPMethod, HTTPRoute, HTTPStatus, ErrorType},
	Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10},
}

// HTTPServerActiveRequests is the number of HTTP requests being answered now.
var HTTPServerActiveRequests = Metric{
	Name: "http_server_active_requests", Type: Gauge, Stability: Stable,
	Help: "Number of HTTP requests in flight.",
}

func httpMetrics() []Metric {
	return []Metric{HTTPServerRequestDuration, HTTPServerActiveRequests}
}

// Attributes of the server span that are ours.
const (
	// FaultInjected says that a deliberate fault was done to the request, and which kind.
	FaultInjected = "fault.injected"
	// Exemplar is true on a span that a histogram points to. The collector keeps such traces, so that no exemplar leads to a
	// trace that was dropped.
	Exemplar = "exemplar"
)

// requestSpan is the name of the span of a request, to which services add what they say of one.
const requestSpan = "{http.request.method} {http.route}"

func httpSpans() []Span {
	return []Span{{
		Name: requestSpan, Fallback: "{http.request.method}", Kind: ServerSpan, Stability: Stable,
		Help: "A request to the API. In the name of one with an unknown method that is HTTP.",
		Always: []Attribute{
			{Name: "http.request.method", Type: Text, Help: "HTTP method; _OTHER for unknown ones", Values: HTTPMethod.Values},
			{Name: "url.path", Type: Text, Help: "Path as it was asked for"},
			{Name: "url.scheme", Type: Text, Help: "http or https", Values: []string{"http", "https"}},
			{Name: "client.address", Type: Text, Help: "Address that the connection came from"},
			{Name: "http.response.status_code", Type: Integer, Help: "HTTP status code of the response"},
		},
		Sometimes: []Attribute{
			{Name: "http.route", Type: Text, Help: "Registered path template"},
			{Name: "http.request.method_original", Type: Text, Help: "The method as it was sent, where it is unknown"},
			{Name: "url.query", Type: Text, Help: "Query, with the values of secret parameters left out"},
			{Name: "user_agent.original", Type: Text, Help: "User-Agent header"},
			errorTypeAttribute,
			{Name: FaultInjected, Type: Text, Help: "Kind of the deliberate fault that was done to the request"},
			exemplarAttribute,
		},
		Events: []Event{panicEvent},
	}}
}

func httpLines() []Line {
	return []Line{
		{
			Message: "request", Levels: []slog.Level{slog.LevelInfo, slog.LevelWarn, slog.LevelError},
			Help: "A request was answered: at ERROR with a 5xx, at WARN slowly. Of those that succeeded a share is logged.",
			Always: []Attribute{
				{Name: "http.request.method", Type: Text, Help: "HTTP method; _OTHER for unknown ones", Values: HTTPMethod.Values},
				{Name: "http.route", Type: Text, Help: "Registered path template, or " + UnmatchedRoute},
				{Name: "url.path", Type: Text, Help: "Path as it was asked for"},
				{Name: "http.response.status_code", Type: Integer, Help: "HTTP status code of the response"},
				{Name: "http.server.request.duration", Type: Number, Help: "Duration of the request in seconds"},
				{Name: "client.address", Type: Text, Help: "Address that the connection came from"},
			},
			Sometimes: []Attribute{
				errorTypeField, errorField, stackField,
				{Name: FaultInjected, Type: Text, Help: "Kind of the deliberate fault that was done to the request"},
			},
		},
		{
			Message: "a stream failed that nobody reads", Levels: fault,
			Help:   "The writer of a streamed answer failed after its reader had gone.",
			Always: []Attribute{errorField}, Sometimes: []Attribute{stackField},
		},
		{
			Message: "HTTP server", Levels: debug,
			Help:   "What the HTTP server says of connections that broke the protocol or broke off.",
			Always: []Attribute{errorField},
		},
	}
}
