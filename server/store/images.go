package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"
)

// imageRow is an image that is kept outside of the database, or is about to be.
type imageRow struct {
	bun.BaseModel `bun:"table:images,alias:m"`

	Hash      string    `bun:"hash,pk"`
	TouchedAt time.Time `bun:"touched_at"`
}

// shown is the condition that a product shows the image.
const shown = "EXISTS (SELECT 1 FROM products AS p WHERE p.image = m.hash)"

// TouchImage notes that the image is about to be kept, so that it is not taken for an unused one. It waits while the image
// is being deleted.
func (s *Store) TouchImage(ctx context.Context, hash string, at time.Time) error {
	return s.write(ctx, "note image "+hash, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&imageRow{Hash: hash, TouchedAt: at.UTC()}).
			On("CONFLICT (hash) DO UPDATE").Set("touched_at = EXCLUDED.touched_at").Exec(ctx)
		return err
	})
}

// releaseImage notes that the product is about to show its image no more. For a while, others may still have the URL.
func releaseImage(ctx context.Context, tx bun.Tx, productID string, at time.Time) error {
	_, err := tx.NewUpdate().Model((*imageRow)(nil)).Set("touched_at = ?", at.UTC()).
		Where("m.hash = (SELECT p.image FROM products AS p WHERE p.id = ?)", productID).Exec(ctx)
	return err
}

// UnusedImages returns the hashes of images that no product shows and that were last touched before the time, the oldest
// first.
func (s *Store) UnusedImages(ctx context.Context, before time.Time, limit int) ([]string, error) {
	var hashes []string
	err := s.run(ctx, "find unused images", func(ctx context.Context) error {
		return s.db.NewSelect().Model((*imageRow)(nil)).Column("hash").
			Where("m.touched_at < ?", before.UTC()).Where("NOT "+shown).Order("m.touched_at").Limit(int64(limit)).Scan(ctx, &hashes)
	})
	return hashes, err
}

// ForgetImage deletes the image, by remove and from the database, if it is still as UnusedImages says, and reports whether
// it was. Meanwhile nobody can touch it.
func (s *Store) ForgetImage(ctx context.Context, hash string, before time.Time, remove func(context.Context) error) (bool, error) {
	unused := false
	err := s.write(ctx, "delete image "+hash, func(ctx context.Context, tx bun.Tx) error {
		row := imageRow{Hash: hash}
		err := locked(tx.NewSelect().Model(&row).WherePK().Where("m.touched_at < ?", before.UTC()).Where("NOT "+shown), forUpdate).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := remove(ctx); err != nil {
			return err
		}
		unused = true
		_, err = tx.NewDelete().Model(&row).WherePK().Exec(ctx)
		return err
	})
	return unused && err == nil, err
}
