package sandbox

import (
	"slices"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v82"
)

// Behaviour is how the sandbox treats a payment.
type Behaviour string

// The behaviours. Each is also a payment method: Prefix and its name.
const (
	OK               Behaviour = "ok"
	RequiresAction   Behaviour = "requires_action"
	Processing       Behaviour = "processing"
	Decline          Behaviour = "decline"
	Slow             Behaviour = "slow"
	Fail             Behaviour = "fail"
	Lost             Behaviour = "lost"
	Timeout          Behaviour = "timeout"
	WebhookLate      Behaviour = "webhook_late"
	WebhookTwice     Behaviour = "webhook_twice"
	WebhookReordered Behaviour = "webhook_reordered"
	WebhookNever     Behaviour = "webhook_never"
	RefundPending    Behaviour = "refund_pending"
	RefundFails      Behaviour = "refund_fails"
	RefundBounces    Behaviour = "refund_bounces"
)

// Prefix makes a behaviour's name a payment method.
const Prefix = "sandbox_"

// failures is how often a payment with the method sandbox_fail fails before it works: as often as the market's guard asks
// for one request, so that the customer sees the failure and can try again.
const failures = 3

// How long things take.
const (
	processingTime = 2 * time.Second  // from processing to captured
	latenessOf     = 30 * time.Second // of a late webhook
	reorderingOf   = time.Second      // by which the earlier event comes later
	refundTime     = 2 * time.Second  // from a refund that is pending to what becomes of it
)

// Method says what a payment method does.
type Method struct {
	Token   string `json:"token"`
	Meaning string `json:"meaning"`
}

// Methods returns every payment method.
func Methods() []Method {
	methods := []Method{
		{"", "Captured at once, like " + Prefix + "ok."},
		{Prefix + string(OK), "Captured at once."},
		{Prefix + string(RequiresAction), "Waits until it is confirmed or declined through the admin port, as a customer would with their bank."},
		{Prefix + string(Processing), "Is captured two seconds later; a webhook tells."},
		{Prefix + string(Decline), "Is declined at once."},
		{Prefix + string(Slow), "Is captured after two seconds, or the delay set through the admin port."},
		{Prefix + string(Fail), "Fails three times, as if the provider were broken; then it is captured."},
		{Prefix + string(Lost), "Is captured, and the answer to the first call is lost."},
		{Prefix + string(Timeout), "Is captured, and the first call is never answered."},
		{Prefix + string(WebhookLate), "Is said to be processing; the webhook that tells of the capture comes 30 seconds late."},
		{Prefix + string(WebhookTwice), "Is said to be processing; the webhook that tells of the capture comes twice."},
		{Prefix + string(WebhookReordered), "Is said to be processing; the webhook that says so comes after the one that tells of the capture."},
		{Prefix + string(WebhookNever), "Is said to be processing; no webhook ever tells of the capture."},
		{Prefix + string(RefundPending), "Is captured at once; a refund of it is pending for two seconds, then a webhook tells that it has succeeded."},
		{Prefix + string(RefundFails), "Is captured at once; the first refund of it is pending for two seconds, then a webhook tells that it has failed. The next one succeeds."},
		{Prefix + string(RefundBounces), "Is captured at once; the first refund of it succeeds, and two seconds later a webhook tells that it has failed after all. The next one succeeds."},
	}
	return methods
}

// behaviourOf is what a payment method asks for; known is false when there is no such method.
func behaviourOf(method string) (b Behaviour, known bool) {
	known = slices.ContainsFunc(Methods(), func(m Method) bool { return m.Token == method })
	if method == "" {
		return OK, true
	}
	return Behaviour(strings.TrimPrefix(method, Prefix)), known
}

func tokens() string {
	var names []string
	for _, m := range Methods() {
		if m.Token != "" {
			names = append(names, m.Token)
		}
	}
	return strings.Join(names, ", ")
}

// plan is what a behaviour makes of a payment.
type plan struct {
	answer     stripe.PaymentIntentStatus // what the call is told
	capturedIn time.Duration              // negative: not by itself
	events     []planned
}

// planned is an event that is sent some time after the call.
type planned struct {
	status stripe.PaymentIntentStatus
	in     time.Duration
}

func (b Behaviour) plan() plan {
	const (
		succeeded  = stripe.PaymentIntentStatusSucceeded
		processing = stripe.PaymentIntentStatusProcessing
		action     = stripe.PaymentIntentStatusRequiresAction
	)
	switch b {
	case RequiresAction:
		return plan{action, -1, []planned{{action, 0}}}
	case Decline:
		return plan{stripe.PaymentIntentStatusCanceled, -1, nil}
	case Processing:
		return plan{processing, processingTime, []planned{{processing, 0}, {succeeded, processingTime}}}
	case WebhookLate:
		return plan{processing, 0, []planned{{succeeded, latenessOf}}}
	case WebhookTwice:
		return plan{processing, 0, []planned{{succeeded, 0}, {succeeded, 0}}}
	case WebhookReordered:
		return plan{processing, 0, []planned{{succeeded, 0}, {processing, reorderingOf}}}
	case WebhookNever:
		return plan{processing, 0, nil}
	}
	return plan{succeeded, 0, []planned{{succeeded, 0}}}
}
