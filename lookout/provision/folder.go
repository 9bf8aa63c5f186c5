package provision

import "context"

// folderResource is a folder. Grafana keeps neither a history nor a note on folders, so a title that differs may be
// somebody's edit: it is kept unless forced.
type folderResource struct {
	want Folder
	live *liveFolder
}

func (r *folderResource) plan(ctx context.Context, g *Grafana, force bool) (Step, error) {
	step := Step{Kind: KindFolder, UID: r.want.UID, Title: r.want.Title}
	var err error
	if r.live, err = g.folder(ctx, r.want.UID); err != nil {
		return step, err
	}
	switch {
	case r.live == nil:
		step.Action = Create
	case r.live.Title == r.want.Title:
		step.Action = Unchanged
	default:
		step.Changes = []Change{{Path: "title", From: r.live.Title, To: r.want.Title}}
		step.Action, step.Reason = keepUnless(force, "renamed in Grafana, or not ours")
	}
	return step, nil
}

func (r *folderResource) write(ctx context.Context, g *Grafana, _ string) error {
	if r.live == nil {
		return g.createFolder(ctx, r.want)
	}
	return g.renameFolder(ctx, r.want, r.live.Version)
}

// keepUnless is the verdict on something that a person may want to keep.
func keepUnless(force bool, reason string) (Action, string) {
	if force {
		return Update, reason + "; overwritten by --force"
	}
	return Keep, reason
}
