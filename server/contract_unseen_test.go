package main_test

// neverSeen is what the catalogue declares and the contract test does not bring about, each with the reason. What is seen after all
// has to leave the list.
var neverSeen = map[string]string{
	`db_client_connection_create_time_seconds{error_type="canceled"}`: "who waits for a connection goes away just while it is opened: a matter of luck",
	`db_client_connection_timeouts_total{db_system_name="redis"}`:     "the pool of Redis is larger than what one test asks at once",
	`db_client_connection_wait_seconds_total{db_system_name="redis"}`: "the pool of Redis is larger than what one test asks at once",
	`db_client_connection_waits_total{db_system_name="redis"}`:        "the pool of Redis is larger than what one test asks at once",
	`db_client_operation_duration_seconds{error_type="conflict"}`:     "the market says in its statements what is done on a conflict; telemetry/database_test.go makes one",
	`db_client_operation_duration_seconds{error_type="canceled"}`:     "a client goes away just during a statement: a matter of luck; telemetry/database_test.go cancels one",

	`http_client_request_duration_seconds{http_request_method="HEAD"}`:    notAskedWith,
	`http_client_request_duration_seconds{http_request_method="PUT"}`:     notAskedWith,
	`http_client_request_duration_seconds{http_request_method="PATCH"}`:   notAskedWith,
	`http_client_request_duration_seconds{http_request_method="DELETE"}`:  notAskedWith,
	`http_client_request_duration_seconds{http_request_method="OPTIONS"}`: notAskedWith,
	`http_client_request_duration_seconds{http_request_method="TRACE"}`:   notAskedWith,
	`http_client_request_duration_seconds{http_request_method="CONNECT"}`: notAskedWith,
	`http_client_request_duration_seconds{http_request_method="_OTHER"}`:  notAskedWith,
	`http_client_request_duration_seconds{error_type="timeout"}`:          "the bound on calls of the provider cancels them; telemetry/transport_test.go lets one time out",

	`market_image_store_operation_duration_seconds{error_type="timeout"}`:  "a file system does not time out; S3 and Azure do",
	`market_image_store_operation_duration_seconds{error_type="canceled"}`: "a client goes away just during a use of the store: a matter of luck",

	`market_payment_provider_call_duration_seconds{outcome="canceled"}`:          providersBusiness,
	`market_payment_provider_rejections_total{operation="cancel_intent"}`:        providersBusiness,
	`market_payment_provider_call_duration_seconds{operation="call_off_intent"}`: "the answer to a call has to be lost, and the order to end before it is asked again; server/payments/sandbox does it",
	`market_payment_provider_rejections_total{operation="call_off_intent"}`:      providersBusiness,
	`market_payment_provider_rejections_total{operation="get_refund"}`:           providersBusiness,
	`market_payment_provider_retries_total{operation="call_off_intent"}`:         providersBusiness,
	`market_payment_provider_retries_total{operation="get_refund"}`:              providersBusiness,
	`market_payment_provider_rejections_total{reason="bulkhead"}`:                providersBusiness,
	`market_payment_provider_retries_total{operation="cancel_intent"}`:           "it has no idempotency key, so it is never repeated",

	`otel_sdk_processor_log_processed_total{error_type="queue_full"}`:  "8,192 items are more than a test makes; telemetry/logs_test.go has a smaller queue",
	`otel_sdk_processor_span_processed_total{error_type="queue_full"}`: "8,192 items are more than a test makes; telemetry/exportqueue_test.go has a smaller queue",
	`telemetry_error_events_total{outcome="queue_full"}`:               "there are fewer kinds of failures than the queue holds; telemetry/errortracking fills it",
	`telemetry_error_events_total{outcome="unsent"}`:                   "it is counted after the last scrape; telemetry/errortracking reads it",
	`telemetry_log_lines_dropped_total{reason="buffer_full"}`:          "nobody may read the lines that this test reads; telemetry/linewriter_test.go does it",
	`telemetry_log_lines_dropped_total{reason="write_failed"}`:         "nobody may read the lines that this test reads; telemetry/linewriter_test.go does it",

	`attribute exception.stacktrace of event "exception" of span "do {job.name}"`:  noJobPanics,
	`attribute exception.stacktrace of event "exception" of span "job {job.name}"`: noJobPanics,
	`field stack of log line "a background job failed"`:                            noJobPanics,
	`field stack of exported log line "a background job failed"`:                   noJobPanics,

	`log line "a stream failed that nobody reads"`:                             "the market streams no answers; telemetry/writtenstream_test.go does",
	`log line "sandbox gives an event up"`:                                     "that takes an hour",
	`field log_lines_dropped of exported log line "collector reachable again"`: "what the queue of lines says of itself is not put into it again",
	`exported log line "telemetry was lost at the end"`:                        "there is nobody to take it",
}

const (
	notAskedWith      = "the market asks others with GET and POST only"
	providersBusiness = "a provider has to fail just then; server/payments/guard/guard_test.go lets it"
	noJobPanics       = "a job panics only by a fault of ours; server/jobs/turn_test.go has one that does"
)
