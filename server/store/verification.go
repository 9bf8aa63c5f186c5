package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
)

// VerifyFarm says that the farm of the version may sell, and who saw that; where it may already, nothing changes. What was
// taken off sale when it was suspended is on sale again. It fails with market.ErrNotFound and market.ErrPreconditionFailed.
func (s *Store) VerifyFarm(ctx context.Context, id string, version int64, by market.Actor, at time.Time) error {
	return s.write(ctx, "verify farm "+id, func(ctx context.Context, tx bun.Tx) error {
		changed, err := changeVerification(ctx, tx, id, version, tx.NewUpdate().
			Set("verified_at = ?", at.UTC()).Set("verified_by = ?", by.ID).Where("verified_at IS NULL"), at)
		if err != nil || !changed {
			return err
		}
		return restore(ctx, tx, id)
	})
}

// SuspendFarm says that the farm of the version may not sell, and takes what it offers off sale; where it may not already,
// nothing changes. It fails with market.ErrNotFound and market.ErrPreconditionFailed.
func (s *Store) SuspendFarm(ctx context.Context, id string, version int64, at time.Time) error {
	return s.write(ctx, "suspend farm "+id, func(ctx context.Context, tx bun.Tx) error {
		changed, err := changeVerification(ctx, tx, id, version, tx.NewUpdate().
			Set("verified_at = NULL").Set("verified_by = NULL").Where("verified_at IS NOT NULL"), at)
		if err != nil || !changed {
			return err
		}
		return withdraw(ctx, tx, "farm_id", id, at)
	})
}

// changeVerification makes the change to the farm of the version, and returns whether there was one to make.
func changeVerification(ctx context.Context, tx bun.Tx, id string, version int64, change *bun.UpdateQuery, at time.Time) (bool, error) {
	result, err := change.Model((*farmRow)(nil)).Set("version = version + 1").Set("updated_at = ?", at.UTC()).
		Where("id = ?", id).ApplyQueryBuilder(atVersion(version)).Exec(ctx)
	missing := notThere("farm", id, version)
	if err := changedOne(result, err, missing); !errors.Is(err, missing) {
		return err == nil, err
	}
	there, err := tx.NewSelect().Model((*farmRow)(nil)).Where("id = ?", id).ApplyQueryBuilder(atVersion(version)).Exists(ctx)
	if err == nil && !there {
		err = missing
	}
	return false, err
}

// sellers returns which of the farms are verified. They stay so until the transaction ends.
func sellers(ctx context.Context, tx bun.Tx, farmIDs []string) (map[string]bool, error) {
	slices.Sort(farmIDs) // locked in one order
	verified := map[string]bool{}
	for some := range slices.Chunk(slices.Compact(farmIDs), saveBatch) {
		var ids []string
		query := tx.NewSelect().Model((*farmRow)(nil)).Column("id").Where("id IN (?)", bun.List(some)).Where("verified_at IS NOT NULL")
		if err := locked(query.Order("id"), forShare).Scan(ctx, &ids); err != nil {
			return nil, err
		}
		for _, id := range ids {
			verified[id] = true
		}
	}
	return verified, nil
}

// restore puts the offerings of a locked farm on sale again, but for those of products that were deleted. Until the
// transaction ends nobody deletes the others.
func restore(ctx context.Context, tx bun.Tx, farmID string) error {
	var products []string
	query := tx.NewSelect().Model((*productRow)(nil)).Column("id").Where("farm_id = ?", farmID).Where("deleted_at IS NULL").Order("id")
	if err := locked(query, forShare).Scan(ctx, &products); err != nil || len(products) == 0 {
		return err
	}
	ids, err := lockOfferings(ctx, tx.NewSelect().Model((*offeringRow)(nil)).
		Where("farm_id = ?", farmID).Where("product_id IN (?)", bun.List(products)).Where("withdrawn_at IS NOT NULL").
		Where(ofOpenDays), forNoKeyUpdate)
	if err != nil || len(ids) == 0 {
		return err
	}
	_, err = tx.NewUpdate().Model((*offeringRow)(nil)).Set("withdrawn_at = NULL").Where("id IN (?)", bun.List(ids)).Exec(ctx)
	return err
}
