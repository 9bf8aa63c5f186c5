package payments

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Inbox takes deliveries of events and hands them to the market.
type Inbox struct {
	webhooks map[string]Webhook
	handle   func(context.Context, market.PaymentEvent) error
	logger   *slog.Logger
	events   *prometheus.CounterVec
}

// NewInbox returns the inbox of the providers, whose deliveries come to the webhooks of their names. handle stores an
// event: when it returns, the event is not needed again. It fails with market.ErrEventSeen when it has stored it before.
func NewInbox(webhooks map[string]Webhook, handle func(context.Context, market.PaymentEvent) error, tel *telemetry.Telemetry) *Inbox {
	i := &Inbox{
		webhooks: maps.Clone(webhooks), handle: handle, logger: tel.Logger,
		events: tel.Metrics.Counter(catalogue.PaymentEvents),
	}
	for provider := range i.webhooks {
		for _, outcome := range catalogue.PaymentEventOutcomes() {
			i.events.WithLabelValues(provider, outcome)
		}
	}
	return i
}

// Take takes a delivery in and reports whether it concerned a payment of ours. Without an error the provider need not
// deliver it again. It fails with market.ErrNotFound when there is no such provider, with ErrSignature, with
// ErrMalformed, and with what handling the event fails with.
func (i *Inbox) Take(ctx context.Context, provider string, body []byte, signature string) (ours bool, err error) {
	hook, ok := i.webhooks[provider]
	if !ok {
		return false, &market.NotFoundError{Kind: "payment provider", ID: provider}
	}
	provider = strings.Clone(provider) // log lines are sent later than the memory of the request's path is used again
	event, err := hook.Read(body, signature)
	event.Provider = provider
	if err == nil {
		err = i.handle(ctx, event)
	}
	outcome := eventOutcome(err)
	i.events.WithLabelValues(provider, outcome).Inc()
	switch outcome {
	case catalogue.PaymentEventHandled, catalogue.PaymentEventDuplicate:
		return true, nil
	case catalogue.PaymentEventIgnored:
		return false, nil
	case catalogue.PaymentEventUnknown:
		// Not an error to the provider: another program may share the account, and delivering it again changes nothing.
		i.logger.WarnContext(ctx, "payment event for a payment that is not ours", "provider", provider,
			"event_id", event.EventID, "provider_ref", event.ProviderRef, "status", event.State)
		return false, nil
	}
	i.logger.WarnContext(ctx, "payment event not taken in", "provider", provider, "event_id", event.EventID, "error", err.Error())
	return false, err
}

func eventOutcome(err error) string {
	switch {
	case err == nil:
		return catalogue.PaymentEventHandled
	case errors.Is(err, market.ErrEventSeen):
		return catalogue.PaymentEventDuplicate
	case errors.Is(err, errIrrelevant):
		return catalogue.PaymentEventIgnored
	case errors.Is(err, market.ErrNotFound):
		return catalogue.PaymentEventUnknown
	case errors.Is(err, ErrSignature):
		return catalogue.PaymentEventBadSignature
	case errors.Is(err, ErrMalformed):
		return catalogue.PaymentEventMalformed
	}
	return catalogue.PaymentEventFailed
}
