package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// pipelineRow shows whether the telemetry itself arrives. Without it, an empty graph of traces reads like a quiet night.
func pipelineRow() []cog.Builder[dashboard.Panel] {
	lost := graph("Spans lost or held up", "Spans per second that the full queue dropped, that the collector refused for good, or that are tried again because it is away.", units.OpsPerSecond, third,
		query("dropped: {{"+errType+"}}", sumBy(perSecond(catalogue.SpansProcessed.Name, failed), errType)),
		query("not exported: {{"+errType+"}}", sumBy(perSecond(catalogue.SpansExported.Name, failed), errType)))
	return []cog.Builder[dashboard.Panel]{
		graph("Span queue", "How full the export queue is. At 1 finished spans are dropped.", units.PercentUnit, third,
			query(instanceLegend, sumBy(selector(catalogue.SpanQueueSize.Name), perInstanceName)+
				" / "+sumBy(selector(catalogue.SpanQueueCapacity.Name), perInstanceName))).Max(1),
		graph("Spans", "Finished spans per second, and those that the collector took. The lines lie on each other when all is well.", units.OpsPerSecond, third,
			query("finished", sumBy(perSecond(catalogue.SpansProcessed.Name))),
			query("exported", sumBy(perSecond(catalogue.SpansExported.Name, errType+`=""`)))),
		lost,
	}
}
