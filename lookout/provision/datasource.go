package provision

import (
	"context"
	"maps"
)

// appliedKey is the setting in which a data source carries what we last applied. It is both our mark of ownership and
// the base of the comparison. The plugins ignore settings that they do not know, and Grafana's own form keeps them.
const appliedKey = "managedByLookout"

// dataSourceResource is a data source. We compare and write only the settings that we declare, or once declared.
type dataSourceResource struct {
	want DataSource
	live *liveDataSource
}

func (r *dataSourceResource) plan(ctx context.Context, g *Grafana, force bool) (Step, error) {
	step := Step{Kind: KindDataSource, UID: r.want.UID, Title: r.want.Name}
	var err error
	if r.live, err = g.dataSource(ctx, r.want.UID); err != nil {
		return step, err
	}
	if r.live == nil {
		step.Action = Create
		return step, nil
	}
	base, owned := r.live.JSONData[appliedKey].(map[string]any)
	desired, live := prune(r.want.fields()), prune(r.declared(base))
	step.Changes = diff(live, desired)
	if owned {
		step.Edits = diff(prune(base), live)
	}
	switch {
	case len(step.Changes) == 0:
		step.Action, step.Edits = Unchanged, nil
	case r.live.ReadOnly:
		step.Action, step.Reason = Keep, "Grafana loads it from a provisioning file: change that file, or remove it and apply again"
	case !owned:
		step.Action, step.Reason = keepUnless(force, "lookout did not create it")
	case len(step.Edits) > 0:
		step.Action, step.Reason = keepUnless(force, "edited in Grafana since the last apply")
	default:
		step.Action = Update
	}
	return step, nil
}

func (r *dataSourceResource) write(ctx context.Context, g *Grafana, _ string) error {
	settings := map[string]any{}
	if r.live != nil {
		maps.Copy(settings, r.live.JSONData)
		if base, ok := settings[appliedKey].(map[string]any); ok {
			for key := range object(base["jsonData"]) {
				delete(settings, key) // once declared; what still is, comes back below
			}
		}
	}
	maps.Copy(settings, r.want.JSONData)
	settings[appliedKey] = r.want.fields()
	if r.live == nil {
		return g.createDataSource(ctx, r.want, settings)
	}
	return g.updateDataSource(ctx, r.want, settings, r.live)
}

// fields is what we decide about the data source, in the form in which it is compared and remembered.
func (d DataSource) fields() map[string]any {
	return map[string]any{"name": d.Name, "type": d.Type, "url": d.URL, "jsonData": d.JSONData}
}

// declared is the live state, reduced to the settings that the code or the last apply declares.
func (r *dataSourceResource) declared(base map[string]any) map[string]any {
	settings := map[string]any{}
	for _, declared := range []map[string]any{r.want.JSONData, object(base["jsonData"])} {
		for key := range declared {
			if value, ok := r.live.JSONData[key]; ok {
				settings[key] = value
			}
		}
	}
	return map[string]any{"name": r.live.Name, "type": r.live.Type, "url": r.live.URL, "jsonData": settings}
}

// object is the value as a JSON object, empty when it is none.
func object(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}
