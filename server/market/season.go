package market

import "time"

// Season is the set of months in which a product is sold: bit 0 is January, bit 11 December. It is never empty; a
// product sold all year has every month.
type Season uint16

// AllYear is the season of what is sold in every month.
const AllYear Season = 1<<12 - 1

// SeasonBetween returns the months from first to last, both included, across the turn of the year when last is earlier.
func SeasonBetween(first, last time.Month) Season {
	var season Season
	for month := first; ; month = month%12 + 1 {
		season |= monthBit(month)
		if month == last {
			return season
		}
	}
}

// Includes reports whether the month is in the season.
func (s Season) Includes(month time.Month) bool { return s&monthBit(month) != 0 }

// Months returns the months of the season from January on.
func (s Season) Months() []time.Month {
	months := make([]time.Month, 0, 12)
	for month := time.January; month <= time.December; month++ {
		if s.Includes(month) {
			months = append(months, month)
		}
	}
	return months
}

// Valid reports whether the season has at least one month and nothing but months.
func (s Season) Valid() bool { return s > 0 && s <= AllYear }

func monthBit(month time.Month) Season { return 1 << (month - time.January) }
