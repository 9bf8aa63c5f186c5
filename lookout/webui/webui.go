// Package webui is what the pages of lookout share: the style sheet, the script that keeps a page current, the headers
// that confine it, and the words for spans of time.
package webui

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"time"
)

//go:embed assets
var files embed.FS

// AssetsPath is where Assets expects to be mounted.
const AssetsPath = "/assets/"

// policy lets a page load its own style, script and pictures and nothing else: an alert's text that smuggles in markup
// can run nothing and send nothing.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Assets serves the shared files below AssetsPath.
func Assets() http.Handler {
	sub, err := fs.Sub(files, "assets")
	if err != nil {
		panic(fmt.Sprintf("embedded assets: %v", err)) // the folder is part of the program
	}
	server := http.FileServerFS(sub)
	return http.StripPrefix(AssetsPath, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		server.ServeHTTP(w, r)
	}))
}

// Confine adds the security headers of a page to every answer of next.
func Confine(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// Funcs are the template functions of the pages.
func Funcs() template.FuncMap {
	return template.FuncMap{
		"span":  Span,
		"clock": func(t time.Time) string { return t.UTC().Format("15:04:05") },
		"day":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	}
}

// Span writes a duration as people say it, in at most two units: 800 ms, 42 s, 3 min 5 s, 2 h 10 min, 4 d 3 h.
func Span(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	pair := func(large time.Duration, largeName string, small time.Duration, smallName string) string {
		rest := d % large / small
		if rest == 0 {
			return fmt.Sprintf("%d %s", d/large, largeName)
		}
		return fmt.Sprintf("%d %s %d %s", d/large, largeName, rest, smallName)
	}
	const day = 24 * time.Hour
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return pair(time.Minute, "min", time.Second, "s")
	case d < day:
		return pair(time.Hour, "h", time.Minute, "min")
	default:
		return pair(day, "d", time.Hour, "h")
	}
}
