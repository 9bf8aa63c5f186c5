// Package admin serves what operators need and the internet must not reach: metrics, profiles and faults.
package admin

import (
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/farmersmarket/platform/server/faults"
	"github.com/farmersmarket/platform/telemetry"
)

// New builds the admin server, with what more routes add. A nil injector leaves the fault endpoints out.
func New(tel *telemetry.Telemetry, injector *faults.Injector, more ...func(*http.ServeMux)) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", tel.MetricsHandler())
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.Handle("GET /debug/pprof/profile", tel.ProfileHandler())
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	if injector != nil {
		injector.Routes(mux)
	} else {
		mux.HandleFunc("/admin/faults", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "faults are off: start the server with FAULTS=on", http.StatusForbidden)
		})
	}
	for _, add := range more {
		add(mux)
	}
	return &http.Server{
		// A page open in a browser of this machine could reach the port as well, and must not inject faults.
		Handler:           http.NewCrossOriginProtection().Handler(mux),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
}
