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
