package home

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"

	"github.com/farmersmarket/platform/lookout/webui"
)

//go:embed home.css templates/*.html
var pageFiles embed.FS

var templates = template.Must(template.New("").Funcs(webui.Funcs()).Funcs(template.FuncMap{
	"precise":  precise,
	"restarts": func(n int) string { return count(n, "restart", "restarts") },
}).ParseFS(pageFiles, "templates/*.html"))

// render makes the whole page before it answers, so that a page is never half.
func (s *site) render(w http.ResponseWriter, status int, name string, view any) {
	var page bytes.Buffer
	if err := templates.ExecuteTemplate(&page, name, view); err != nil {
		s.Log.Error("a page cannot be made", "page", name, "error", err)
		webui.Problem(w, http.StatusInternalServerError, "The page cannot be made: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w) // the client is gone when this fails
}

type messageView struct{ Title, Text string }

func (s *site) fail(w http.ResponseWriter, status int, title string, err error) {
	s.Log.Warn("a page cannot be shown", "title", title, "error", err)
	s.render(w, status, "message.html", messageView{Title: title, Text: err.Error() + "."})
}

func (s *site) notFound(w http.ResponseWriter, r *http.Request) {
	s.render(w, http.StatusNotFound, "message.html", messageView{
		Title: "There is no such page", Text: fmt.Sprintf("Nothing is at %s.", r.URL.Path),
	})
}

// trace shows one trace as a waterfall.
func (s *site) trace(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	switch {
	case !traceIDPattern.MatchString(id):
		s.render(w, http.StatusNotFound, "message.html", messageView{
			Title: "That is no trace id", Text: fmt.Sprintf("%q is not up to 32 hexadecimal digits.", id),
		})
		return
	case s.JaegerURL == "":
		s.render(w, http.StatusNotFound, "message.html", messageView{
			Title: "There is no trace store", Text: "This home page was started without the address of Jaeger.",
		})
		return
	}
	found, err := oneTrace(r.Context(), s.Client, s.JaegerURL, id)
	switch {
	case errors.Is(err, errNotFound):
		s.render(w, http.StatusNotFound, "message.html", messageView{
			Title: "Jaeger does not have this trace",
			Text: "Trace " + id + " was not sampled, has not arrived yet (it takes a few seconds), or is old: Jaeger keeps a " +
				"bounded number of traces, and loses them when it restarts.",
		})
	case err != nil:
		s.fail(w, http.StatusBadGateway, "The trace cannot be shown", err)
	default:
		s.render(w, http.StatusOK, "trace.html", newWaterfall(found))
	}
}
