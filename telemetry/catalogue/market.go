package catalogue

// What customers look at, as the label of Views says it.
const (
	ViewOfProducts  = "products"
	ViewOfOfferings = "offerings"
)

// Views counts what customers look at before they order: the first stages of the funnel. They are counted where they are
// answered, so what a browser or a CDN has kept is not seen.
var Views = Metric{
	Name: "market_views_total", Type: Counter, Stability: Development,
	Help: "Number of answers that showed products, or what is on offer on a market day, to others than probes.",
	Labels: []Label{{
		Name: "view", Help: "products: lists, searches and single products; offerings: those of a market day, and single ones",
		Values: []string{ViewOfProducts, ViewOfOfferings},
	}},
}

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

var currency = Label{Name: "currency", Help: "ISO 4217 code", Bound: "the currencies of Europe"}

// OrderRevenue counts what paid orders come to. What is refunded later is not taken off.
var OrderRevenue = Metric{
	Name: "market_order_revenue_minor_units_total", Type: Counter, Stability: Stable,
	Help:   "Sum of the totals of the orders paid, in the currency's minor unit.",
	Labels: []Label{currency},
}

// StockOuts counts orders that were refused because not enough was left.
var StockOuts = Metric{
	Name: "market_stock_outs_total", Type: Counter, Stability: Stable,
	Help: "Number of orders refused because not enough was left.",
}

// OrdersOpen is how many orders are in each state from which they move on. The audit counts them.
var OrdersOpen = Metric{
	Name: "market_orders_open", Type: Gauge, Stability: Stable,
	Help:   "Number of orders in the state, counted by the last audit.",
	Labels: []Label{{Name: "state", Help: "The state", Values: []string{"pending_payment", "paid", "packed"}}},
}

// OrderLines is how many products orders have when they are placed, of at most 50.
var OrderLines = Metric{
	Name: "market_order_lines", Type: Histogram, Stability: Stable,
	Help:    "Number of lines of the orders placed.",
	Buckets: []float64{1, 2, 3, 5, 8, 13, 21, 50},
}

// OrderTotal is what orders come to when they are placed.
var OrderTotal = Metric{
	Name: "market_order_total_minor_units", Type: Histogram, Stability: Stable,
	Help:    "Totals of the orders placed, in the currency's minor unit.",
	Labels:  []Label{currency},
	Buckets: []float64{500, 1000, 2000, 3000, 5000, 7500, 10000, 15000, 25000, 50000, 100000},
}

// Payments counts payments by the state they came into. With market_views_total and market_orders_total it tells how far
// customers get: they look at products, and at what is on offer; an order is placed (pending_payment), a payment of it is
// started (created; another one after a decline counts again), the order is paid, and collected.
var Payments = Metric{
	Name: "market_payments_total", Type: Counter, Stability: Stable,
	Help: "Number of payments that came into the state; created is where they start.",
	Labels: []Label{{
		Name: "state", Help: "The state",
		Values: []string{"created", "requires_action", "processing", "succeeded", "failed", "cancelled", "refunding", "refunded", "refund_failed"},
	}},
}

// Refunds counts what was given back. What a bank sends back later is not taken off.
var Refunds = Metric{
	Name: "market_refunds_minor_units_total", Type: Counter, Stability: Stable,
	Help:   "Sum of the payments given back, in the currency's minor unit.",
	Labels: []Label{currency},
}

// RefundsOpen is what customers are still owed. A refund that has failed waits for a market manager to try it again.
var RefundsOpen = Metric{
	Name: "market_refunds_open", Type: Gauge, Stability: Stable,
	Help:   "Number of payments that are still to be given back, found by the last audit: the refund is under way, or it has failed.",
	Labels: []Label{{Name: "state", Help: "The state", Values: []string{"refunding", "refund_failed"}}},
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
		{Name: "job_name", Help: "What it does; Prometheus calls the scraped service job", Values: []string{"expire-holds", "close-days", "attend-payments", "audit", "forget", "collect-images"}},
		{Name: "error_type", Help: "Category of the error; empty when the run succeeded", Values: append([]string{""}, JobErrors()...)},
	},
	Buckets: []float64{0.001, 0.01, 0.1, 1, 10},
}

func marketMetrics() []Metric {
	return []Metric{
		Views, OrdersTotal, OrdersOpen, OrderLines, OrderTotal, OrderRevenue, StockOuts, Payments, Refunds, RefundsOpen,
		InvariantViolations, AuditTime, JobDuration,
	}
}
