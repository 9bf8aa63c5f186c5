package main_test

// neverSeen is what the catalogue declares and the contract test cannot bring about, each with the reason. What is seen after all
// has to leave the list.
var neverSeen = map[string]string{
	`market_payment_provider_rejections_total{reason="bulkhead"}`: "that takes more than 32 calls at once; server/payments/guard/guard_test.go has fewer",

	`telemetry_error_events_total{outcome="unsent"}`:           "it is counted after the last scrape; telemetry/errortracking reads it",
	`telemetry_log_lines_dropped_total{reason="write_failed"}`: "this test reads all lines; telemetry/linewriter_test.go does not",

	`attribute exception.stacktrace of event "exception" of span "do {job.name}"`:  noJobPanics,
	`attribute exception.stacktrace of event "exception" of span "job {job.name}"`: noJobPanics,
	`field stack of log line "a background job failed"`:                            noJobPanics,
	`field stack of exported log line "a background job failed"`:                   noJobPanics,

	`log line "a stream failed that nobody reads"`:                             "the market streams no answers; telemetry/writtenstream_test.go does",
	`log line "sandbox gives an event up"`:                                     "that takes an hour",
	`field log_lines_dropped of exported log line "collector reachable again"`: "what the queue of lines says of itself is not put into it again",
	`exported log line "telemetry was lost at the end"`:                        "there is nobody to take it",
}

// seenByLuck are values that the contract test may see or not, by how fast the machine is, each with what it takes.
var seenByLuck = map[string]string{
	`db_client_connection_create_time_seconds{error_type="canceled"}`:      "who waits for a connection goes away just while it is opened",
	`db_client_operation_duration_seconds{error_type="conflict"}`:          "two transactions are in each other's way, so that PostgreSQL ends one; telemetry/database_test.go makes a conflict",
	`db_client_operation_duration_seconds{error_type="canceled"}`:          "a client goes away just during a statement; telemetry/database_test.go cancels one",
	`market_payment_provider_call_duration_seconds{outcome="canceled"}`:    canceledCall,
	`market_image_store_operation_duration_seconds{error_type="canceled"}`: "a client goes away just during a use of the store",
	`market_image_store_operation_duration_seconds{error_type="timeout"}`:  "the time of a request is up just during a use of the store",

	`db_client_connection_timeouts_total{db_system_name="redis"}`:     redisPoolIsUsedUp,
	`db_client_connection_wait_seconds_total{db_system_name="redis"}`: redisPoolIsUsedUp,
	`db_client_connection_waits_total{db_system_name="redis"}`:        redisPoolIsUsedUp,

	`otel_sdk_processor_log_processed_total{error_type="queue_full"}`:  "more than 8,192 lines while the collector is away; telemetry/logs_test.go has a smaller queue",
	`otel_sdk_processor_span_processed_total{error_type="queue_full"}`: "more than 8,192 spans while the collector is away; telemetry/exportqueue_test.go has a smaller queue",
	`telemetry_error_events_total{outcome="queue_full"}`:               "more kinds of failures than the queue holds while the tracker is slow; telemetry/errortracking fills it",
	`telemetry_log_lines_dropped_total{reason="buffer_full"}`:          "this test reads the lines slowly; telemetry/linewriter_test.go does not read them",
}

const (
	noJobPanics       = "a job panics only by a fault of ours; server/jobs/turn_test.go has one that does"
	canceledCall      = "who wanted a call goes away just during it; server/payments/guard/guard_test.go lets it"
	redisPoolIsUsedUp = "more is asked of Redis at once than its pool has connections; that depends on the number of cores"
)
