package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/payments/sandbox"
)

type sandboxIntentRow struct {
	bun.BaseModel `bun:"table:sandbox_intents"`

	Ref      string `bun:",pk"`
	Document string
}

type sandboxDeliveryRow struct {
	bun.BaseModel `bun:"table:sandbox_deliveries"`

	ID       string `bun:",pk"`
	Due      time.Time
	Document string
}

// SandboxIntent implements sandbox.Ledger.
func (s *Store) SandboxIntent(ctx context.Context, ref string) (intent sandbox.Intent, err error) {
	err = s.run(ctx, "read sandbox intent "+ref, func(ctx context.Context) error {
		row := sandboxIntentRow{Ref: ref}
		err := s.db.NewSelect().Model(&row).WherePK().Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return &market.NotFoundError{Kind: "payment intent", ID: ref}
		}
		if err != nil {
			return err
		}
		return readDocument(row.Document, &intent)
	})
	return intent, err
}

// ChangeSandboxIntent implements sandbox.Ledger.
func (s *Store) ChangeSandboxIntent(ctx context.Context, ref string, change func(*sandbox.Intent) ([]sandbox.Delivery, error),
) (intent sandbox.Intent, err error) {
	err = s.write(ctx, "change sandbox intent "+ref, func(ctx context.Context, tx bun.Tx) error {
		// The row is there before it is locked, so that two who create the same intent come one after the other.
		row := sandboxIntentRow{Ref: ref, Document: "{}"}
		if _, err := tx.NewInsert().Model(&row).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
			return err
		}
		if err := locked(tx.NewSelect().Model(&row).WherePK(), forUpdate).Scan(ctx); err != nil {
			return err
		}
		intent = sandbox.Intent{}
		if err := readDocument(row.Document, &intent); err != nil {
			return err
		}
		deliveries, err := change(&intent)
		if err != nil {
			return err
		}
		if row.Document, err = writeDocument(intent); err != nil {
			return err
		}
		if _, err := tx.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
			return err
		}
		for _, d := range deliveries {
			if err := saveDelivery(ctx, tx, d); err != nil {
				return err
			}
		}
		return nil
	})
	return intent, err
}

// SandboxDeliveries implements sandbox.Ledger.
func (s *Store) SandboxDeliveries(ctx context.Context, limit int) ([]sandbox.Delivery, error) {
	var rows []sandboxDeliveryRow
	err := s.run(ctx, "read sandbox deliveries", func(ctx context.Context) error {
		return s.db.NewSelect().Model(&rows).Order("due", "id").Limit(int64(limit)).Scan(ctx)
	})
	if err != nil {
		return nil, err
	}
	deliveries := make([]sandbox.Delivery, len(rows))
	for i, row := range rows {
		if err := readDocument(row.Document, &deliveries[i]); err != nil {
			return nil, fmt.Errorf("read sandbox delivery %s: %w", row.ID, err)
		}
	}
	return deliveries, nil
}

// SaveSandboxDelivery implements sandbox.Ledger.
func (s *Store) SaveSandboxDelivery(ctx context.Context, d sandbox.Delivery) error {
	return s.write(ctx, "save sandbox delivery "+d.ID, func(ctx context.Context, tx bun.Tx) error {
		return saveDelivery(ctx, tx, d)
	})
}

// DeleteSandboxDelivery implements sandbox.Ledger.
func (s *Store) DeleteSandboxDelivery(ctx context.Context, id string) error {
	return s.write(ctx, "delete sandbox delivery "+id, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewDelete().Model(&sandboxDeliveryRow{ID: id}).WherePK().Exec(ctx)
		return err
	})
}

func saveDelivery(ctx context.Context, tx bun.Tx, d sandbox.Delivery) error {
	document, err := writeDocument(d)
	if err != nil {
		return err
	}
	row := sandboxDeliveryRow{ID: d.ID, Due: d.Due.UTC(), Document: document}
	_, err = tx.NewInsert().Model(&row).On("CONFLICT (id) DO UPDATE").
		Set("due = EXCLUDED.due").Set("document = EXCLUDED.document").Exec(ctx)
	return err
}

func readDocument(document string, into any) error {
	if err := json.Unmarshal([]byte(document), into); err != nil {
		return fmt.Errorf("read a document of the sandbox: %w", err)
	}
	return nil
}

func writeDocument(value any) (string, error) {
	document, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("write a document of the sandbox: %w", err)
	}
	return string(document), nil
}
