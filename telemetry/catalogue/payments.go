package catalogue

import "slices"

// Outcomes of a call of a payment provider.
const (
	PaymentCallOK          = "ok"
	PaymentCallDeclined    = "declined"    // the provider refused the payment; it works
	PaymentCallNotFound    = "not_found"   // the provider knows no such intent; it works
	PaymentCallUnavailable = "unavailable" // it could not be reached, or said that it cannot serve us
	PaymentCallTimeout     = "timeout"     // it did not answer in time
	PaymentCallCanceled    = "canceled"    // who called it went away
	PaymentCallError       = "error"       // it refused a request that we should not have made
)

// PaymentCallOutcomes returns every outcome of a call.
func PaymentCallOutcomes() []string {
	return []string{
		PaymentCallOK, PaymentCallDeclined, PaymentCallNotFound, PaymentCallUnavailable, PaymentCallTimeout,
		PaymentCallCanceled, PaymentCallError,
	}
}

// PaymentCallErrorTypes returns the error categories of the outcomes that are failures, which are the error.type of the calls'
// spans. A payment that is declined has that of the answer to the customer, 402.
func PaymentCallErrorTypes() map[string]string {
	return map[string]string{
		PaymentCallDeclined: ErrorValidation, PaymentCallNotFound: ErrorNotFound, PaymentCallUnavailable: ErrorDependency,
		PaymentCallTimeout: ErrorTimeout, PaymentCallCanceled: ErrorCanceled, PaymentCallError: ErrorInternal,
	}
}

// Operations of a payment provider.
const (
	PaymentCreateIntent = "create_intent"
	PaymentGetIntent    = "get_intent"
	PaymentCancelIntent = "cancel_intent"
	PaymentCallOff      = "call_off_intent"
	PaymentRefund       = "refund"
	PaymentGetRefund    = "get_refund"
)

// PaymentOperations returns every operation of a payment provider.
func PaymentOperations() []string {
	return []string{PaymentCreateIntent, PaymentGetIntent, PaymentCancelIntent, PaymentCallOff, PaymentRefund, PaymentGetRefund}
}

// PaymentRepeatableOperations returns those that are called again when they fail. To cancel has no idempotency key.
func PaymentRepeatableOperations() []string {
	return slices.DeleteFunc(PaymentOperations(), func(operation string) bool { return operation == PaymentCancelIntent })
}

// Why a call was not made.
const (
	PaymentRejectedByBreaker  = "breaker"  // the provider has failed too often of late
	PaymentRejectedByBulkhead = "bulkhead" // as many calls as may be are under way
)

// PaymentRejectionReasons returns every reason for which a call is not made.
func PaymentRejectionReasons() []string {
	return []string{PaymentRejectedByBreaker, PaymentRejectedByBulkhead}
}

// States of a circuit breaker.
const (
	BreakerClosed   = "closed"    // calls are made
	BreakerHalfOpen = "half_open" // a few calls are made, to see whether it works again
	BreakerOpen     = "open"      // no call is made
)

// BreakerStates returns every state of a circuit breaker.
func BreakerStates() []string { return []string{BreakerClosed, BreakerHalfOpen, BreakerOpen} }

// What became of a delivery to a payment webhook.
const (
	PaymentEventHandled      = "handled"
	PaymentEventDuplicate    = "duplicate"       // handled before
	PaymentEventIgnored      = "ignored"         // not about a payment
	PaymentEventUnknown      = "unknown_payment" // about a payment that is not ours
	PaymentEventBadSignature = "bad_signature"
	PaymentEventMalformed    = "malformed"
	PaymentEventFailed       = "failed" // ours to take in, and we could not: the provider will deliver it again
)

// PaymentEventOutcomes returns everything that can become of a delivery.
func PaymentEventOutcomes() []string {
	return []string{
		PaymentEventHandled, PaymentEventDuplicate, PaymentEventIgnored, PaymentEventUnknown, PaymentEventBadSignature, PaymentEventMalformed,
		PaymentEventFailed,
	}
}

var (
	paymentProvider  = Label{Name: "provider", Help: "Payment provider", Values: []string{"stripe", "sandbox"}}
	paymentOperation = Label{Name: "operation", Help: "What was asked of the provider", Values: PaymentOperations()}
)

// PaymentCallDuration is the duration of each call of the payment provider; a repeat is a call of its own. Cards take a
// second or two, so the buckets are dense there.
var PaymentCallDuration = Metric{
	Name: "market_payment_provider_call_duration_seconds", Type: Histogram, Unit: "seconds", Stability: Development,
	Help: "Duration of calls of the payment provider.",
	Labels: []Label{paymentProvider, paymentOperation, {
		Name: "outcome", Help: "How the call ended", Values: PaymentCallOutcomes(), ErrorTypes: PaymentCallErrorTypes(),
	}},
	Buckets: []float64{0.005, 0.025, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10},
}

// PaymentRetries counts calls that repeat one that failed.
var PaymentRetries = Metric{
	Name: "market_payment_provider_retries_total", Type: Counter, Stability: Development,
	Help: "Number of repeated calls of the payment provider.",
	Labels: []Label{paymentProvider, {
		Name: paymentOperation.Name, Help: paymentOperation.Help, Values: PaymentRepeatableOperations(),
	}},
}

// PaymentRejections counts calls that were not made, to protect the provider or ourselves.
var PaymentRejections = Metric{
	Name: "market_payment_provider_rejections_total", Type: Counter, Stability: Development,
	Help: "Number of calls of the payment provider that were not made.",
	Labels: []Label{paymentProvider, paymentOperation, {
		Name: "reason", Help: "What kept the call from being made", Values: PaymentRejectionReasons(),
		ErrorTypes: map[string]string{PaymentRejectedByBreaker: ErrorDependency, PaymentRejectedByBulkhead: ErrorDependency},
	}},
}

// PaymentBreakerState says in which state the circuit breaker before the provider is.
var PaymentBreakerState = Metric{
	Name: "market_payment_provider_breaker_state", Type: Gauge, Stability: Development,
	Help:   "State of the circuit breaker before the payment provider: 1 for the state it is in, 0 for the others.",
	Labels: []Label{paymentProvider, {Name: "state", Help: "State", Values: BreakerStates()}},
}

// PaymentEvents counts deliveries to the payment webhook.
var PaymentEvents = Metric{
	Name: "market_payment_events_total", Type: Counter, Stability: Development,
	Help: "Number of events that payment providers delivered.",
	Labels: []Label{paymentProvider, {
		Name: "outcome", Help: "What became of the delivery; failed ones have the category of their request's answer", Values: PaymentEventOutcomes(),
		ErrorTypes: map[string]string{
			PaymentEventUnknown: ErrorNotFound, PaymentEventBadSignature: ErrorAuth, PaymentEventMalformed: ErrorValidation,
		},
	}},
}

func paymentMetrics() []Metric {
	return []Metric{PaymentCallDuration, PaymentRetries, PaymentRejections, PaymentBreakerState, PaymentEvents}
}

func paymentSpans() []Span {
	return []Span{{
		Name: "payments {payment.operation}", Kind: ClientSpan, Stability: Development,
		Help: "A call of the payment provider; a repeat is a call of its own.",
		Always: []Attribute{
			{Name: "payment.provider", Type: Text, Help: "Payment provider", Values: paymentProvider.Values},
			{Name: "payment.operation", Type: Text, Help: "What was asked of it", Values: PaymentOperations()},
			{Name: "payment.attempt", Type: Integer, Help: "1 for the first call, 2 for its first repeat"},
			{Name: "payment.outcome", Type: Text, Help: "How the call ended", Values: PaymentCallOutcomes()},
		},
		Sometimes: []Attribute{errorTypeAttribute, exemplarAttribute},
		Events:    []Event{exceptionEvent},
	}, {
		Name: requestSpan, Kind: ServerSpan, Events: []Event{paymentCallNotMade},
	}, {
		Name: jobItemSpan, Kind: InternalSpan, Events: []Event{paymentCallNotMade},
	}}
}

// paymentCallNotMade is in the span of whoever wanted the call.
var paymentCallNotMade = Event{
	Name: "payment call not made", Help: "The payment provider was not called, to protect it or ourselves.",
	Always: []Attribute{
		{Name: "payment.provider", Type: Text, Help: "Payment provider", Values: paymentProvider.Values},
		{Name: "payment.operation", Type: Text, Help: "What was to be asked of it", Values: PaymentOperations()},
		{Name: "payment.rejection", Type: Text, Help: "What kept the call from being made", Values: PaymentRejectionReasons()},
	},
}

func paymentLines() []Line {
	var (
		notice      = Attribute{Name: "notice", Type: Text, Help: "That no money is taken"}
		behaviour   = Attribute{Name: "behaviour", Type: Text, Help: "What the sandbox does"}
		provider    = Attribute{Name: "provider", Type: Text, Help: "Payment provider", Values: paymentProvider.Values}
		providerRef = Attribute{Name: "provider_ref", Type: Text, Help: "Id of the payment at its provider"}
		event       = Attribute{Name: "event_id", Type: Text, Help: "Id of the event at its provider"}
		attempts    = Attribute{Name: "attempts", Type: Integer, Help: "How often the event was sent"}
		payment     = Attribute{Name: "payment_id", Type: Text, Help: "Id of the payment here"}
		status      = Attribute{Name: "status", Type: Text, Help: "State of the payment at its provider"}
	)
	return []Line{
		{
			Message: "payments are made with the sandbox", Levels: warn, Help: "At the start.",
			Always: []Attribute{notice, {Name: "methods", Type: Text, Help: "Payment methods that the sandbox knows"}},
		},
		{
			Message: "sandbox payment", Levels: info, Help: "The sandbox was asked for a payment.",
			Always: []Attribute{
				notice, providerRef, payment, behaviour, status,
			},
		},
		{
			Message: "sandbox told", Levels: warn, Help: "Somebody told the sandbox how to behave.",
			Always: []Attribute{behaviour, delayField, {Name: "expires_at", Type: Text, Help: "When the sandbox forgets what it was told, in RFC 3339"}},
		},
		{
			Message: "sandbox event not taken; it is sent again", Levels: warn, Help: "The API did not take an event.",
			Always: []Attribute{event, attempts, errorField},
		},
		{
			Message: "sandbox gives an event up", Levels: fault, Help: "The API did not take an event, again and again.",
			Always: []Attribute{event, attempts, errorField},
		},
		{
			Message: "sandbox events wait: they cannot be read or noted", Levels: warn, Help: "The database does not answer the sandbox.",
			Always: []Attribute{errorField},
		},
		{
			Message: "a refund has failed", Levels: fault, Help: "A customer is still owed the money; a market manager has to try again.",
			Always: []Attribute{
				{Name: "order_id", Type: Text, Help: "Id of the order"},
				payment, errorField,
				{Name: "refund_ref", Type: Text, Help: "Id of the refund at its provider"},
			},
		},
		{
			Message: "payment event not taken in", Levels: warn, Help: "An event is no event, or could not be handled.",
			Always: []Attribute{provider, event, errorField},
		},
		{
			Message: "payment event for a payment that is not ours", Levels: warn, Help: "Another program may share the provider's account.",
			Always: []Attribute{provider, event, providerRef, status},
		},
		{
			Message: "payment provider's circuit breaker", Levels: warn, Help: "It changed its state.",
			Always: []Attribute{
				provider,
				{Name: "from", Type: Text, Help: "State of the circuit breaker before"},
				{Name: "to", Type: Text, Help: "State of the circuit breaker after"},
			},
		},
	}
}
