package slo

import (
	"fmt"
	"math/big"
	"time"
)

// Severities of an SLO's alerts.
const (
	SeverityPage   = "page"   // wake somebody up
	SeverityTicket = "ticket" // look at it this week
)

// Tier is one pair of windows with the burn rate from which they alert. Both windows must burn: the long one says that it
// matters, the short one that it still goes on.
type Tier struct {
	Severity string
	Long     Window
	Short    Window
	Burn     float64 // 1 spends exactly the budget in the period
}

// DefaultTiers are the recommendation of the SRE workbook, chapter "Alerting on SLOs", table 5-8: 2 % of the budget in an
// hour, 5 % in 6 hours, 10 % in a day, 10 % in 3 days.
func DefaultTiers() []Tier {
	return []Tier{
		{Severity: SeverityPage, Long: Window1h, Short: Window5m, Burn: 14.4},
		{Severity: SeverityPage, Long: Window6h, Short: Window30m, Burn: 6},
		{Severity: SeverityTicket, Long: Window1d, Short: Window2h, Burn: 3},
		{Severity: SeverityTicket, Long: Window3d, Short: Window6h, Burn: 1},
	}
}

// BudgetSpent is the share of the period's budget that is gone when a tier fires under constant traffic: burn × long
// window / period, 0.02 for the first tier.
func (t Tier) BudgetSpent() float64 {
	return t.Burn * float64(t.Long) / float64(Period)
}

// Threshold is the error ratio above which the tier's windows burn: burn × (1 − objective), exact.
func (s SLO) Threshold(t Tier) *big.Rat {
	return new(big.Rat).Mul(ratOf(t.Burn), s.Budget())
}

// checkReachable refuses a tier that not even a total outage could fire.
func (s SLO) checkReachable(t Tier) error {
	threshold := s.Threshold(t)
	if threshold.Cmp(big.NewRat(1, 1)) < 0 {
		return nil
	}
	highest := new(big.Rat).Sub(big.NewRat(1, 1), new(big.Rat).Inv(ratOf(t.Burn)))
	return fmt.Errorf("the alert over %s can never fire: its burn rate of %s needs %s of all events to be bad, and more than "+
		"100%% cannot be; at an objective of %s or below, drop the alert with the annotation %s: %q",
		t.Long, decimal(ratOf(t.Burn)), percent(threshold), highest.FloatString(4), annotationDropTiers, t.Long.String())
}

// Outage is a rise of the error ratio under constant traffic.
type Outage struct {
	// ErrorRatio of the outage, in (0, 1].
	ErrorRatio float64
	// Before and During are events per second before the outage, all good, and in it. Zero for both means so much
	// traffic that MinBadEvents does not matter; Before alone may be zero.
	Before, During float64
	// History is how long there has been traffic before the outage.
	History time.Duration
}

// Detection is when a tier sees an outage.
type Detection struct {
	Tier  Tier
	After time.Duration // from the first bad event to the moment both windows burn
}

// Delays are the steps between a failing request and a notification, at their worst.
type Delays struct {
	Scrape     time.Duration // until Prometheus reads the counters
	Evaluation time.Duration // until the rule is evaluated
	GroupWait  time.Duration // until Alertmanager notifies
}

// Total is the sum of the delays.
func (d Delays) Total() time.Duration { return d.Scrape + d.Evaluation + d.GroupWait }

// Detect computes when each tier of the SLO that sees the outage does, most urgent first. Under constant traffic it is
// the workbook's (1 − SLO) / error ratio × long window × burn rate, whatever the history: a window longer than the data
// is filled up with good events at the traffic seen.
func (s SLO) Detect(o Outage) []Detection {
	var detections []Detection
	for _, t := range s.Tiers {
		if after, seen := s.detectTier(t, o); seen {
			detections = append(detections, Detection{Tier: t, After: after})
		}
	}
	return detections
}

func (s SLO) detectTier(t Tier, o Outage) (time.Duration, bool) {
	threshold, _ := s.Threshold(t).Float64()
	guard := 0.0
	if o.During == 0 {
		o.Before, o.During = 1, 1
	} else {
		guard = float64(s.MinBadEvents)
	}
	burns := func(after time.Duration) bool {
		bad := o.ErrorRatio * o.During * after.Seconds()
		return bad >= guard && bad > threshold*expectedEvents(t.Long, o, after)
	}
	if o.ErrorRatio <= 0 || !burns(t.Long.Duration()) {
		return 0, false
	}
	// The bad share of the window only grows while the outage lasts.
	low, high := time.Duration(0), t.Long.Duration()
	for high-low > time.Millisecond {
		if middle := low + (high-low)/2; burns(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high.Round(time.Millisecond), true
}

// expectedEvents is what EventsTotal records for window w when the outage has lasted that long.
func expectedEvents(w Window, o Outage, after time.Duration) float64 {
	window := w.Duration().Seconds()
	outage := after.Seconds()
	before := min(o.History.Seconds(), window-outage)
	seen := o.Before*before + o.During*outage
	return seen * window / (before + outage)
}
