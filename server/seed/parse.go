package seed

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/farmersmarket/platform/server/market"
)

// measured matches a unit that begins with an amount: "500 g", "340 g jar", "37.5 cl", "6 pieces".
var measured = regexp.MustCompile(`^(\d{1,4})(?:\.(\d))? (\S+)`)

// measures says what each measure counts, and how many of its base units it is.
var measures = map[string]struct {
	kind market.UnitKind
	base int64
}{
	"g": {market.Weight, 1}, "kg": {market.Weight, 1000},
	"ml": {market.Volume, 1}, "cl": {market.Volume, 10}, "l": {market.Volume, 1000},
	"pieces": {market.Item, 1}, "heads": {market.Item, 1},
}

// singles are the units without an amount: one of the thing.
var singles = map[string]bool{"piece": true, "bunch": true, "head": true, "loaf": true, "pot": true, "bouquet": true}

// parseUnit reads a unit from its label.
func parseUnit(label string) (market.Unit, error) {
	if singles[label] {
		return market.Unit{Kind: market.Item, Size: 1, Label: label}, nil
	}
	parts := measured.FindStringSubmatch(label)
	if parts == nil {
		return market.Unit{}, fmt.Errorf(`unit must be like "500 g", "1.5 kg", "75 cl", "6 pieces" or "bunch", got %q`, label)
	}
	measure, known := measures[parts[3]]
	if !known {
		return market.Unit{}, fmt.Errorf("unit must be in g, kg, ml, cl, l, pieces or heads, got %q", label)
	}
	tenths, err := strconv.ParseInt(parts[1]+(parts[2] + "0")[:1], 10, 64)
	if err != nil {
		return market.Unit{}, fmt.Errorf("unit %q: %w", label, err)
	}
	size := tenths * measure.base
	if size == 0 || size%10 != 0 {
		return market.Unit{}, fmt.Errorf("unit must be a whole number of g, ml or pieces, more than 0; got %q", label)
	}
	return market.Unit{Kind: measure.kind, Size: size / 10, Label: label}, nil
}

// parseSeason reads "all year", a month like "Jul", or a span of them like "Sep-Mar".
func parseSeason(text string) (market.Season, error) {
	if text == "all year" {
		return market.AllYear, nil
	}
	from, to, isSpan := strings.Cut(text, "-")
	if !isSpan {
		to = from
	}
	first, firstErr := time.Parse("Jan", from)
	last, lastErr := time.Parse("Jan", to)
	if firstErr != nil || lastErr != nil {
		return 0, fmt.Errorf(`season must be like "all year", "Jul" or "Sep-Mar", got %q`, text)
	}
	return market.SeasonBetween(first.Month(), last.Month()), nil
}
