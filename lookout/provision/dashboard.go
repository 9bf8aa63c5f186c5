package provision

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/farmersmarket/platform/dashboards"
)

// What tells our dashboards from others'. Neither holds a version: ownership must not change with a release.
const (
	ownerTag    = "managed-by-lookout"
	messageMark = "[lookout] "
)

// Limits of Grafana's.
const (
	maxUID     = 40
	maxMessage = 500
)

// dashboardResource is a dashboard in its folder.
type dashboardResource struct {
	want    dashboards.Dashboard
	built   map[string]any // as the code builds it
	desired map[string]any // as sent: with our tag
	live    *liveDashboard
}

func newDashboardResource(want dashboards.Dashboard) (*dashboardResource, error) {
	if want.UID == "" || len(want.UID) > maxUID {
		return nil, fmt.Errorf("dashboard %q: its uid %q must have 1 to %d characters", want.Title, want.UID, maxUID)
	}
	var built map[string]any
	if err := json.Unmarshal(want.JSON, &built); err != nil {
		return nil, fmt.Errorf("dashboard %s is not valid JSON: %w", want.UID, err)
	}
	desired := maps.Clone(built)
	desired["uid"] = want.UID
	desired["tags"] = append(slices.Clone(tagsOf(built)), ownerTag)
	return &dashboardResource{want: want, built: built, desired: desired}, nil
}

func (r *dashboardResource) plan(ctx context.Context, g *Grafana, force bool) (Step, error) {
	step := Step{Kind: KindDashboard, UID: r.want.UID, Title: r.want.Title}
	var err error
	if r.live, err = g.dashboard(ctx, r.want.UID); err != nil {
		return step, err
	}
	if r.live == nil {
		step.Action = Create
		return step, nil
	}
	live := normaliseDashboard(r.live.JSON)
	desired := r.desired
	if r.live.Provisioned {
		desired = r.built // a file carries no tag of ours
	}
	step.Changes = diff(live, normaliseDashboard(desired))
	if r.live.FolderUID != r.want.FolderUID {
		step.Changes = append(step.Changes, Change{Path: "folder", From: r.live.FolderUID, To: r.want.FolderUID})
	}
	if len(step.Changes) == 0 {
		step.Action = Unchanged
		return step, nil
	}
	if r.live.Provisioned {
		// Grafana itself would refuse the write, with or without force.
		step.Action, step.Reason = Keep, "Grafana loads it from a provisioning file: remove that file and apply again"
		return step, nil
	}
	return r.judge(ctx, g, step, live, force)
}

// judge decides about a dashboard that differs: whether the code is newer, or somebody edited it in Grafana.
func (r *dashboardResource) judge(ctx context.Context, g *Grafana, step Step, live map[string]any, force bool) (Step, error) {
	versions, err := g.dashboardVersions(ctx, r.want.UID)
	if err != nil {
		return step, err
	}
	ours := slices.IndexFunc(versions, func(v Save) bool { return strings.HasPrefix(v.Message, messageMark) })
	switch {
	case ours >= 0:
		base, err := g.dashboardVersion(ctx, r.want.UID, versions[ours].Version)
		if err != nil {
			return step, err
		}
		step.Edits = diff(normaliseDashboard(base), live)
		if r.live.FolderUID != r.want.FolderUID { // a move makes no version
			step.Edits = append(step.Edits, Change{Path: "folder", From: r.want.FolderUID, To: r.live.FolderUID})
		}
		if len(step.Edits) == 0 {
			step.Action = Update
			return step, nil
		}
		step.Saves = versions[:ours]
		step.Action, step.Reason = keepUnless(force, "edited in Grafana since the last apply")
	case slices.Contains(tagsOf(live), any(ownerTag)):
		// Grafana keeps some twenty versions: after so many saves the one we wrote is gone, and with it the base.
		step.Saves = versions
		step.Action, step.Reason = keepUnless(force, "edited in Grafana so often that the version last applied is no longer stored")
	default:
		step.Saves = versions[:min(1, len(versions))]
		step.Action, step.Reason = keepUnless(force, "a dashboard with this uid exists, and lookout did not create it")
	}
	return step, nil
}

func (r *dashboardResource) write(ctx context.Context, g *Grafana, message string) error {
	var version int64 // 0: it must not exist yet
	if r.live != nil {
		version = r.live.Version
	}
	return g.saveDashboard(ctx, r.desired, r.want.FolderUID, version, markedMessage(message))
}

// markedMessage is the message of a version that we write, within Grafana's limit.
func markedMessage(message string) string {
	if message == "" {
		message = "Applied from code"
	}
	text := []rune(messageMark + message)
	return string(text[:min(len(text), maxMessage)])
}

func tagsOf(dashboard map[string]any) []any {
	tags, _ := dashboard["tags"].([]any)
	return tags
}
