package catalogue

import "slices"

// OtherServer is the server_address of hosts that the service was not configured to call.
const OtherServer = "other"

// httpClientErrorType has no internal: what is that to the other side is a dependency that failed to us.
var httpClientErrorType = Label{
	Name: ErrorType.Name, Help: "Category of the error; empty when the request succeeded",
	Values: []string{"", ErrorValidation, ErrorAuth, ErrorNotFound, ErrorConflict, ErrorLimited, ErrorDependency, ErrorTimeout, ErrorCanceled},
}

// HTTPClientRequestDuration is the duration of every HTTP request that the service makes, until the answer has been read.
// Buckets are those that the OpenTelemetry HTTP conventions advise.
var HTTPClientRequestDuration = Metric{
	Name: "http_client_request_duration_seconds", Type: Histogram, Unit: "seconds", Stability: Stable,
	Help: "Duration of HTTP client requests.",
	Labels: []Label{
		{
			Name: HTTPMethod.Name, Help: HTTPMethod.Help,
			Bound: "the methods that the service asks others with", Within: func(value string) bool { return slices.Contains(HTTPMethod.Values, value) },
		},
		{Name: "server_address", Help: "Host that was called", Bound: "the hosts of the configuration and " + OtherServer},
		{
			Name: "http_response_status_code", Help: "HTTP status code of the answer; empty where there was none", Bound: "HTTP status codes",
			Within: func(value string) bool { return value == "" || isHTTPStatus(value) },
		},
		httpClientErrorType,
	},
	Buckets: HTTPServerRequestDuration.Buckets,
}

func httpClientMetrics() []Metric { return []Metric{HTTPClientRequestDuration} }

func httpClientSpans() []Span {
	return []Span{{
		Name: "{http.request.method}", Kind: ClientSpan, Stability: Stable,
		Help: "A request that the service makes: of the payment provider, or by the sandbox of the API itself.",
		Always: []Attribute{
			{Name: "http.request.method", Type: Text, Help: "HTTP method; _OTHER for unknown ones", Values: HTTPMethod.Values},
			{Name: "server.address", Type: Text, Help: "Host that was called"},
			{Name: "server.port", Type: Integer, Help: "Port that was called"},
			{Name: "url.full", Type: Text, Help: "URL, with credentials and the values of secret parameters left out"},
		},
		Sometimes: []Attribute{
			{Name: "http.response.status_code", Type: Integer, Help: "HTTP status code of the answer"},
			{Name: "http.request.resend_count", Type: Integer, Help: "How often the request was sent before"},
			{Name: "error.type", Type: Text, Help: "Category of the error", Values: httpClientErrorType.Values[1:]},
			exemplarAttribute,
		},
		Events: []Event{exceptionEvent},
	}}
}
