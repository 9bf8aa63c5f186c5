package pager

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"time"

	"github.com/farmersmarket/platform/lookout/webui"
)

//go:embed pager.html pager.css
var pageFiles embed.FS

var pageTemplate = template.Must(template.New("pager.html").Funcs(webui.Funcs()).ParseFS(pageFiles, "pager.html"))

// maxShown bounds the page; older incidents are in /api/pages.
const maxShown = 50

// pageView is what the template shows.
type pageView struct {
	Now        time.Time
	Firing     []incidentView
	Past       []incidentView
	Hidden     int // incidents beyond maxShown
	Watchdog   watchdog
	Quiet      time.Duration // since the Watchdog was heard
	StoreError string
}

type incidentView struct {
	incident
	Now time.Time
}

// Lasted is how long the incident has lasted, or did.
func (i incidentView) Lasted() time.Duration {
	if i.Firing() {
		return i.Now.Sub(i.Since())
	}
	return i.Until().Sub(i.Since())
}

// Ago is how long ago the incident ended.
func (i incidentView) Ago() time.Duration { return i.Now.Sub(i.Until()) }

func (p *Pager) page(w http.ResponseWriter, _ *http.Request) {
	now := p.Now()
	view := pageView{Now: now, Watchdog: p.watchdog()}
	view.Quiet = time.Duration(view.Watchdog.SilentFor * float64(time.Second))
	if err := p.unstored(); err != nil {
		view.StoreError = err.Error()
	}
	for i, in := range incidents(p.store.all()) {
		switch {
		case in.Firing():
			view.Firing = append(view.Firing, incidentView{in, now})
		case i < maxShown:
			view.Past = append(view.Past, incidentView{in, now})
		default:
			view.Hidden++
		}
	}
	var page bytes.Buffer
	if err := pageTemplate.Execute(&page, view); err != nil {
		p.Log.Error("the page inbox cannot be shown", "error", err)
		webui.Problem(w, http.StatusInternalServerError, "The page could not be made; /api/pages has the same facts.")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = page.WriteTo(w) // the client is gone when this fails
}
