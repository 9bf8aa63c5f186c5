package slo_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/farmersmarket/platform/slo"
)

func TestTiersAreThoseOfTheWorkbook(t *testing.T) {
	tiers := slo.DefaultTiers()
	for i, spent := range []float64{0.02, 0.05, 0.1, 0.1} {
		require.InDelta(t, spent, tiers[i].BudgetSpent(), 1e-12)
		require.Equal(t, tiers[i].Long.Duration()/12, tiers[i].Short.Duration(), "the short window is a twelfth of the long one")
	}
	require.Equal(t, 43*time.Minute+12*time.Second, apiAvailability(t).AllowedDowntime())
}

func TestDetectionTime(t *testing.T) {
	s := apiAvailability(t)
	for sentence, c := range map[string]struct {
		outage slo.Outage
		want   time.Duration
		tier   slo.Window
	}{
		"a total outage is seen in 52 seconds": {
			slo.Outage{ErrorRatio: 1, History: time.Hour}, 51840 * time.Millisecond, slo.Window1h,
		},
		"and just as fast on the first day": {
			slo.Outage{ErrorRatio: 1, History: 10 * time.Minute}, 51840 * time.Millisecond, slo.Window1h,
		},
		"10 % errors are seen in 8.6 minutes": {
			slo.Outage{ErrorRatio: 0.1, History: time.Hour}, 518400 * time.Millisecond, slo.Window1h,
		},
		"1 % errors are for the second tier, after 3.6 hours": {
			slo.Outage{ErrorRatio: 0.01, History: 6 * time.Hour}, 216 * time.Minute, slo.Window6h,
		},
		"at little traffic it takes the fifth failure": {
			slo.Outage{ErrorRatio: 1, Before: 0.01, During: 0.01, History: time.Hour}, 500 * time.Second, slo.Window1h,
		},
		"more traffic in the outage than before it is seen sooner": {
			slo.Outage{ErrorRatio: 1, Before: 1, During: 10, History: time.Hour}, 5250 * time.Millisecond, slo.Window1h,
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			detections := s.Detect(c.outage)
			require.NotEmpty(t, detections)
			require.Equal(t, c.tier, detections[0].Tier.Long)
			require.InDelta(t, c.want.Seconds(), detections[0].After.Seconds(), 0.02)
		})
	}
	t.Run("errors within the objective are never seen", func(t *testing.T) {
		require.Empty(t, s.Detect(slo.Outage{ErrorRatio: 0.0009, History: time.Hour}))
	})
	t.Run("the delays on the way to the pager add up", func(t *testing.T) {
		require.Equal(t, 20*time.Second, slo.Delays{Scrape: 5 * time.Second, Evaluation: 5 * time.Second, GroupWait: 10 * time.Second}.Total())
	})
}

func TestUnderConstantTrafficDetectionFollowsTheFormula(t *testing.T) {
	s := apiAvailability(t)
	rapid.Check(t, func(t *rapid.T) {
		ratio := rapid.Float64Range(0.002, 1).Draw(t, "error ratio")
		history := time.Duration(rapid.Int64Range(0, int64(40*24*time.Hour)).Draw(t, "history"))
		for _, d := range s.Detect(slo.Outage{ErrorRatio: ratio, History: history}) {
			formula := 0.001 / ratio * d.Tier.Burn * d.Tier.Long.Duration().Seconds()
			require.InDelta(t, formula, d.After.Seconds(), 0.002+formula*1e-6)
		}
	})
}
