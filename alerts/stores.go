package alerts

import (
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
)

// StoreExporterFailing is the alert about an exporter that runs and cannot see its store.
const StoreExporterFailing = "StoreExporterFailing"

// A store that restarts is back within a minute or two.
const storeUnseenFor = model.Duration(5 * time.Minute)

// storeExporterFails is a ticket: whether the service reaches its stores, the service says itself, and the SLO's page tells.
// This one is about what is not seen meanwhile.
func storeExporterFails(linkBase string) rulefmt.Rule {
	return rulefmt.Rule{
		Alert: StoreExporterFailing, For: storeUnseenFor,
		Expr:   `min by (job, instance) (pg_up) == 0 or min by (job, instance) (redis_up) == 0`,
		Labels: map[string]string{LabelSeverity: SeverityTicket},
		Annotations: pipelineAnnotations(linkBase, "store-exporter-failing",
			"The exporter of {{ $labels.job }} cannot see its store",
			"For 5 minutes {{ $labels.instance }} has answered Prometheus, but could not log in to what it watches, or got no answer. Its "+
				"figures are missing."),
	}
}

// storeInhibitions: while the service's page is out, the store may be what is down, and the exporter cannot see it either.
func storeInhibitions() []InhibitRule {
	return []InhibitRule{{
		SourceMatchers: []string{`severity="page"`, `service="` + apiService + `"`},
		TargetMatchers: []string{`alertname="` + StoreExporterFailing + `"`},
		Equal:          []string{},
	}}
}
