package market

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Audit counts what in a database breaks a rule of the market. All zeros is as it should be.
type Audit struct {
	// Offerings of which the available units and those in orders that hold them are not the quantity.
	StockConserved int
	// Orders whose total is not the sum of their lines, and lines that are not their price times their quantity.
	TotalsEqualLines int
	// Orders that are paid, packed or collected without a payment of their total, or are not and have one.
	PaymentsMatchOrders int
	// Orders with more than one payment that pays them.
	OnePaymentPerOrder int
}

// ByInvariant returns the counts by the names that the telemetry catalogue has for them.
func (a Audit) ByInvariant() map[string]int {
	return map[string]int{
		"stock_conserved": a.StockConserved, "totals_equal_lines": a.TotalsEqualLines,
		"payments_match_orders": a.PaymentsMatchOrders, "one_payment_per_order": a.OnePaymentPerOrder,
	}
}

// Clean reports whether no rule is broken.
func (a Audit) Clean() bool { return a == Audit{} }

// String lists the counts.
func (a Audit) String() string {
	counts := a.ByInvariant()
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		texts = append(texts, fmt.Sprintf("%s: %d", name, counts[name]))
	}
	return strings.Join(texts, ", ")
}
