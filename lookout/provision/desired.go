package provision

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/farmersmarket/platform/dashboards"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Desired is what the code wants in Grafana.
type Desired struct {
	Folder      Folder
	DataSources []DataSource
	Dashboards  []dashboards.Dashboard
}

// Folder is a Grafana folder.
type Folder struct {
	UID   string
	Title string
}

// DataSource is a Grafana data source, as far as we decide about it. Everything else, such as credentials, is left as it
// is found.
type DataSource struct {
	UID      string
	Name     string
	Type     string         // of the plugin
	URL      string         // where Grafana's server reaches it
	JSONData map[string]any // settings of the plugin
}

// The uids of the data sources, by which dashboards and links between them refer to each other.
const (
	Prometheus = "prometheus"
	Jaeger     = "jaeger"
	Loki       = "loki"
)

// ScrapeInterval is how often Prometheus scrapes. Grafana must know it: it is the least step of $__rate_interval, and
// exemplars are dropped when it is longer than the real one.
const ScrapeInterval = "5s"

// DefaultURLs is where the data sources are when Grafana runs on the same machine as the stack.
func DefaultURLs() map[string]string {
	return map[string]string{
		Prometheus: "http://127.0.0.1:9090",
		Jaeger:     "http://127.0.0.1:16686",
		Loki:       "http://127.0.0.1:3100",
	}
}

// Want is everything we want in Grafana. urls overrides DefaultURLs by data source; links is the base of links in
// dashboards. An unknown data source is an error that names the known ones.
func Want(urls map[string]string, links string) (Desired, error) {
	all, err := dashboards.All(links)
	if err != nil {
		return Desired{}, err
	}
	merged := DefaultURLs()
	for uid, url := range urls {
		if _, known := merged[uid]; !known {
			return Desired{}, fmt.Errorf("unknown data source %q: use one of %s", uid, strings.Join(sortedKeys(merged), ", "))
		}
		merged[uid] = url
	}
	return Desired{
		Folder:      Folder{UID: dashboards.FolderUID, Title: dashboards.FolderTitle},
		DataSources: []DataSource{prometheus(merged[Prometheus]), jaeger(merged[Jaeger]), loki(merged[Loki])},
		Dashboards:  all,
	}, nil
}

// prometheus opens a trace from an exemplar.
func prometheus(url string) DataSource {
	return DataSource{
		UID: Prometheus, Name: "Market Prometheus", Type: "prometheus", URL: url,
		JSONData: map[string]any{
			"httpMethod":     "POST",
			"prometheusType": "Prometheus",
			"timeInterval":   ScrapeInterval,
			"exemplarTraceIdDestinations": []any{
				map[string]any{"name": "trace_id", "datasourceUid": Jaeger, "urlDisplayLabel": "Open trace"},
			},
		},
	}
}

// jaeger opens, from a span, the logs of its trace and the metrics of its route.
func jaeger(url string) DataSource {
	requests := catalogue.HTTPServerRequestDuration
	return DataSource{
		UID: Jaeger, Name: "Market Jaeger", Type: "jaeger", URL: url,
		JSONData: map[string]any{
			"tracesToLogsV2": map[string]any{
				"datasourceUid": Loki, "filterByTraceID": true,
				"spanStartTimeShift": "-5m", "spanEndTimeShift": "5m",
				"tags": []any{map[string]any{"key": "service.name", "value": "service_name"}},
			},
			"tracesToMetrics": map[string]any{
				"datasourceUid":      Prometheus,
				"spanStartTimeShift": "-15m", "spanEndTimeShift": "15m",
				"tags": []any{map[string]any{"key": "http.route", "value": catalogue.HTTPRoute.Name}},
				"queries": []any{
					map[string]any{
						"name":  "Requests by status",
						"query": "sum by (" + catalogue.HTTPStatus.Name + ") (rate(" + requests.Count() + "{$__tags}[$__rate_interval]))",
					},
					map[string]any{
						"name":  "p95 latency",
						"query": "histogram_quantile(0.95, sum by (le) (rate(" + requests.Bucket() + "{$__tags}[$__rate_interval])))",
					},
				},
			},
			"nodeGraph": map[string]any{"enabled": true},
		},
	}
}

// loki opens the trace of a log line: by its structured metadata when the line came over OTLP, else by the JSON in it.
func loki(url string) DataSource {
	toTrace := func(name, matcher, kind string) map[string]any {
		return map[string]any{
			"name": name, "matcherType": kind, "matcherRegex": matcher,
			"url": "${__value.raw}", "datasourceUid": Jaeger, "urlDisplayLabel": "Open trace",
		}
	}
	return DataSource{
		UID: Loki, Name: "Market Loki", Type: "loki", URL: url,
		JSONData: map[string]any{
			"derivedFields": []any{
				toTrace("Trace", "trace_id", "label"),
				toTrace("Trace in line", `"trace_id":\s*"(\w+)"`, "regex"),
			},
		},
	}
}

// resources are the objects in the order in which they must be written.
func (d Desired) resources() ([]resource, error) {
	all := []resource{&folderResource{want: d.Folder}}
	for _, source := range d.DataSources {
		all = append(all, &dataSourceResource{want: source})
	}
	for _, board := range d.Dashboards {
		r, err := newDashboardResource(board)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// plain turns any JSON value into maps, slices, strings, float64 and bools, so that two of them can be compared.
func plain(value any) (map[string]any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	return out, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
