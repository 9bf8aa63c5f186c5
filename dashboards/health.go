package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

func healthRow() []cog.Builder[dashboard.Panel] {
	check, kind := catalogue.HealthCheckUp.Labels[0].Name, catalogue.FaultsInjected.Labels[0].Name
	return []cog.Builder[dashboard.Panel]{
		timeline("Dependencies", "Whether each dependency answered its health check. Readiness fails while a required one is down.", half,
			query("{{instance}} {{"+check+"}}", `min by (instance, `+check+`) (`+selector(catalogue.HealthCheckUp.Name)+`)`)),
		timeline("Up", "Whether Prometheus could scrape the process.", half,
			query(instanceLegend, `min by (instance) (`+selector("up")+`)`)),
		graph("Faults in force", "Injected faults in force. Anything but 0 outside a drill is a mistake: clear them on the admin port.", units.Short, third,
			query(instanceLegend, sumBy(selector(catalogue.FaultsActive.Name), perInstanceName))),
		graph("Requests hit by faults", "Requests per second that an injected fault failed or delayed.", units.RequestsPerSecond, third,
			query("{{"+kind+"}}", sumBy(perSecond(catalogue.FaultsInjected.Name), kind))),
		graph("Uptime", "Seconds since the process started. A drop to 0 is a restart or a deploy.", units.Seconds, third,
			query(instanceLegend, `time() - max by (instance) (`+selector(processStart)+`)`)),
	}
}

// timeline shows a gauge that is 1 while all is well and 0 while it is not.
func timeline(title, description string, width uint32, target cog.Builder[variants.Dataquery]) *statetimeline.PanelBuilder {
	states := dashboard.ValueMap{Type: dashboard.MappingTypeValueToText, Options: map[string]dashboard.ValueMappingResult{
		"1": {Text: cog.ToPtr("up"), Color: cog.ToPtr(good)},
		"0": {Text: cog.ToPtr("down"), Color: cog.ToPtr(bad)},
	}}
	return statetimeline.NewPanelBuilder().
		Title(title).Description(description).Unit(units.NoUnit).
		Datasource(metrics()).WithTarget(target).
		Span(width).Height(statusRows).
		Mappings([]dashboard.ValueMapping{{ValueMap: &states}}).
		Thresholds(thresholds(bad, from(1, good))).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)).
		ShowValue(common.VisibilityModeNever).RowHeight(0.8).FillOpacity(75).
		Legend(common.NewVizLegendOptionsBuilder().
			DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(false))
}
