package market_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
)

func TestAMarketDayThatMakesNoSenseIsRefused(t *testing.T) {
	at := func(text string) time.Time {
		moment, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return moment
	}
	const years = "in the years 2000 to 2100"
	for name, c := range map[string]struct {
		date, opens, closes string
		says                string // "" when it is taken
	}{
		"a usual one":                   {"2026-11-28", "2026-11-21T08:00:00Z", "2026-11-26T18:00:00Z", ""},
		"one that opened long ago":      {"2026-11-28", "2020-11-21T08:00:00Z", "2026-11-26T18:00:00Z", ""},
		"one of 2000 in the end":        {"2026-11-28", "1999-12-31T23:30:00-01:00", "2026-11-26T18:00:00Z", ""},
		"one far ahead":                 {"2100-12-30", "2026-11-21T08:00:00Z", "2100-12-29T18:00:00Z", ""},
		"one that opens in the year 0":  {"2026-11-28", "0000-01-01T00:00:00Z", "2026-11-26T18:00:00Z", "opens_at must be " + years},
		"one that is before the year 0": {"2026-11-28", "0000-01-01T00:00:00+14:00", "2026-11-26T18:00:00Z", "opens_at must be " + years},
		"one in the year 0":             {"0000-01-02", "0000-01-01T00:00:00Z", "0000-01-01T12:00:00Z", "date must be " + years},
		"one in 9999":                   {"9999-12-31", "2026-11-21T08:00:00Z", "2026-11-26T18:00:00Z", "date must be " + years},
		"one that closes in 9999":       {"2100-12-31", "2026-11-21T08:00:00Z", "9999-12-31T18:00:00Z", "closes_at must be " + years},
		"one of 2020":                   {"2020-11-28", "2020-11-21T08:00:00Z", "2020-11-26T18:00:00Z", "closes_at must be in the future"},
		"one that closes now":           {"2026-11-28", "2026-11-19T08:00:00Z", "2026-11-20T12:00:00Z", "closes_at must be in the future"},
		"one that closes before it opens": {
			"2026-11-28", "2026-11-26T18:00:00Z", "2026-11-21T08:00:00Z", "closes_at must be after opens_at",
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachFair(t, []int64{1}, func(t *testing.T, fair *markettest.Fair) {
				_, err := fair.Plan.AddMarketDay(t.Context(), fair.Manager, market.MarketDay{
					MarketID: fair.Market.ID, Date: c.date, OpensAt: at(c.opens), ClosesAt: at(c.closes),
				})
				if c.says == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, market.ErrInvalid)
				require.ErrorContains(t, err, c.says)
			})
		})
	}
}

func TestAWindowIsMovedWithinReasonOnly(t *testing.T) {
	eachFair(t, []int64{1}, func(t *testing.T, fair *markettest.Fair) {
		move := func(opens, closes time.Time) error {
			_, err := fair.Plan.MoveWindow(t.Context(), fair.Manager, fair.Day.ID, nil, opens, closes)
			return err
		}
		require.ErrorIs(t, move(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), fair.Day.ClosesAt), market.ErrInvalid)
		require.ErrorIs(t, move(fair.Day.OpensAt, fair.Day.ClosesAt.AddDate(3000, 0, 0)), market.ErrInvalid)
		fair.Clock.Advance(time.Hour)
		require.NoError(t, move(fair.Day.OpensAt, fair.Clock.Now()), "it may be closed early")
	})
}
