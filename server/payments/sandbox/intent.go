package sandbox

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/stripe/stripe-go/v82"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/payments"
)

// Intent is a payment as the sandbox keeps it.
type Intent struct {
	Ref        string                     `json:"ref"`
	OrderID    string                     `json:"order_id"`
	PaymentID  string                     `json:"payment_id"`
	Amount     market.Money               `json:"amount"`
	Method     string                     `json:"method"`
	Behaviour  Behaviour                  `json:"behaviour"`
	Calls      int                        `json:"calls"`  // that asked to create it
	Answer     stripe.PaymentIntentStatus `json:"answer"` // that each of them gets; empty while none was served
	Status     stripe.PaymentIntentStatus `json:"status"`
	CapturesAt time.Time                  `json:"captures_at,omitzero"` // when it succeeds by itself
	Captures   int                        `json:"captures"`
	Refunded   []Refund                   `json:"refunded,omitempty"` // the tries, oldest first
}

// Delivery is an event that is to be sent.
type Delivery struct {
	ID       string                     `json:"id"`       // of this delivery
	EventID  string                     `json:"event_id"` // the same when the event is sent twice
	Ref      string                     `json:"ref"`
	OrderID  string                     `json:"order_id"`
	Payment  string                     `json:"payment_id"`
	Status   stripe.PaymentIntentStatus `json:"status"`           // of the intent
	Refund   *Refund                    `json:"refund,omitempty"` // as it was then, when the event is about it
	At       time.Time                  `json:"at"`               // when it happened
	Due      time.Time                  `json:"due"`              // when it is to be sent
	Attempts int                        `json:"attempts"`
}

// begin makes the intent of the request, unless there is one.
func (i *Intent) begin(r market.PaymentRequest, behaviour Behaviour) {
	if i.Ref == "" {
		*i = Intent{
			Ref: refOf(r), OrderID: r.OrderID, PaymentID: r.PaymentID, Amount: r.Amount, Method: r.Method, Behaviour: behaviour,
		}
	}
}

// sameAs reports whether the request is the one that the intent was made for.
func (i *Intent) sameAs(r market.PaymentRequest) bool {
	return i.OrderID == r.OrderID && i.PaymentID == r.PaymentID && i.Amount == r.Amount && i.Method == r.Method
}

// act does what the behaviour says, once, and returns the events that tell of it.
func (i *Intent) act(now time.Time) ([]Delivery, error) {
	plan := i.Behaviour.plan()
	i.Answer, i.Status = plan.answer, plan.answer
	if plan.capturedIn >= 0 {
		i.CapturesAt = now.Add(plan.capturedIn)
	}
	i.settle(now)
	var all []Delivery
	for _, event := range plan.events {
		d, err := i.event(event.status, now, now.Add(event.in))
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// settle captures the payment if it is time.
func (i *Intent) settle(now time.Time) {
	if !i.CapturesAt.IsZero() && !now.Before(i.CapturesAt) {
		i.capture()
	}
	for at := range i.Refunded {
		i.Refunded[at].settle(now)
	}
}

func (i *Intent) capture() {
	i.Status, i.CapturesAt = stripe.PaymentIntentStatusSucceeded, time.Time{}
	i.Captures++
}

// settled reports whether nothing can happen to it any more but a refund.
func (i *Intent) settled() bool {
	return i.Status == stripe.PaymentIntentStatusSucceeded || i.Status == stripe.PaymentIntentStatusCanceled
}

func (i *Intent) event(status stripe.PaymentIntentStatus, at, due time.Time) (Delivery, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Delivery{}, fmt.Errorf("make the id of a delivery: %w", err)
	}
	return Delivery{
		ID: id.String(), EventID: fmt.Sprintf("evt_%s_%s_%d", i.Ref, status, at.UnixMicro()), Ref: i.Ref, OrderID: i.OrderID, Payment: i.PaymentID,
		Status: status, At: at, Due: due,
	}, nil
}

// view is the intent as the market sees it.
func (i *Intent) view(status stripe.PaymentIntentStatus) market.PaymentIntent {
	state, _ := payments.StateOf(status) // ours are known
	seen := market.PaymentIntent{ProviderRef: i.Ref, State: state}
	if state == market.PaymentRequiresAction {
		seen.ClientSecret = i.Ref + "_secret_of_the_sandbox"
	}
	return seen
}
