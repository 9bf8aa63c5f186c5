package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/stripe/stripe-go/v82"

	"github.com/farmersmarket/platform/server/payments"
	"github.com/farmersmarket/platform/telemetry"
)

// How events are delivered.
const (
	batch           = 50
	longestIdle     = 30 * time.Second // deliveries of a process that died are found by then
	deliveryTimeout = 10 * time.Second
	firstRedelivery = time.Second // it doubles with each attempt
	mostAttempts    = 12          // an hour or so
)

// nudge makes Deliver look for new deliveries.
func (s *Sandbox) nudge() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Deliver sends the events through the transport to the webhook at the URL until the context ends. An event that is not
// taken is sent again.
func (s *Sandbox) Deliver(ctx context.Context, transport http.RoundTripper, url string) {
	client := &http.Client{Timeout: deliveryTimeout, Transport: transport}
	defer client.CloseIdleConnections()
	for {
		next := s.deliverDue(ctx, client, url)
		timer := time.NewTimer(next)
		select {
		case <-timer.C:
		case <-s.wake:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// deliverDue sends what is due and returns how long there is nothing more to do.
func (s *Sandbox) deliverDue(ctx context.Context, client *http.Client, url string) time.Duration {
	deliveries, err := s.ledger.SandboxDeliveries(ctx, batch)
	if err != nil {
		s.complain(ctx, err)
		return firstRedelivery
	}
	for _, d := range deliveries {
		if wait := d.Due.Sub(s.clock.Now()); wait > 0 {
			return min(wait, longestIdle)
		}
		if err := s.deliver(ctx, client, url, d); err != nil {
			s.complain(ctx, err)
			return firstRedelivery
		}
	}
	if len(deliveries) > 0 {
		return 0 // there may be more, and what was not taken is due again before long
	}
	return longestIdle
}

// complain logs trouble with the ledger, unless the sandbox is being stopped.
func (s *Sandbox) complain(ctx context.Context, err error) {
	if ctx.Err() == nil {
		s.logger.WarnContext(ctx, "sandbox events wait: they cannot be read or noted", "error", err.Error())
	}
}

// deliver sends one event, and notes what became of it. Its error is the ledger's.
func (s *Sandbox) deliver(ctx context.Context, client *http.Client, url string, d Delivery) error {
	intent, err := s.ledger.SandboxIntent(ctx, d.Ref)
	if err != nil {
		return err
	}
	intent.settle(s.clock.Now())
	if d.Status == stripe.PaymentIntentStatusSucceeded && intent.Captures == 0 {
		return s.ledger.DeleteSandboxDelivery(ctx, d.ID) // it was cancelled first: there is nothing to tell
	}
	err = s.post(ctx, client, url, d)
	switch {
	case err == nil:
		return s.ledger.DeleteSandboxDelivery(ctx, d.ID)
	case ctx.Err() != nil:
		return ctx.Err() // the next process sends it
	}
	d.Attempts++
	if d.Attempts >= mostAttempts {
		s.logger.ErrorContext(ctx, "sandbox gives an event up", "event_id", d.EventID, "attempts", d.Attempts, "error", err.Error())
		return s.ledger.DeleteSandboxDelivery(ctx, d.ID)
	}
	s.logger.WarnContext(ctx, "sandbox event not taken; it is sent again", "event_id", d.EventID, "attempts", d.Attempts, "error", err.Error())
	d.Due = s.clock.Now().Add(firstRedelivery << d.Attempts)
	return s.ledger.SaveSandboxDelivery(ctx, d)
}

func (s *Sandbox) post(ctx context.Context, client *http.Client, url string, d Delivery) error {
	kind, object := d.object()
	body, err := json.Marshal(payments.Event{
		ID: d.EventID, Object: "event", Type: kind, Created: d.At.Unix(), Data: payments.EventData{Object: object},
	})
	if err != nil {
		return fmt.Errorf("write event %s: %w", d.EventID, err)
	}
	ctx = telemetry.Resent(s.traces.resume(ctx, d.Ref), d.Attempts)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("deliver to %s: %w", url, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(payments.SignatureHeader, s.webhook.Sign(body, time.Now()))
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 { //nolint:mnd // 2xx
		return fmt.Errorf("deliver to %s: it answers %s", url, response.Status)
	}
	return nil
}

// object is what the event is about, as Stripe shows it.
func (d Delivery) object() (kind string, object payments.EventObject) {
	if d.Refund != nil {
		return d.Refund.object(d)
	}
	return "payment_intent." + string(d.Status), payments.EventObject{
		ID: d.Ref, Object: "payment_intent", Status: string(d.Status),
		Metadata: map[string]string{payments.MetadataOrder: d.OrderID, payments.MetadataPayment: d.Payment, "notice": Notice},
	}
}
