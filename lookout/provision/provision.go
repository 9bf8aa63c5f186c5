// Package provision puts the platform's folder, data sources and dashboards into Grafana, and keeps what people changed
// there.
//
// It compares three states: what the last apply wrote (the base), what Grafana holds now (live), and what the code wants
// (desired). Where live differs from base, somebody edited it in Grafana: the edit is reported and kept unless the caller
// forces the write. The base needs no state file: of a dashboard it is the newest stored version whose message carries
// our mark, of a data source it is kept beside its settings.
package provision

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Kind is what sort of object a step is about.
type Kind string

// The kinds of object, in the order in which they are written: a dashboard needs its folder.
const (
	KindFolder     Kind = "folder"
	KindDataSource Kind = "data source"
	KindDashboard  Kind = "dashboard"
)

// Action is what a step does, or would do.
type Action string

// The actions. Keep means that Grafana holds something else than the code wants, and that it stays: Reason says why.
const (
	Create    Action = "create"
	Update    Action = "update"
	Unchanged Action = "unchanged"
	Keep      Action = "keep"
)

// Step is what is to be done about one object.
type Step struct {
	Kind    Kind     `json:"kind"`
	UID     string   `json:"uid"`
	Title   string   `json:"title"`
	Action  Action   `json:"action"`
	Reason  string   `json:"reason,omitempty"`  // in words, when the action alone does not say
	Changes []Change `json:"changes,omitempty"` // what writing the desired state changes in Grafana
	Edits   []Change `json:"edits,omitempty"`   // what was changed in Grafana since the last apply
	Saves   []Save   `json:"saves,omitempty"`   // who saved those edits, newest first
	Written bool     `json:"written,omitempty"` // set by Apply
}

// Change is one field that differs. From or To is nil where the field is absent.
type Change struct {
	Path string `json:"path"` // as a reader would name it: panels["Latency"].fieldConfig.defaults.unit
	From any    `json:"from"`
	To   any    `json:"to"`
}

// Save is one version of a dashboard that a person saved.
type Save struct {
	Version int64     `json:"version"`
	By      string    `json:"by"` // the login name
	At      time.Time `json:"at"`
	Message string    `json:"message,omitempty"`
}

// Options say how to plan and apply.
type Options struct {
	Force    bool       // overwrite edits made in Grafana, and take over objects that are not ours
	Message  string     // stored with every dashboard version written, after our mark
	Annotate string     // text of a deploy annotation; empty for none
	Progress func(Step) // called after each write; may be nil
}

// Report is what was planned, or done.
type Report struct {
	Grafana string   `json:"grafana"` // base URL
	Version string   `json:"version"` // of Grafana
	Steps   []Step   `json:"steps"`
	Orphans []Orphan `json:"orphans,omitempty"`
}

// Orphan is a dashboard that lookout put into Grafana and that is no longer in the code. It is only reported.
type Orphan struct {
	UID   string `json:"uid"`
	Title string `json:"title"`
}

// Count is the number of steps with the action.
func (r Report) Count(action Action) int {
	n := 0
	for _, s := range r.Steps {
		if s.Action == action {
			n++
		}
	}
	return n
}

// Differs says whether Grafana holds anything else than the code wants.
func (r Report) Differs() bool { return r.Count(Unchanged) < len(r.Steps) }

// resource is one object that we want in Grafana. plan reads its live state, which write then needs.
type resource interface {
	plan(ctx context.Context, g *Grafana, force bool) (Step, error)
	write(ctx context.Context, g *Grafana, message string) error
}

// Bounds on what goes on at once. Grafana's own database is often SQLite, where parallel writes end in "database is
// locked": reads fan out, writes go one by one.
const (
	parallelReads = 4
	writeAttempts = 3
	writeTimeout  = 45 * time.Second
)

// Plan compares Grafana with what is wanted and writes nothing.
func Plan(ctx context.Context, g *Grafana, want Desired, options Options) (Report, error) {
	report, _, err := plan(ctx, g, want, options)
	return report, err
}

func plan(ctx context.Context, g *Grafana, want Desired, options Options) (Report, []resource, error) {
	report := Report{Grafana: g.URL()}
	resources, err := want.resources()
	if err != nil {
		return report, nil, err
	}
	if report.Version, err = g.version(ctx); err != nil {
		return report, nil, err
	}
	report.Steps = make([]Step, len(resources))
	failures := make([]error, len(resources))
	free := make(chan struct{}, parallelReads)
	var reads sync.WaitGroup
	for i, r := range resources {
		reads.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			report.Steps[i], failures[i] = r.plan(ctx, g, options.Force)
		})
	}
	reads.Wait()
	for _, err := range failures {
		if err != nil {
			report.Steps = nil
			return report, nil, err // the first is enough: an unreachable Grafana fails them all alike
		}
	}
	report.Orphans, err = orphans(ctx, g, want)
	return report, resources, err
}

// Apply brings Grafana to what is wanted, object by object, and stops at the first error. Every write is whole in itself,
// and an interrupted one is completed before Apply returns, so that a later Apply continues where this one stopped. The
// report tells what was written even when there is an error.
func Apply(ctx context.Context, g *Grafana, want Desired, options Options) (Report, error) {
	report, resources, err := plan(ctx, g, want, options)
	if err != nil {
		return report, err
	}
	for i, step := range report.Steps {
		if step.Action != Create && step.Action != Update {
			continue
		}
		if err := ctx.Err(); err != nil {
			return report, fmt.Errorf("stopped before writing %s %q; run apply again to continue: %w", step.Kind, step.UID, err)
		}
		done, err := writeStep(ctx, g, resources[i], step, options)
		if err != nil {
			return report, err
		}
		report.Steps[i] = done
		if options.Progress != nil {
			options.Progress(done)
		}
	}
	if options.Annotate != "" {
		if err := g.annotate(ctx, options.Annotate); err != nil {
			return report, err
		}
	}
	return report, nil
}

// writeStep writes one object. When somebody was faster, or the outcome is not known (the connection broke, Grafana
// failed half-way), it looks again before it decides: a blind repeat could overwrite an edit, or take our own write for
// somebody else's.
func writeStep(ctx context.Context, g *Grafana, r resource, step Step, options Options) (Step, error) {
	// A write once begun is completed even after Ctrl-C: cut off, its outcome would not be known.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		err := r.write(ctx, g, options.Message)
		if err == nil {
			step.Written = true
			return step, nil
		}
		if attempt == writeAttempts || !worthAnotherLook(err) {
			return step, fmt.Errorf("writing %s %q: %w", step.Kind, step.UID, err)
		}
		if err := g.pause(ctx, attempt); err != nil {
			return step, fmt.Errorf("writing %s %q: %w", step.Kind, step.UID, err)
		}
		again, err := r.plan(ctx, g, options.Force)
		if err != nil {
			return step, err
		}
		switch again.Action {
		case Unchanged:
			step.Written = true // the write had arrived after all, or somebody made the same one
			return step, nil
		case Keep:
			return again, nil
		case Create, Update:
			step = again
		}
	}
}

// worthAnotherLook says whether an error of a write leaves open what Grafana now holds.
func worthAnotherLook(err error) bool {
	var refused *StatusError
	if errors.As(err, &refused) {
		return refused.Conflict() || refused.Code >= 500
	}
	return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// orphans finds the dashboards in our folder that carry our tag and are not wanted any more.
func orphans(ctx context.Context, g *Grafana, want Desired) ([]Orphan, error) {
	wanted := map[string]bool{}
	for _, d := range want.Dashboards {
		wanted[d.UID] = true
	}
	tagged, err := g.taggedDashboards(ctx, ownerTag)
	if err != nil {
		return nil, err
	}
	var gone []Orphan
	for _, d := range tagged {
		// Another project may use lookout on the same Grafana: its folder is none of our business.
		if d.FolderUID == want.Folder.UID && !wanted[d.UID] {
			gone = append(gone, Orphan{UID: d.UID, Title: d.Title})
		}
	}
	return gone, nil
}
