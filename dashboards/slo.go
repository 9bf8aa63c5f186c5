package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// The series that the SLO's recording rules write. They are sums over all instances, so they carry neither job nor
// instance and are selected by the slo variable alone.
const (
	sloBudgetRemaining = "slo:error_budget_remaining:ratio"
	sloBudget          = "slo:error_budget:ratio"
	sloObjective       = "slo:objective:ratio"
	sloErrorRatio5m    = "slo:error_ratio:ratio_rate5m"
	sloErrorRatio1h    = "slo:error_ratio:ratio_rate1h"
	sloErrorRatio30d   = "slo:error_ratio:ratio_rate30d"
	sloBurnRate5m      = "slo:burn_rate:ratio_rate5m"
	sloBurnRate1h      = "slo:burn_rate:ratio_rate1h"
	sloBurnRate6h      = "slo:burn_rate:ratio_rate6h"
	sloBurnRate3d      = "slo:burn_rate:ratio_rate3d"
)

// Burn rates at which the on-call is told, from the table in "Alerting on SLOs" of the SRE workbook.
const (
	burnPageFast   = 14.4
	burnPageSlow   = 6
	burnTicketFast = 3
	burnTicketSlow = 1
)

func slo(series string) string { return series + `{slo="$slo"}` }

func sloRow() []cog.Builder[dashboard.Panel] {
	budget := graph("Error budget remaining",
		"Share of the 30-day error budget that is left. At 0 the objective is missed; below 0 it is overspent. A slope that steepens is what the burn-rate alerts fire on.",
		units.PercentUnit, third, query("Budget left", slo(sloBudgetRemaining)))
	budget.AxisSoftMin(0).Max(1).
		Thresholds(thresholds(bad, from(0, warning), from(0.25, good))).
		ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))

	burn := graph("Burn rate",
		"How many times faster than allowed the error budget is spent, over windows of different length. 1 spends exactly the budget in 30 days. Dashed lines: 14.4 and 6 page, 3 and 1 open a ticket, when a long and a short window are both above.",
		units.Short, third,
		query("5 minutes", slo(sloBurnRate5m)), query("1 hour", slo(sloBurnRate1h)),
		query("6 hours", slo(sloBurnRate6h)), query("3 days", slo(sloBurnRate3d)))
	thresholdLines(burn, from(burnTicketSlow, calm), from(burnTicketFast, "yellow"), from(burnPageSlow, warning), from(burnPageFast, bad))

	ratio := graph("Error ratio against the budget",
		"Share of requests that missed the objective, and the share that the objective allows. Above the dashed budget line, the budget shrinks.",
		units.PercentUnit, third,
		query("Errors, 5 minutes", slo(sloErrorRatio5m)), query("Errors, 1 hour", slo(sloErrorRatio1h)),
		query("Errors, 30 days", slo(sloErrorRatio30d)), query("Allowed", slo(sloBudget)))
	ratio.OverrideByName("Allowed", []dashboard.DynamicConfigValue{
		property("color", map[string]any{"mode": "fixed", "fixedColor": bad}),
		property("custom.lineStyle", map[string]any{"fill": "dash", "dash": []int{8, 8}}),
		property("custom.fillOpacity", 0),
	})
	return []cog.Builder[dashboard.Panel]{budget, burn, ratio}
}
