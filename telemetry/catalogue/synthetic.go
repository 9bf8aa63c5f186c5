package catalogue

import "strings"

// SyntheticKeyPrefix begins the Idempotency-Key of every order that a probe places. Such orders are no business: a service
// whose payments are the sandbox's leaves them out of the metrics of orders, payments and revenue.
const SyntheticKeyPrefix = "synthetic-"

// IsSyntheticAgent says of a User-Agent header that it is a probe's. What probes look at is no business either.
func IsSyntheticAgent(userAgent string) bool {
	return strings.HasPrefix(userAgent, "lookout-probe/") || strings.HasPrefix(userAgent, "lookout-blackbox/")
}

// ProbeStep is the attribute that says which step of a scripted order it is.
const ProbeStep = "probe.step"

// ProbeCleanUp is what follows the steps of a scripted order that failed.
const ProbeCleanUp = "clean-up"

// ProbeSteps returns the steps of a scripted order that are in its trace.
func ProbeSteps() []string {
	return []string{"sandbox", "login", "tidy", "days", "offerings", "place", "pay", "read", "cancel", ProbeCleanUp}
}

func probeSpans() []Span {
	failed := []Attribute{{
		Name: "error.type", Type: Text, Help: "Category of the error", Values: []string{ErrorDependency, ErrorTimeout, ErrorCanceled},
	}}
	return []Span{
		{
			Name: "scripted order", Kind: InternalSpan, Stability: Development,
			Help:      "An order of `lookout probe`, the root of a trace.",
			Sometimes: failed,
			Events:    []Event{exceptionEvent},
		},
		{
			Name: "scripted order {" + ProbeStep + "}", Kind: InternalSpan, Stability: Development,
			Help:      "A step of an order of `lookout probe`. The requests that it makes are client spans below.",
			Always:    []Attribute{{Name: ProbeStep, Type: Text, Help: "Step", Values: ProbeSteps()}},
			Sometimes: failed,
			Events:    []Event{exceptionEvent},
		},
	}
}

func probeLines() []Line {
	duration := Attribute{Name: "duration", Type: Number, Help: "Duration of the run in seconds"}
	cleaned := Attribute{Name: "cleaned", Type: Integer, Help: "Orders that this run, or one before it, left open and that were cancelled"}
	return []Line{
		{
			Message: "probe is listening", Levels: info, Help: "The metrics of `lookout probe` can be scraped.",
			Always: []Attribute{
				addrField,
				{Name: "url", Type: Text, Help: "The API, as it is probed"},
				{Name: "interval", Type: Text, Help: "From the start of one run to that of the next, as a Go duration"},
			},
		},
		{
			Message: "scripted order succeeded", Levels: info, Help: "A run of `lookout probe` did. It has the id of the run's trace.",
			Always: []Attribute{duration, cleaned},
		},
		{
			Message: "scripted order failed", Levels: fault, Help: "A run of `lookout probe` did. It has the id of the run's trace.",
			Always: []Attribute{
				{Name: "step", Type: Text, Help: "Step that failed", Values: ScriptedSteps()},
				errorField, duration, cleaned,
				{Name: "leftover", Type: Integer, Help: "Orders that could not be cancelled, and may be packed"},
			},
		},
	}
}

var probeStep = Label{Name: "step", Help: "Step of the scripted order", Values: ScriptedSteps()}

// ScriptedSteps returns the steps of a scripted order that are measured: the last is made when the order is over.
func ScriptedSteps() []string {
	return []string{"sandbox", "login", "tidy", "days", "offerings", "place", "pay", "read", "cancel", "refund"}
}

// What the last run of `lookout probe` came to. The blackbox exporter has the same names for its probes.
var (
	ProbeSuccess = Metric{
		Name: "probe_success", Type: Gauge, Stability: Development,
		Help: "Whether the last run succeeded: 1 or 0.",
	}
	ProbeDuration = Metric{
		Name: "probe_duration_seconds", Type: Gauge, Unit: "seconds", Stability: Development,
		Help: "How long the last run took.",
	}
	ProbeStatus = Metric{
		Name: "probe_http_status_code", Type: Gauge, Stability: Development,
		Help: "HTTP status of the last answer of the last run; 0 when there was none.",
	}
)

// What else `lookout probe` tells of its last run.
var (
	ProbeLastRun = Metric{
		Name: "probe_last_run_timestamp_seconds", Type: Gauge, Unit: "seconds", Stability: Development,
		Help: "Unix time when the last run began.",
	}
	ProbeOrdersLeft = Metric{
		Name: "probe_orders_left", Type: Gauge, Stability: Development,
		Help: "Number of synthetic orders that could not be cancelled and may be packed.",
	}
	ProbeStepSuccess = Metric{
		Name: "probe_step_success", Type: Gauge, Stability: Development,
		Help:   "Whether the step succeeded in the last run: 1 or 0. No sample: the run did not come so far.",
		Labels: []Label{probeStep},
	}
	ProbeStepDuration = Metric{
		Name: "probe_step_duration_seconds", Type: Gauge, Unit: "seconds", Stability: Development,
		Help:   "How long the step took in the last run. No sample: the run did not come so far.",
		Labels: []Label{probeStep},
	}
)

// What `lookout probe` counts over all runs.
var (
	ProbeRuns = Metric{
		Name: "probe_runs_total", Type: Counter, Stability: Development,
		Help: "Number of runs that came to an end.",
	}
	ProbeFailures = Metric{
		Name: "probe_failures_total", Type: Counter, Stability: Development,
		Help:   "Number of runs that failed, by the step that did. Exemplars lead to their traces, where those are exported.",
		Labels: []Label{probeStep},
	}
	ProbeOrdersCleaned = Metric{
		Name: "probe_orders_cleaned_total", Type: Counter, Stability: Development,
		Help: "Number of orders that a failed or killed run left open and that were cancelled later.",
	}
)

func probeMetrics() []Metric {
	return []Metric{
		ProbeSuccess, ProbeDuration, ProbeStatus, ProbeLastRun, ProbeOrdersLeft, ProbeStepSuccess, ProbeStepDuration,
		ProbeRuns, ProbeFailures, ProbeOrdersCleaned,
	}
}
