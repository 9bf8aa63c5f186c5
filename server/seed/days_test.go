package seed_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/seed"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

func TestAtEveryMomentEachMarketTakesOrders(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		_, err := seed.Load(t.Context(), s)
		require.NoError(t, err)
		// Seven hours do not divide a day: over two weeks every hour of it comes.
		for now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC); now.Before(time.Date(2026, 12, 7, 0, 0, 0, 0, time.UTC)); now = now.Add(7 * time.Hour) {
			_, err := seed.LoadDays(t.Context(), s, now)
			require.NoError(t, err)
			open := map[string]bool{}
			page, err := market.NewPlan(s, markettest.NewClock(now), markettest.Rules()).MarketDays(t.Context(),
				market.MarketDayQuery{Paging: market.Paging{Page: 1, Limit: 100}, State: market.DayOpen})
			require.NoError(t, err)
			for _, day := range page.Items {
				open[day.MarketID] = true
			}
			require.Len(t, open, 2, "at %s", now)
		}
	})
}

func TestDaysThatArePlannedStayAsTheyAre(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		_, err := seed.Load(t.Context(), s)
		require.NoError(t, err)
		now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		planned, err := seed.LoadDays(t.Context(), s, now)
		require.NoError(t, err)
		require.Equal(t, 8, planned, "four weeks of two markets")

		days, err := s.MarketDays(t.Context(), market.MarketDayQuery{Paging: market.Paging{Page: 1, Limit: 1}})
		require.NoError(t, err)
		query := market.OfferingQuery{Paging: market.Paging{Page: 1, Limit: 100}, MarketDayID: days.Items[0].ID}
		before, err := s.Offerings(t.Context(), query)
		require.NoError(t, err)
		require.Greater(t, before.Total, 30, "there is something to buy")
		_, err = s.DB().ExecContext(t.Context(), "UPDATE offerings SET available = 0")
		require.NoError(t, err)

		planned, err = seed.LoadDays(t.Context(), s, now.Add(time.Hour))
		require.NoError(t, err)
		require.Zero(t, planned)
		after, err := s.Offerings(t.Context(), query)
		require.NoError(t, err)
		require.Equal(t, before.Total, after.Total)
		require.Zero(t, after.Items[0].Available, "what is sold stays sold")

		deleted := before.Items[1].ProductID
		require.NoError(t, s.DeleteProduct(t.Context(), deleted, market.AnyVersion, now))
		planned, err = seed.LoadDays(t.Context(), s, now.AddDate(0, 0, 7))
		require.NoError(t, err)
		require.Equal(t, 2, planned, "a week later, a week more")
		var offered int
		err = s.DB().NewRaw("SELECT count(*) FROM offerings WHERE product_id = ? AND withdrawn_at IS NULL", deleted).Scan(t.Context(), &offered)
		require.NoError(t, err)
		require.Zero(t, offered, "what was deleted is not put on offer again")
		clean, err := s.Audit(t.Context(), now.AddDate(0, 0, 14))
		require.NoError(t, err)
		require.NotZero(t, clean.StockConserved, "the audit sees the units that vanished")
	})
}
