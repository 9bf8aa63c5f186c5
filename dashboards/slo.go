package dashboards

import (
	"slices"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/farmersmarket/platform/slo"
)

// ofSLO selects a series of the SLO's recording rules. They are sums over all instances, so they carry neither job nor
// instance and are selected by the slo variable alone.
func ofSLO(series string) string { return series + `{slo="$slo"}` }

// burnThresholds colours burn rates from the value on at which a tier of alerts fires, least urgent first.
func burnThresholds() []dashboard.Threshold {
	colours := []string{bad, warning, "yellow", calm}
	var steps []dashboard.Threshold
	for i, tier := range slo.DefaultTiers() {
		steps = append(steps, from(tier.Burn, colours[min(i, len(colours)-1)]))
	}
	slices.Reverse(steps)
	return steps
}

func sloRow() []cog.Builder[dashboard.Panel] {
	budget := graph("Error budget remaining",
		"Share of the 30-day error budget that is left. At 0 the objective is missed; below 0 it is overspent. A slope that steepens is what the burn-rate alerts fire on.",
		units.PercentUnit, third, query("Budget left", ofSLO(slo.BudgetRemainingRatio)))
	budget.Max(1).
		Thresholds(thresholds(bad, from(0, warning), from(0.25, good))).
		ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))

	burn := graph("Burn rate",
		"How many times faster than allowed the error budget is spent, over windows of different length. 1 spends exactly the budget in 30 days. Dashed lines: 14.4 and 6 page, 3 and 1 open a ticket, when a long and a short window are both above.",
		units.Short, third,
		query("5 minutes", ofSLO(slo.BurnRate(slo.Window5m))), query("1 hour", ofSLO(slo.BurnRate(slo.Window1h))),
		query("6 hours", ofSLO(slo.BurnRate(slo.Window6h))), query("3 days", ofSLO(slo.BurnRate(slo.Window3d))))
	thresholdLines(burn, burnThresholds()...)

	ratio := graph("Error ratio against the budget",
		"Share of requests that missed the objective, and the share that the objective allows. Above the dashed budget line, the budget shrinks.",
		units.PercentUnit, third,
		query("Errors, 5 minutes", ofSLO(slo.ErrorRatio(slo.Window5m))), query("Errors, 1 hour", ofSLO(slo.ErrorRatio(slo.Window1h))),
		query("Errors, 30 days", ofSLO(slo.ErrorRatio(slo.Window30d))), query("Allowed", ofSLO(slo.BudgetRatio)))
	ratio.OverrideByName("Allowed", []dashboard.DynamicConfigValue{
		property("color", map[string]any{"mode": "fixed", "fixedColor": bad}),
		property("custom.lineStyle", map[string]any{"fill": "dash", "dash": []int{8, 8}}),
		property("custom.fillOpacity", 0),
	})
	return []cog.Builder[dashboard.Panel]{budget, burn, ratio}
}
