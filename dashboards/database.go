package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

func databaseRow() []cog.Builder[dashboard.Panel] {
	statements := catalogue.DBClientOperationDuration
	system, operation, collection := catalogue.DBSystem.Name, catalogue.DBOperation.Name, catalogue.DBCollection.Name
	connectionState := catalogue.DBClientConnectionCount.Labels[1].Name
	each := operation + `!="` + catalogue.DBTransaction + `"` // a transaction is counted beside its statements

	pool := graph("Connection pool", "Connections in use and idle, and the bound on both. In use at the bound means that requests wait.", units.Short, third,
		query("{{"+system+"}} {{"+connectionState+"}}", sumBy(selector(catalogue.DBClientConnectionCount.Name), system, connectionState)),
		query("{{"+system+"}} bound", sumBy(selector(catalogue.DBClientConnectionMax.Name), system)))
	pool.OverrideByRegexp("/ bound$/", []dashboard.DynamicConfigValue{
		property("custom.lineStyle", map[string]any{"fill": "dash", "dash": []int{8, 8}}),
		property("custom.fillOpacity", 0),
	})
	return []cog.Builder[dashboard.Panel]{
		stacked(graph("Statements", "Database statements per second by command and table. Many per request point at a query in a loop.", units.OpsPerSecond, third,
			query("{{"+operation+"}} {{"+collection+"}}", sumBy(perSecond(statements.Count(), each), operation, collection)))),
		graph("p95 statement duration", "95 of 100 statements of the command and table took less than this. The dots are exemplars.", units.Seconds, third,
			exemplars("{{"+operation+"}} {{"+collection+"}}", quantile(0.95, statements, []string{operation, collection}))),
		graph("Failed statements", "Statements per second that ended in an error, by category.", units.OpsPerSecond, third,
			query("{{"+errType+"}}", sumBy(perSecond(statements.Count(), failed, each), errType))),
		heat("Statement duration distribution", "How many statements per second took how long.", units.Seconds, third,
			query("{{le}}", sumBy(perSecond(statements.Bucket(), each), "le")).Format("heatmap")),
		pool,
		graph("Waiting for a connection", "Seconds that callers wait for a connection, per second. 1 means that on average one caller is always waiting.", units.Seconds, third,
			query("{{instance}} {{"+system+"}}", sumBy(perSecond(catalogue.DBClientConnectionWait.Name), "instance", system))),
		graph("Slow statements", "Statements per second that took as long as SLOW_QUERY, or longer, by command and table. The log has their text.", units.OpsPerSecond, third,
			query("{{"+operation+"}} {{"+collection+"}}", sumBy(perSecond(catalogue.DBClientSlowStatements.Name), operation, collection))),
		graph("p95 of a transaction", "95 of 100 transactions took less than this, from BEGIN until COMMIT or ROLLBACK has answered.", units.Seconds, third,
			exemplars("p95", quantile(0.95, statements, nil, operation+`="`+catalogue.DBTransaction+`"`))),
		graph("p95 of opening a connection", "95 of 100 connections were opened in less than this.", units.Seconds, third,
			query("{{"+system+"}}", quantile(0.95, catalogue.DBClientConnectionCreateTime, []string{system}))),
	}
}
