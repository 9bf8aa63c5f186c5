package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
)

// CreateFarm keeps a new farm.
func (s *Store) CreateFarm(ctx context.Context, farm market.Farm) error {
	row := toFarmRow(farm)
	return s.write(ctx, "create farm "+farm.ID, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&row).Exec(ctx)
		return err
	})
}

// UpdateFarm writes the farm over the version before it, or fails with market.ErrPreconditionFailed.
func (s *Store) UpdateFarm(ctx context.Context, farm market.Farm) error {
	row := toFarmRow(farm)
	return s.write(ctx, "update farm "+farm.ID, func(ctx context.Context, tx bun.Tx) error {
		var before string
		err := tx.NewSelect().Model((*farmRow)(nil)).Column("name").Where("id = ?", farm.ID).Scan(ctx, &before)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		result, err := tx.NewUpdate().Model(&row).
			Column("name", "description", "place", "region", "country", "sort_name", "search_text", "version", "updated_at").
			Where("id = ? AND version = ?", farm.ID, farm.Version-1).Exec(ctx)
		err = changedOne(result, err, &market.PreconditionError{Kind: "farm", ID: farm.ID})
		if err != nil || before == farm.Name {
			return err
		}
		return rewriteTexts(ctx, tx, []string{farm.ID})
	})
}

// CreateProduct keeps a new product.
func (s *Store) CreateProduct(ctx context.Context, product market.Product) error {
	rows := []productRow{toProductRow(product)}
	return s.write(ctx, "create product "+product.ID, func(ctx context.Context, tx bun.Tx) error {
		if err := nameFarms(ctx, tx, rows); err != nil {
			return err
		}
		_, err := tx.NewInsert().Model(&rows).Exec(ctx)
		return err
	})
}

// UpdateProduct writes the product over the version before it, or fails with market.ErrPreconditionFailed.
func (s *Store) UpdateProduct(ctx context.Context, product market.Product) error {
	rows := []productRow{toProductRow(product)}
	return s.write(ctx, "update product "+product.ID, func(ctx context.Context, tx bun.Tx) error {
		if err := nameFarms(ctx, tx, rows); err != nil {
			return err
		}
		result, err := tx.NewUpdate().Model(&rows[0]).
			Column("name", "description", "category", "unit_kind", "unit_size", "unit_label", "price_amount",
				"price_currency", "season", "sort_name", "search_text", "version", "updated_at").
			Where("id = ? AND version = ? AND deleted_at IS NULL", product.ID, product.Version-1).Exec(ctx)
		if err := changedOne(result, err, &market.PreconditionError{Kind: "product", ID: product.ID}); err != nil {
			return err
		}
		return renameOfferings(ctx, tx, []string{product.ID})
	})
}

// SetProductImage gives the product of the version another photograph, or none, or fails with market.ErrNotFound or
// market.ErrPreconditionFailed.
func (s *Store) SetProductImage(ctx context.Context, id string, version int64, image string, at time.Time) error {
	return s.write(ctx, "set the image of product "+id, func(ctx context.Context, tx bun.Tx) error {
		if err := releaseImage(ctx, tx, id, at); err != nil {
			return err
		}
		result, err := tx.NewUpdate().Model((*productRow)(nil)).
			Set("image = ?", sql.NullString{String: image, Valid: image != ""}).
			Set("updated_at = ?", at.UTC()).Set("version = version + 1").
			Where("id = ? AND deleted_at IS NULL", id).ApplyQueryBuilder(atVersion(version)).Exec(ctx)
		return changedOne(result, err, notThere("product", id, version))
	})
}

// DeleteProduct takes the product of the version out of the catalogue and off sale, or fails with market.ErrNotFound or
// market.ErrPreconditionFailed. Its row stays, without the image, and so do those of its offerings: orders refer to them.
func (s *Store) DeleteProduct(ctx context.Context, id string, version int64, at time.Time) error {
	return s.write(ctx, "delete product "+id, func(ctx context.Context, tx bun.Tx) error {
		if err := releaseImage(ctx, tx, id, at); err != nil {
			return err
		}
		result, err := tx.NewUpdate().Model((*productRow)(nil)).
			Set("image = NULL").Set("deleted_at = ?", at.UTC()).Set("updated_at = ?", at.UTC()).Set("version = version + 1").
			Where("id = ? AND deleted_at IS NULL", id).ApplyQueryBuilder(atVersion(version)).Exec(ctx)
		if err := changedOne(result, err, notThere("product", id, version)); err != nil {
			return err
		}
		return withdraw(ctx, tx, "product_id", id, at)
	})
}

// atVersion picks the row only if it has the version; market.AnyVersion picks it whichever it has.
func atVersion(version int64) func(bun.QueryBuilder) bun.QueryBuilder {
	return func(q bun.QueryBuilder) bun.QueryBuilder {
		if version == market.AnyVersion {
			return q
		}
		return q.Where("version = ?", version)
	}
}

// notThere is the error when no row is picked: one with a version was there when it was read.
func notThere(kind, id string, version int64) error {
	if version == market.AnyVersion {
		return &market.NotFoundError{Kind: kind, ID: id}
	}
	return &market.PreconditionError{Kind: kind, ID: id}
}

// changedOne returns otherwise when the statement changed no row.
func changedOne(result sql.Result, err, otherwise error) error {
	if err != nil {
		return err
	}
	changed, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("count the rows changed: %w", err)
	}
	if changed == 0 {
		return otherwise
	}
	return nil
}
