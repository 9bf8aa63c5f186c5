// Package slo loads service level objectives written as OpenSLO v1 and compiles them into Prometheus rules: recordings of
// events, error ratios, burn rates and the error budget, and the multi-window, multi-burn-rate alerts of the Google SRE
// workbook, chapter "Alerting on SLOs".
package slo

import (
	"math/big"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// Labels that every recorded series and every alert of an SLO carries.
const (
	LabelService = "service"
	LabelSLO     = "slo"
)

// Labels that tell the alerts of one SLO apart.
const (
	LabelSeverity    = "severity"
	LabelLongWindow  = "long_window"
	LabelShortWindow = "short_window"
	LabelBurnRate    = "burn_rate"
)

// Period is the rolling period of every error budget. The workbook's burn rates are for 30 days; another period would
// need other burn rates.
const Period = 30 * 24 * time.Hour

// SLO is one objective: of the events that Total counts in any Period, at most 1 − Objective may be among Bad.
type SLO struct {
	Name        string // DNS label; unique
	DisplayName string // what people call it
	Events      string // what is counted, in words that fit "100% of … failed"
	Service     string
	Objective   *big.Rat // share of events that must be good, in (0, 1); exact
	Total       *parser.VectorSelector
	Bad         *parser.VectorSelector
	Dashboard   string // UID of the dashboard that alerts link to
	File        string // where it is written

	// MinBadEvents is how many bad events a long window must hold before its alert fires. It keeps one failure at night,
	// when a failure is a large share of a small number, from waking somebody up.
	MinBadEvents int
	// Tiers are the burn rates that alert, most urgent first.
	Tiers []Tier
}

// Budget is the share of events that may be bad: 1 − Objective, exact.
func (s SLO) Budget() *big.Rat {
	return new(big.Rat).Sub(big.NewRat(1, 1), s.Objective)
}

// AllowedDowntime is how long a total outage under constant traffic takes to spend the whole budget: 43m12s at 99.9 %.
func (s SLO) AllowedDowntime() time.Duration {
	budget, _ := s.Budget().Float64()
	return time.Duration(budget * float64(Period)).Round(time.Second)
}

// ratOf is the decimal that a person wrote, from the float64 that a decoder made of it: the shortest decimal that reads
// back as that float64. It is exact for up to 15 significant digits.
func ratOf(f float64) *big.Rat {
	r, ok := new(big.Rat).SetString(strconv.FormatFloat(f, 'f', -1, 64))
	if !ok { // NaN or infinite, which no YAML number that passed validation is
		return new(big.Rat)
	}
	return r
}

// decimal writes r as a plain decimal, exactly: 0.001, never 0.0009999999999999432. Values here come from decimals, so
// their expansion ends.
func decimal(r *big.Rat) string {
	digits, _ := r.FloatPrec()
	return r.FloatString(digits)
}

// percent writes a ratio as a percentage: 99.9% for 0.999.
func percent(r *big.Rat) string {
	return decimal(new(big.Rat).Mul(r, big.NewRat(100, 1))) + "%"
}
