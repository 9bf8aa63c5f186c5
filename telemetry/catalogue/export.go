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

func exportMetrics() []Metric {
	return []Metric{SpansProcessed, SpansExported, SpanQueueSize, SpanQueueCapacity}
}

func exportFields() []Field {
	const collector = "lines about the collector"
	return []Field{
		{Name: "endpoint", Type: Text, Help: "Address of the collector", On: collector},
		{Name: "queue_capacity", Type: Integer, Help: "How many spans can wait", On: collector},
		{Name: "away", Type: Text, Help: "How long the collector was away, as a Go duration", On: collector},
		{Name: "spans_dropped", Type: Integer, Help: "Spans that were lost meanwhile", On: collector},
	}
}
