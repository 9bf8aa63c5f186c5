package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

func TestAChangeOfAVersionThatIsNoMoreIsRefusedAndChangesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		manager, err := market.NewAccount(uuid.NewString(), "mary@example.org", "Mary", market.MarketManager, day(1))
		require.NoError(t, err)
		_, err = s.CreateAccount(t.Context(), manager, "hash")
		require.NoError(t, err)
		seller := farm(1, "Hill Farm", "On the hill.")
		seller.Version, seller.VerifiedAt = 1, time.Time{}
		require.NoError(t, s.CreateFarm(t.Context(), seller))
		kale := product(1, seller, "Kale", market.Vegetables, 100)
		kale.Version = 1
		require.NoError(t, s.CreateProduct(t.Context(), kale))
		actor := market.Actor{ID: manager.ID, Role: manager.Role}
		for _, c := range []struct {
			name    string
			change  func(id string, version int64) error
			id      string
			version func() (int64, error)
		}{
			{"a verification", func(id string, version int64) error {
				return s.VerifyFarm(t.Context(), id, version, actor, day(2))
			}, seller.ID, func() (int64, error) { f, err := s.Farm(t.Context(), seller.ID); return f.Version, err }},
			{"a suspension", func(id string, version int64) error {
				return s.SuspendFarm(t.Context(), id, version, day(2))
			}, seller.ID, func() (int64, error) { f, err := s.Farm(t.Context(), seller.ID); return f.Version, err }},
			{"an image", func(id string, version int64) error {
				return s.SetProductImage(t.Context(), id, version, strings.Repeat("a", 32), day(2))
			}, kale.ID, func() (int64, error) { p, err := s.Product(t.Context(), kale.ID); return p.Version, err }},
			{"a deletion", func(id string, version int64) error {
				return s.DeleteProduct(t.Context(), id, version, day(2))
			}, kale.ID, func() (int64, error) { p, err := s.Product(t.Context(), kale.ID); return p.Version, err }},
		} {
			now, err := c.version()
			require.NoError(t, err, c.name)
			require.ErrorIs(t, c.change(c.id, now+1), market.ErrPreconditionFailed, c.name)
			require.ErrorIs(t, c.change(uuid.NewString(), market.AnyVersion), market.ErrNotFound, c.name)
			same, err := c.version()
			require.NoError(t, err, c.name)
			require.Equal(t, now, same, c.name)
			require.NoError(t, c.change(c.id, now), c.name)
			require.ErrorIs(t, c.change(c.id, now), market.ErrPreconditionFailed, c.name)
		}
	})
}
