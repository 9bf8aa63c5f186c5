package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/market"
)

type sessionRow struct {
	bun.BaseModel `bun:"table:sessions,alias:s"`

	ID        string    `bun:"id,pk"`
	AccountID string    `bun:"account_id"`
	TokenHash string    `bun:"token_hash"`
	CreatedAt time.Time `bun:"created_at"`
	ExpiresAt time.Time `bun:"expires_at"`
}

func (r sessionRow) session() auth.Session {
	return auth.Session{
		ID: r.ID, AccountID: r.AccountID, TokenHash: r.TokenHash, CreatedAt: r.CreatedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(),
	}
}

type attemptRow struct {
	bun.BaseModel `bun:"table:login_attempts,alias:l"`

	Key       string    `bun:"key,pk"`
	Attempts  int       `bun:"attempts"`
	ExpiresAt time.Time `bun:"expires_at"`
}

// CreateSession keeps a new session, and forgets sessions and attempts to log in that have expired.
func (s *Store) CreateSession(ctx context.Context, session auth.Session) error {
	row := sessionRow{
		ID: session.ID, AccountID: session.AccountID, TokenHash: session.TokenHash,
		CreatedAt: session.CreatedAt.UTC(), ExpiresAt: session.ExpiresAt.UTC(),
	}
	return s.write(ctx, "create a session", func(ctx context.Context, tx bun.Tx) error {
		for _, model := range []any{(*sessionRow)(nil), (*attemptRow)(nil)} {
			if _, err := tx.NewDelete().Model(model).Where("expires_at <= ?", row.CreatedAt).Exec(ctx); err != nil {
				return err
			}
		}
		_, err := tx.NewInsert().Model(&row).Exec(ctx)
		return err
	})
}

// RotateSession puts another token in the place of the session's good one. See auth.Store.
func (s *Store) RotateSession(ctx context.Context, id, from, to string, now time.Time) (auth.Session, error) {
	var row sessionRow
	var ended time.Time // when the session that the wrong token ended would have expired
	err := s.write(ctx, "rotate session "+id, func(ctx context.Context, tx bun.Tx) error {
		err := tx.NewUpdate().Model(&row).Set("token_hash = ?", to).
			Where("id = ? AND token_hash = ? AND expires_at > ?", id, from, now.UTC()).Returning("*").Scan(ctx)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		err = tx.NewDelete().Model((*sessionRow)(nil)).Where("id = ?", id).Returning("expires_at").Scan(ctx, &ended)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	switch {
	case err != nil:
		return auth.Session{}, err
	case row.ID != "":
		return row.session(), nil
	case ended.After(now):
		return auth.Session{}, auth.ErrSuperseded
	}
	return auth.Session{}, &market.NotFoundError{Kind: "session", ID: id}
}

// EndSession ends the session whose good token has the hash. It does nothing when there is none.
func (s *Store) EndSession(ctx context.Context, id, tokenHash string) error {
	return s.write(ctx, "end session "+id, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewDelete().Model((*sessionRow)(nil)).Where("id = ? AND token_hash = ?", id, tokenHash).Exec(ctx)
		return err
	})
}

// CountAttempt adds one to the key's attempts in the window, or begins a window.
func (s *Store) CountAttempt(
	ctx context.Context, key string, now time.Time, window time.Duration,
) (attempts int, ends time.Time, err error) {
	row := attemptRow{Key: key, Attempts: 1, ExpiresAt: now.Add(window).UTC()}
	err = s.write(ctx, "count an attempt to log in", func(ctx context.Context, tx bun.Tx) error {
		return tx.NewInsert().Model(&row).On("CONFLICT (key) DO UPDATE").
			Set("attempts = CASE WHEN l.expires_at <= ? THEN 1 ELSE l.attempts + 1 END", now.UTC()).
			Set("expires_at = CASE WHEN l.expires_at <= ? THEN EXCLUDED.expires_at ELSE l.expires_at END", now.UTC()).
			Returning("attempts, expires_at").Scan(ctx)
	})
	return row.Attempts, row.ExpiresAt.UTC(), err
}

// ForgetAttempts takes so many attempts back.
func (s *Store) ForgetAttempts(ctx context.Context, key string, attempts int) error {
	return s.write(ctx, "forget attempts to log in", func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewUpdate().Model((*attemptRow)(nil)).
			Set("attempts = CASE WHEN attempts > ? THEN attempts - ? ELSE 0 END", attempts, attempts).
			Where("key = ?", key).Exec(ctx)
		return err
	})
}
