package catalogue

// OrdersTotal counts orders by the state they came into: pending_payment counts the orders placed, expired the holds that
// expired.
var OrdersTotal = Metric{
	Name: "market_orders_total", Type: Counter, Stability: Stable,
	Help: "Number of orders that came into the state; pending_payment is where they start.",
	Labels: []Label{{
		Name: "state", Help: "The state",
		Values: []string{"pending_payment", "paid", "packed", "collected", "cancelled", "expired"},
	}},
}

// OrderRevenue counts what paid orders come to. What is refunded later is not taken off.
var OrderRevenue = Metric{
	Name: "market_order_revenue_minor_units_total", Type: Counter, Stability: Stable,
	Help: "Sum of the totals of the orders paid, in the currency's minor unit.",
	Labels: []Label{{
		Name: "currency", Help: "ISO 4217 code", Bound: "the currencies of Europe",
	}},
}

// StockOuts counts orders that were refused because not enough was left.
var StockOuts = Metric{
	Name: "market_stock_outs_total", Type: Counter, Stability: Stable,
	Help: "Number of orders refused because not enough was left.",
}

// InvariantViolations is what the audit of the database found. Anything but 0 is a fault of ours.
var InvariantViolations = Metric{
	Name: "market_invariant_violations", Type: Gauge, Stability: Stable,
	Help: "Number of rows that break a rule of the market, found by the last audit.",
	Labels: []Label{{
		Name: "invariant", Help: "The rule",
		Values: []string{"stock_conserved", "totals_equal_lines", "payments_match_orders", "one_payment_per_order"},
	}},
}

// AuditTime says when the database was last audited.
var AuditTime = Metric{
	Name: "market_audit_timestamp_seconds", Type: Gauge, Unit: "seconds", Stability: Stable,
	Help: "Unix time of the last audit that was completed; 0 before the first.",
}

// JobDuration is how long the background jobs take, run by run.
var JobDuration = Metric{
	Name: "market_job_duration_seconds", Type: Histogram, Unit: "seconds", Stability: Stable,
	Help: "Duration of the runs of background jobs.",
	Labels: []Label{
		{Name: "job", Help: "What it does", Values: []string{"expire-holds", "close-days", "attend-payments", "audit", "forget", "collect-images"}},
		{Name: "error_type", Help: "Category of the error; empty when the run succeeded", Values: []string{"", ErrorInternal, ErrorDependency, ErrorTimeout}},
	},
	Buckets: []float64{0.001, 0.01, 0.1, 1, 10},
}

func marketMetrics() []Metric {
	return []Metric{OrdersTotal, OrderRevenue, StockOuts, InvariantViolations, AuditTime, JobDuration}
}
