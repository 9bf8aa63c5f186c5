package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// MarketUID is the dashboard of what the market sells.
const MarketUID = "fm-market"

// business is the dashboard of the market: what is sold, how far customers get, and whether the books are right.
func business(links string) *dashboard.DashboardBuilder {
	board := newBoard(MarketUID, "Market business",
		"Orders, money, payments, stock, and whether the books are right.", "business").
		Variables(processVariables()).
		Links([]cog.Builder[dashboard.DashboardLink]{
			link("Runbook", links+"/runbooks/market-invariants", "What to do when the audit finds a broken rule", "doc"),
			link("Home", links, "Components, pages, error traces", "external link"),
		})
	addRow(board, "The last hour", lastHourRow())
	addRow(board, "Orders", ordersRow())
	addRow(board, "Baskets and money", moneyRow())
	addRow(board, "Payments", paymentsRow())
	addRow(board, "Stock and books", booksRow())
	addRow(board, "Photographs", photographsRow())
	addRow(board, "What the market does by itself", jobsRow())
	return board
}

// State of an order, and of a payment, as a label.
const inState = "state"

// lastHour is how much a counter grew in an hour.
func lastHour(series string, matchers ...string) string {
	return sumBy("increase(" + selector(series, matchers...) + "[1h])")
}

func is(label, value string) string { return label + `="` + value + `"` }

func lastHourRow() []cog.Builder[dashboard.Panel] {
	orders := catalogue.OrdersTotal.Name
	placed, paid := lastHour(orders, is(inState, "pending_payment")), lastHour(orders, is(inState, "paid"))
	return []cog.Builder[dashboard.Panel]{
		number("Orders placed", "Orders placed in the last hour.", units.Short, query("Placed", placed), thresholds(calm)),
		number("Revenue", "Totals of the orders paid in the last hour, in the currency's minor unit. Refunds are not taken off.", units.Short,
			query("Revenue", lastHour(catalogue.OrderRevenue.Name)), thresholds(calm)),
		number("Paid of placed", "Orders paid in the last hour, as a share of those placed. It falls when payments fail, or customers give up.",
			units.PercentUnit, query("Paid", paid+" / "+placed), thresholds(bad, from(0.5, warning), from(0.8, good))),
		number("Stock-outs", "Orders refused in the last hour because not enough was left.", units.Short,
			query("Refused", lastHour(catalogue.StockOuts.Name)), thresholds(calm)),
		number("Holds expired", "Orders that were not paid in time, in the last hour.", units.Short,
			query("Expired", lastHour(orders, is(inState, "expired"))), thresholds(calm)),
		number("Broken rules", "Rows that break a rule of the market, found by the last audit. Anything but 0 is a fault of ours.", units.Short,
			query("Rows", "sum(max by (invariant) ("+selector(catalogue.InvariantViolations.Name)+"))"), thresholds(good, from(1, bad))),
	}
}

func ordersRow() []cog.Builder[dashboard.Panel] {
	orders := catalogue.OrdersTotal.Name
	looked := func(view string) string { return sumBy(perSecond(catalogue.Views.Name, is("view", view))) }
	came := func(state string) string { return sumBy(perSecond(orders, is(inState, state))) }
	return []cog.Builder[dashboard.Panel]{
		graph("Orders by state", "Orders that came into the state, per second.", units.OpsPerSecond, third,
			query("{{state}}", sumBy(perSecond(orders), inState))),
		graph("From looking to collecting", "How far customers get, per second: products looked at, offerings looked at, orders placed, payments started (another one after a decline counts again), orders paid, orders collected. A step that falls away from the one before it is where they are lost. Probes are left out.",
			units.OpsPerSecond, third,
			query("products looked at", looked(catalogue.ViewOfProducts)), query("offerings looked at", looked(catalogue.ViewOfOfferings)),
			query("orders placed", came("pending_payment")),
			query("payments started", sumBy(perSecond(catalogue.Payments.Name, is(inState, "created")))),
			query("orders paid", came("paid")), query("orders collected", came("collected"))),
		graph("Open orders", "Orders that wait to be paid, packed or collected, counted by the audit. Orders that pile up are not being worked on.",
			units.Short, third, query("{{state}}", "max by (state) ("+selector(catalogue.OrdersOpen.Name)+")")),
	}
}

func moneyRow() []cog.Builder[dashboard.Panel] {
	quantiles := func(of catalogue.Metric) []cog.Builder[variants.Dataquery] {
		return []cog.Builder[variants.Dataquery]{query("p50", quantile(0.5, of, nil)), query("p95", quantile(0.95, of, nil))}
	}
	return []cog.Builder[dashboard.Panel]{
		graph("Lines per order", "How many products half of the orders have at most, and 95 of 100.", units.Short, third, quantiles(catalogue.OrderLines)...),
		graph("Order total", "What half of the orders come to at most, and 95 of 100, in the currency's minor unit.", units.Short, third, quantiles(catalogue.OrderTotal)...),
		graph("Revenue and refunds", "Money taken and given back, in the currency's minor unit per second.", units.Short, third,
			query("taken, {{currency}}", sumBy(perSecond(catalogue.OrderRevenue.Name), "currency")),
			query("given back, {{currency}}", sumBy(perSecond(catalogue.Refunds.Name), "currency"))),
	}
}

func paymentsRow() []cog.Builder[dashboard.Panel] {
	calls := catalogue.PaymentCallDuration
	return []cog.Builder[dashboard.Panel]{
		graph("Payments by state", "Payments that came into the state, per second. Failed ones beside few that succeed point at the provider.", units.OpsPerSecond, third,
			query("{{state}}", sumBy(perSecond(catalogue.Payments.Name), inState))),
		graph("Calls of the provider", "Calls per second by how they ended.", units.OpsPerSecond, third,
			query("{{outcome}}", sumBy(perSecond(calls.Count()), "outcome"))),
		graph("p95 of the provider's calls", "95 of 100 calls took less than this. The dots are exemplars.", units.Seconds, third,
			exemplars("{{operation}}", quantile(0.95, calls, []string{"operation"}))),
	}
}

func booksRow() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		graph("Stock-outs over time", "Orders refused per second because not enough was left.", units.OpsPerSecond, half,
			query("refused", sumBy(perSecond(catalogue.StockOuts.Name)))),
		graph("Broken rules by invariant", "Rows that break each rule, found by the last audit. Anything but 0 raises MarketInvariantBroken.", units.Short, half,
			query("{{invariant}}", "max by (invariant) ("+selector(catalogue.InvariantViolations.Name)+")")),
		graph("Refunds that are owed", "Payments that are still to be given back, found by the last audit. One that has failed raises RefundFailed.", units.Short, half,
			query("{{state}}", "max by (state) ("+selector(catalogue.RefundsOpen.Name)+")")),
		graph("Age of the audit", "Seconds since an audit was completed. Without one, the panels beside it and the open orders are old.", units.Seconds, half,
			query("age", "time() - max("+selector(catalogue.AuditTime.Name)+")")),
	}
}

func photographsRow() []cog.Builder[dashboard.Panel] {
	uses := catalogue.ImageStoreDuration
	return []cog.Builder[dashboard.Panel]{
		graph("Uploads", "Photographs uploaded per second; refused are those that are no image, broken, or of a size out of bounds.", units.OpsPerSecond, third,
			query("{{outcome}}", sumBy(perSecond(catalogue.ImageUploads.Name), "outcome"))),
		graph("Failed uses of the store", "Uses of the image store per second that failed. A file that is not there is no failure.", units.OpsPerSecond, third,
			query("{{operation}} {{"+errType+"}}", sumBy(perSecond(uses.Count(), errType+`!~"|`+catalogue.ErrorNotFound+`"`), "operation", errType))),
		graph("p95 of a use of the store", "95 of 100 uses of the image store took less than this.", units.Seconds, third,
			query("{{operation}}", quantile(0.95, uses, []string{"operation"}))),
	}
}

func jobsRow() []cog.Builder[dashboard.Panel] {
	runs, calls := catalogue.JobDuration, catalogue.HTTPClientRequestDuration
	return []cog.Builder[dashboard.Panel]{
		graph("Failed runs of jobs", "Runs of background jobs per second that failed, by job and category.", units.OpsPerSecond, third,
			query("{{job_name}} {{"+errType+"}}", sumBy(perSecond(runs.Count(), failed), "job_name", errType))),
		graph("p95 of a run", "95 of 100 runs of background jobs took less than this. The dots are exemplars.", units.Seconds, third,
			exemplars("{{job_name}}", quantile(0.95, runs, []string{"job_name"}))),
		graph("p95 of outgoing requests", "95 of 100 HTTP requests to others took less than this, until their answer was read. The dots are exemplars.", units.Seconds, third,
			exemplars("{{server_address}}", quantile(0.95, calls, []string{"server_address"}))),
	}
}
