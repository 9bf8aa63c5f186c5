package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
)

// outcomeRow is what came of a request with an idempotency key.
type outcomeRow struct {
	bun.BaseModel `bun:"table:idempotency_outcomes,alias:i"`

	AccountID   string    `bun:"account_id,pk"`
	Operation   string    `bun:"operation,pk"`
	Key         string    `bun:"idempotency_key,pk"`
	RequestHash string    `bun:"request_hash"`
	Document    string    `bun:"document"`
	ExpiresAt   time.Time `bun:"expires_at"`
}

// eventRow is an event of a payment provider that was taken in.
type eventRow struct {
	bun.BaseModel `bun:"table:payment_events,alias:e"`

	Provider   string    `bun:"provider,pk"`
	EventID    string    `bun:"event_id,pk"`
	ReceivedAt time.Time `bun:"received_at"`
}

// Outcome implements market.CheckoutTx.
func (c checkoutTx) Outcome(ctx context.Context, key market.RequestKey) (market.KeptOutcome, error) {
	row := outcomeRow{AccountID: key.AccountID, Operation: key.Operation, Key: key.Key}
	err := c.tx.NewSelect().Model(&row).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return market.KeptOutcome{}, &market.NotFoundError{Kind: "outcome of the idempotency key", ID: key.Key}
	}
	key.Hash = row.RequestHash
	return market.KeptOutcome{RequestKey: key, Document: []byte(row.Document), ExpiresAt: row.ExpiresAt.UTC()}, err
}

// KeepOutcome implements market.CheckoutTx.
func (c checkoutTx) KeepOutcome(ctx context.Context, outcome market.KeptOutcome) error {
	row := outcomeRow{
		AccountID: outcome.AccountID, Operation: outcome.Operation, Key: outcome.Key, RequestHash: outcome.Hash,
		Document: string(outcome.Document), ExpiresAt: outcome.ExpiresAt.UTC(),
	}
	_, err := c.tx.NewInsert().Model(&row).On("CONFLICT DO NOTHING").Exec(ctx)
	return err
}

// AddEvent implements market.CheckoutTx. An event whose first delivery is being taken in waits for that.
func (c checkoutTx) AddEvent(ctx context.Context, event market.PaymentEvent, at time.Time) error {
	row := eventRow{Provider: event.Provider, EventID: event.EventID, ReceivedAt: at.UTC()}
	result, err := c.tx.NewInsert().Model(&row).On("CONFLICT DO NOTHING").Exec(ctx)
	if err != nil {
		return err
	}
	if added, err := result.RowsAffected(); err != nil || added > 0 {
		return err
	}
	return market.ErrEventSeen
}

// ForgetOutcomes deletes outcomes that have expired, and returns how many it did.
func (s *Store) ForgetOutcomes(ctx context.Context, now time.Time, limit int) (int, error) {
	return s.forget(ctx, "forget outcomes of idempotency keys",
		"DELETE FROM idempotency_outcomes WHERE (account_id, operation, idempotency_key) IN (SELECT account_id, operation, "+
			"idempotency_key FROM idempotency_outcomes WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)", now, limit)
}

// ForgetEvents deletes the ids of payment events that came before the time, and returns how many it did.
func (s *Store) ForgetEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.forget(ctx, "forget payment events",
		"DELETE FROM payment_events WHERE (provider, event_id) IN (SELECT provider, event_id FROM payment_events "+
			"WHERE received_at < ? ORDER BY received_at LIMIT ?)", before, limit)
}

func (s *Store) forget(ctx context.Context, doing, statement string, before time.Time, limit int) (int, error) {
	var forgotten int64
	err := s.write(ctx, doing, func(ctx context.Context, tx bun.Tx) error {
		result, err := tx.ExecContext(ctx, statement, before.UTC(), limit)
		if err != nil {
			return err
		}
		forgotten, err = result.RowsAffected()
		return err
	})
	return int(forgotten), err
}
