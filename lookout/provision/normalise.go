package provision

import (
	"maps"
	"reflect"
)

// Grafana stores more than it was sent: since 11.6 the server fills in defaults and raises the schema version, and the
// editor writes out what was implied. Compared as stored, every plan would show such noise. So both sides are brought to
// one form first: what belongs to one Grafana alone is dropped, and a field at its default counts as absent.

// Fields that say nothing about what a dashboard shows.
var (
	ownToGrafana      = []string{"id", "version", "iteration", "schemaVersion", "gnetId", "style"}
	ownToPanel        = []string{"pluginVersion"}
	refreshedVariable = []string{"options"} // of query and data source variables: found anew at every load
)

// Defaults, as Grafana's dashboard schema and editor fill them in.
var (
	dashboardDefaults = map[string]any{
		"description": "", "editable": true, "fiscalYearStartMonth": 0.0, "graphTooltip": 0.0, "liveNow": false,
		"preload": false, "refresh": "", "timezone": "browser", "weekStart": "",
	}
	panelDefaults = map[string]any{
		"description": "", "repeatDirection": "h", "transparent": false,
	}
	targetDefaults = map[string]any{
		"exemplar": false, "format": "time_series", "hide": false, "instant": false, "intervalFactor": 1.0, "interval": "",
	}
	variableDefaults = map[string]any{
		"allowCustomValue": true, "hide": 0.0, "includeAll": false, "multi": false, "regex": "", "skipUrlSync": false,
		"sort": 0.0, "auto": false, "useTags": false,
	}
	linkDefaults = map[string]any{
		"asDropdown": false, "includeVars": false, "keepTime": false, "targetBlank": false, "tooltip": "", "icon": "",
	}
)

// normaliseDashboard returns the dashboard's JSON in the form in which two of them can be compared. It leaves its
// argument as it is.
func normaliseDashboard(stored map[string]any) map[string]any {
	out := without(stored, ownToGrafana, dashboardDefaults)
	out["panels"] = normalisePanels(out["panels"])
	templating := maps.Clone(object(out["templating"]))
	if templating != nil {
		templating["list"] = each(templating["list"], normaliseVariable)
		out["templating"] = templating
	}
	out["links"] = each(out["links"], func(link map[string]any) map[string]any { return without(link, nil, linkDefaults) })
	return prune(out)
}

func normalisePanels(panels any) any {
	return each(panels, func(panel map[string]any) map[string]any {
		out := without(panel, ownToPanel, panelDefaults)
		if out["type"] == "row" {
			delete(out, "datasource") // a row queries nothing; old editors wrote it all the same
			if out["collapsed"] == false {
				delete(out, "collapsed")
			}
			out["panels"] = normalisePanels(out["panels"])
			return out
		}
		out["targets"] = each(out["targets"], func(target map[string]any) map[string]any {
			query := without(target, nil, targetDefaults)
			if reflect.DeepEqual(query["datasource"], panel["datasource"]) {
				delete(query, "datasource") // implied
			}
			return query
		})
		return out
	})
}

func normaliseVariable(variable map[string]any) map[string]any {
	var drop []string
	if variable["type"] == "query" || variable["type"] == "datasource" {
		drop = refreshedVariable
	}
	out := without(variable, drop, variableDefaults)
	// The editor turns the query's text into an object around it.
	if query, ok := object(out["query"])["query"].(string); ok {
		out["query"] = query
	}
	return out
}

// without copies an object, leaving out the named fields and those at their default.
func without(in map[string]any, fields []string, defaults map[string]any) map[string]any {
	out := maps.Clone(in)
	if out == nil {
		out = map[string]any{}
	}
	for _, field := range fields {
		delete(out, field)
	}
	for field, value := range defaults {
		if got, ok := out[field]; ok && reflect.DeepEqual(got, value) {
			delete(out, field)
		}
	}
	return out
}

// each copies a list of objects, changing every one. What is not such a list is returned as it is.
func each(list any, change func(map[string]any) map[string]any) any {
	items, ok := list.([]any)
	if !ok {
		return list
	}
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = item
		if m, ok := item.(map[string]any); ok {
			out[i] = change(m)
		}
	}
	return out
}

// prune copies an object without its nulls, empty lists and empty objects: Grafana writes them or leaves them out as it
// pleases. Zeros and empty texts stay, for they can mean something.
func prune(in map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range in {
		if kept := pruneValue(value); kept != nil {
			out[key] = kept
		}
	}
	return out
}

func pruneValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if out := prune(v); len(out) > 0 {
			return out
		}
		return nil
	case []any:
		if len(v) == 0 {
			return nil
		}
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = pruneValue(item)
		}
		return out
	default:
		return value
	}
}
