package catalogue

// The names are those of the OpenTelemetry SDK's self-observability conventions.

// SpansProcessed counts finished, sampled spans by what became of them on the way into the export queue.
var SpansProcessed = Metric{
	Name: "otel_sdk_processor_span_processed_total", Type: Counter, Stability: Development,
	Help: "Number of finished spans handed to the export queue.",
	Labels: []Label{{
		Name: "error_type", Help: "queue_full when the span was dropped; empty otherwise", Values: []string{"", "queue_full"},
	}},
}

// SpansExported counts spans by whether the collector took them.
var SpansExported = Metric{
	Name: "otel_sdk_exporter_span_exported_total", Type: Counter, Stability: Development,
	Help: "Number of spans sent to the collector.",
	Labels: []Label{{
		Name: "error_type", Help: "unavailable for each attempt that is made again, rejected when the collector refused the batch or a part of it for good; empty when it took them",
		Values: []string{"", "unavailable", "rejected"},
	}},
}

// SpanQueueSize is the number of spans waiting to be exported.
var SpanQueueSize = Metric{
	Name: "otel_sdk_processor_span_queue_size", Type: Gauge, Stability: Development,
	Help: "Number of spans in the export queue.",
}

// SpanQueueCapacity is the bound of the export queue.
var SpanQueueCapacity = Metric{
	Name: "otel_sdk_processor_span_queue_capacity", Type: Gauge, Stability: Development,
	Help: "Capacity of the export queue.",
}

// LogsProcessed counts log lines by what became of them on the way into the export queue.
var LogsProcessed = Metric{
	Name: "otel_sdk_processor_log_processed_total", Type: Counter, Stability: Development,
	Help: "Number of log lines handed to the export queue.",
	Labels: []Label{{
		Name: "error_type", Help: "queue_full when the line was dropped; empty otherwise", Values: []string{"", "queue_full"},
	}},
}

// LogsExported counts log lines by whether the collector took them.
var LogsExported = Metric{
	Name: "otel_sdk_exporter_log_exported_total", Type: Counter, Stability: Development,
	Help: "Number of log lines sent to the collector.",
	Labels: []Label{{
		Name: "error_type", Help: "unavailable for each attempt that is made again, rejected when the collector refused the batch or a part of it for good; empty when it took them",
		Values: []string{"", "unavailable", "rejected"},
	}},
}

// LogQueueSize is the number of log lines waiting to be exported.
var LogQueueSize = Metric{
	Name: "otel_sdk_processor_log_queue_size", Type: Gauge, Stability: Development,
	Help: "Number of log lines in the export queue.",
}

// LogQueueCapacity is the bound of the export queue of log lines.
var LogQueueCapacity = Metric{
	Name: "otel_sdk_processor_log_queue_capacity", Type: Gauge, Stability: Development,
	Help: "Capacity of the export queue of log lines.",
}

// LogLinesDropped counts log lines that were not written.
var LogLinesDropped = Metric{
	Name: "telemetry_log_lines_dropped_total", Type: Counter, Stability: Development,
	Help: "Number of log lines that were not written to the log's own output.",
	Labels: []Label{{
		Name: "reason", Help: "buffer_full when the output is too slow, write_failed when it refuses", Values: []string{"buffer_full", "write_failed"},
	}},
}

// ErrorEvents counts failures reported to the error tracker by what became of them.
var ErrorEvents = Metric{
	Name: "telemetry_error_events_total", Type: Counter, Stability: Development,
	Help: "Number of failures reported to the error tracker.",
	Labels: []Label{{
		Name: "outcome", Values: ErrorEventOutcomes(),
		Help: "sent; suppressed when another of its kind was sent a moment ago; queue_full; limited when the tracker has asked for less; rejected when it refuses the event; unavailable when it is away; unsent at the end",
	}},
}

// Outcomes of a failure's way to the error tracker.
const (
	ErrorEventSent        = "sent"
	ErrorEventSuppressed  = "suppressed"
	ErrorEventQueueFull   = "queue_full"
	ErrorEventLimited     = "limited"
	ErrorEventRejected    = "rejected"
	ErrorEventUnavailable = "unavailable"
	ErrorEventUnsent      = "unsent"
)

// ErrorEventOutcomes returns them all.
func ErrorEventOutcomes() []string {
	return []string{
		ErrorEventSent, ErrorEventSuppressed, ErrorEventQueueFull, ErrorEventLimited, ErrorEventRejected,
		ErrorEventUnavailable, ErrorEventUnsent,
	}
}

func exportMetrics() []Metric {
	return []Metric{
		SpansProcessed, SpansExported, SpanQueueSize, SpanQueueCapacity,
		LogsProcessed, LogsExported, LogQueueSize, LogQueueCapacity, LogLinesDropped, ErrorEvents,
	}
}

// What lines say was lost.
var (
	spansDropped = Attribute{Name: "spans_dropped", Type: Integer, Help: "Spans that were lost meanwhile, or at the end"}
	linesDropped = Attribute{Name: "log_lines_dropped", Type: Integer, Help: "Log lines that were not exported meanwhile, or at the end"}
)

// collectorLines are of a program that exports something. They say what of it was dropped.
func collectorLines(dropped ...Attribute) []Line {
	var (
		signal   = Attribute{Name: "signal", Type: Text, Help: "What is exported", Values: []string{"spans", "log lines"}}
		capacity = Attribute{Name: "queue_capacity", Type: Integer, Help: "How many spans, or log lines, can wait"}
	)
	return []Line{
		{
			Message: "collector unreachable", Levels: warn,
			Help:   "What it is to have waits in the queue, and is dropped when that is full.",
			Always: []Attribute{signal, endpointField, capacity, errorField},
		},
		{
			Message: "collector refuses what it is sent", Levels: warn, Help: "It is dropped.",
			Always: []Attribute{signal, endpointField, capacity, errorField},
		},
		{
			Message: "collector reachable again", Levels: info, Help: "It takes what it is sent.",
			Always: []Attribute{
				signal, endpointField, {Name: "away", Type: Text, Help: "How long the collector was away, as a Go duration"},
			},
			Sometimes: dropped,
		},
		{
			Message: "telemetry was lost at the end", Levels: fault, Help: "The process ended before the collector had taken all.",
			Always: []Attribute{errorField}, Sometimes: dropped,
		},
	}
}

// metricsNotSent is of every program that is scraped.
var metricsNotSent = Line{
	Message: "metrics were not sent", Levels: warn, Help: "A scrape was broken off, or could not be answered.",
	Always: []Attribute{errorField},
}

func trackerLines() []Line {
	return []Line{
		{
			Message: "the error tracker does not take events: they are dropped", Levels: warn, Help: "It is away, or refuses them.",
			Always: []Attribute{endpointField, errorField},
		},
		{
			Message: "the error tracker takes events again", Levels: info, Help: "It was away, or refused them.",
			Always: []Attribute{endpointField},
		},
	}
}
