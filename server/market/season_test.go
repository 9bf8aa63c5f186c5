package market_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
)

func TestSeasonBetween(t *testing.T) {
	for name, test := range map[string]struct {
		first, last time.Month
		want        []time.Month
	}{
		"one month":                   {time.May, time.May, []time.Month{time.May}},
		"spring":                      {time.March, time.May, []time.Month{time.March, time.April, time.May}},
		"winter crosses the new year": {time.November, time.January, []time.Month{time.January, time.November, time.December}},
	} {
		t.Run(name, func(t *testing.T) {
			season := market.SeasonBetween(test.first, test.last)
			require.True(t, season.Valid())
			require.Equal(t, test.want, season.Months())
		})
	}
}

func TestAllYearHasEveryMonth(t *testing.T) {
	require.Equal(t, market.AllYear, market.SeasonBetween(time.January, time.December))
	require.Len(t, market.AllYear.Months(), 12)
	require.True(t, market.AllYear.Valid())
	require.False(t, (market.AllYear + 1).Valid())
	require.False(t, market.Season(0).Valid())
}
