package payments

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v82"
	"github.com/stripe/stripe-go/v82/webhook"

	"github.com/farmersmarket/platform/server/market"
)

// Tolerance is how old a signature may be. Together with handling each event once it keeps a recorded delivery from being
// of use to anyone. Five minutes is Stripe's own default: https://docs.stripe.com/webhooks#replay-attacks.
const Tolerance = 5 * time.Minute

// SignatureHeader is the header that a delivery's signature is in.
const SignatureHeader = "Stripe-Signature"

// What can be wrong with a delivery.
var (
	// ErrSignature says that it was not signed with our secret, or too long ago. Nothing in it can be believed.
	ErrSignature = errors.New("the signature is not valid")
	// ErrMalformed says that it is signed, but is not an event that we can read.
	ErrMalformed = errors.New("the event cannot be read")
	// errIrrelevant says that it tells of something else than a payment.
	errIrrelevant = errors.New("the event is not about a payment")
)

// Webhook reads the deliveries of one endpoint. The zero Webhook refuses them all.
type Webhook struct {
	secret string
}

// NewWebhook returns the reader of deliveries that are signed with the secret, which must not be empty.
func NewWebhook(secret string) (Webhook, error) {
	if secret == "" {
		return Webhook{}, errors.New("the secret that webhook deliveries are signed with is empty: anybody could sign one")
	}
	return Webhook{secret: secret}, nil
}

// Sign returns the signature header of a delivery made at the time.
func (w Webhook) Sign(body []byte, at time.Time) string {
	return fmt.Sprintf("t=%d,v1=%x", at.Unix(), webhook.ComputeSignature(at, body, w.secret))
}

// Event is the part of a Stripe event that says what became of a PaymentIntent or of a Refund. The sandbox sends the same.
type Event struct {
	ID       string    `json:"id"`
	Object   string    `json:"object"` // event
	Type     string    `json:"type"`
	Created  int64     `json:"created"` // Unix time, s
	Livemode bool      `json:"livemode"`
	Data     EventData `json:"data"`
}

// EventData holds the intent or the refund as it was when the event happened.
type EventData struct {
	Object EventObject `json:"object"`
}

// EventObject is the intent or the refund that an event is about.
type EventObject struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"` // payment_intent, refund
	Status        string            `json:"status"`
	PaymentIntent string            `json:"payment_intent,omitempty"` // of a refund
	FailureReason string            `json:"failure_reason,omitempty"` // of a refund
	Metadata      map[string]string `json:"metadata"`
}

// Read returns what a delivery reports. It fails with ErrSignature or ErrMalformed.
func (w Webhook) Read(body []byte, signature string) (market.PaymentEvent, error) {
	if w.secret == "" {
		return market.PaymentEvent{}, ErrSignature
	}
	if err := webhook.ValidatePayloadWithTolerance(body, signature, w.secret, Tolerance); err != nil {
		return market.PaymentEvent{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	var event Event
	if err := json.Unmarshal(body, &event); err != nil {
		return market.PaymentEvent{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return event.payment()
}

// isID reports whether the text can be an id, which every database keeps as it is. A missing one can.
func isID(text string) bool {
	const longest = 255
	return len(text) <= longest && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// payment reads an event about an intent or a refund. Stripe tells of one change of a refund by several events.
func (e *Event) payment() (market.PaymentEvent, error) {
	if e.ID == "" || e.Type == "" {
		return market.PaymentEvent{}, fmt.Errorf("%w: it has no id or no type", ErrMalformed)
	}
	event := market.PaymentEvent{EventID: e.ID, PaymentID: e.Data.Object.Metadata[MetadataPayment], At: time.Unix(e.Created, 0).UTC()}
	var known bool
	object := e.Data.Object
	switch {
	case strings.HasPrefix(e.Type, "payment_intent."):
		event.ProviderRef = object.ID
		event.State, known = StateOf(stripe.PaymentIntentStatus(object.Status))
	case strings.HasPrefix(e.Type, "refund."), strings.HasPrefix(e.Type, "charge.refund."):
		event.ProviderRef = object.PaymentIntent
		event.State, known = RefundStateOf(stripe.RefundStatus(object.Status))
		event.Refund = market.Refund{
			ProviderRef: object.ID, Key: object.Metadata[MetadataRefund], State: event.State, Failure: object.FailureReason,
		}
	default:
		return market.PaymentEvent{}, errIrrelevant
	}
	if err := e.checkIDs(&event); err != nil {
		return market.PaymentEvent{}, err
	}
	if !known {
		return market.PaymentEvent{}, fmt.Errorf("%w: %s %s has the status %q, which is none we know", ErrMalformed, e.Type, e.ID, object.Status)
	}
	return event, nil
}

// checkIDs fails with ErrMalformed unless the event has the ids that it needs, and can be kept.
func (e *Event) checkIDs(event *market.PaymentEvent) error {
	if e.Data.Object.ID == "" {
		return fmt.Errorf("%w: %s %s names no intent or refund", ErrMalformed, e.Type, e.ID)
	}
	if event.ProviderRef == "" {
		return errIrrelevant // a refund of a charge that was made without an intent, which ours never are
	}
	for name, id := range map[string]string{
		"id": e.ID, "intent": event.ProviderRef, "payment": event.PaymentID, "refund": event.Refund.ProviderRef,
		"refund's failure": event.Refund.Failure,
	} {
		if !isID(id) {
			return fmt.Errorf("%w: its %s %.40q is not of at most 255 visible ASCII characters", ErrMalformed, name, id)
		}
	}
	return nil
}
