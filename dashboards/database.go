package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

func databaseRow() []cog.Builder[dashboard.Panel] {
	statements := catalogue.DBClientOperationDuration
	operation, collection := catalogue.DBOperation.Name, catalogue.DBCollection.Name
	connectionState := catalogue.DBClientConnectionCount.Labels[1].Name

	pool := graph("Connection pool", "Connections in use and idle, and the bound on both. In use at the bound means that requests wait.", units.Short, third,
		query("{{"+connectionState+"}}", sumBy(selector(catalogue.DBClientConnectionCount.Name), connectionState)),
		query("bound", sumBy(selector(catalogue.DBClientConnectionMax.Name))))
	pool.OverrideByName("bound", []dashboard.DynamicConfigValue{
		property("custom.lineStyle", map[string]any{"fill": "dash", "dash": []int{8, 8}}),
		property("custom.fillOpacity", 0),
	})
	return []cog.Builder[dashboard.Panel]{
		stacked(graph("Statements", "Database statements per second by command and table. Many per request point at a query in a loop.", units.OpsPerSecond, third,
			query("{{"+operation+"}} {{"+collection+"}}", sumBy(perSecond(statements.Count()), operation, collection)))),
		graph("p95 statement duration", "95 of 100 statements of the command and table took less than this. The dots are exemplars.", units.Seconds, third,
			exemplars("{{"+operation+"}} {{"+collection+"}}", quantile(0.95, statements, []string{operation, collection}))),
		graph("Failed statements", "Statements per second that ended in an error, by category.", units.OpsPerSecond, third,
			query("{{"+errType+"}}", sumBy(perSecond(statements.Count(), failed), errType))),
		heat("Statement duration distribution", "How many statements per second took how long.", units.Seconds, third,
			query("{{le}}", sumBy(perSecond(statements.Bucket()), "le")).Format("heatmap")),
		pool,
		graph("Waiting for a connection", "Seconds that callers wait for a connection, per second. 1 means that on average one caller is always waiting.", units.Seconds, third,
			query("{{instance}}", sumBy(perSecond(catalogue.DBClientConnectionWait.Name), "instance"))),
	}
}
