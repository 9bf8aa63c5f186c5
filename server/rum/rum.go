// Package rum takes in what browsers tell of how pages did for real users: web vitals, page loads and errors. A browser
// can be made to say anything, so nothing that it says becomes the name of a series, and none of its sentences
// is kept: somebody may have typed them.
package rum

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// BrowserReport is what one page tells at once. Its rules are those of the API; what breaks one never gets here.
type BrowserReport struct {
	App          string               `json:"app" pattern:"^[a-z][a-z0-9-]*$" maxLength:"40" example:"shop" doc:"The web client."`
	Release      string               `json:"release,omitempty" pattern:"^[A-Za-z0-9._+-]+$" maxLength:"60" example:"1.4.0" doc:"Its release."`
	Traceparent  string               `json:"traceparent,omitempty" pattern:"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$" maxLength:"55" example:"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" doc:"The trace that the page was made in (W3C). Send it as the header, too, where that can be done."`
	Measurements []BrowserMeasurement `json:"measurements,omitempty" nullable:"false" maxItems:"16"`
	Errors       []BrowserError       `json:"errors,omitempty" nullable:"false" maxItems:"8"`
}

// BrowserMeasurement is one measurement of a page.
type BrowserMeasurement struct {
	Name           string  `json:"name" enum:"lcp,inp,cls,ttfb,page_load"`
	Value          float64 `json:"value" minimum:"0" maximum:"3600" example:"1.82" doc:"In seconds; cls has no unit."`
	Rating         string  `json:"rating,omitempty" enum:"good,needs-improvement,poor" doc:"By the thresholds of web.dev."`
	Page           string  `json:"page" maxLength:"100" example:"/products/{id}" doc:"The route template, not the address. What the server does not know is counted as other."`
	NavigationType string  `json:"navigation_type,omitempty" enum:"navigate,reload,back-forward,back-forward-cache,prerender,restore,soft-navigation"`
}

// BrowserError is one thing that went wrong in a page.
type BrowserError struct {
	Kind    string `json:"kind" enum:"exception,unhandled_rejection,resource,reported"`
	Page    string `json:"page" maxLength:"100" example:"/products/{id}" doc:"The route template, not the address."`
	Type    string `json:"type,omitempty" pattern:"^[A-Za-z_$][A-Za-z0-9_.$]*$" maxLength:"60" example:"TypeError" doc:"The name of the error. One that the server does not know is other."`
	Message string `json:"message,omitempty" maxLength:"300" example:"basket is undefined" deprecated:"true" doc:"Not kept: it may repeat what somebody typed. Taken from clients that still send it."`
	Stack   string `json:"stack,omitempty" maxLength:"1000" example:"at addToBasket (/shop.js:1:2345)" doc:"The topmost frames. Kept are the path and the line of the first, and a fingerprint of all."`
}

// Recorder turns reports into metrics, events of the page's trace and log lines. It is safe for concurrent use.
type Recorder struct {
	measurements map[string]*telemetry.TracedHistogram
	errors       *prometheus.CounterVec
	apps, pages  map[string]bool
	logger       *slog.Logger
}

// New makes a recorder that tells these apps and pages apart. All others are one.
func New(tel *telemetry.Telemetry, apps, pages []string) *Recorder {
	r := &Recorder{
		measurements: map[string]*telemetry.TracedHistogram{
			catalogue.VitalLCP:  tel.Metrics.TracedHistogram(catalogue.BrowserLCP),
			catalogue.VitalINP:  tel.Metrics.TracedHistogram(catalogue.BrowserINP),
			catalogue.VitalCLS:  tel.Metrics.TracedHistogram(catalogue.BrowserCLS),
			catalogue.VitalTTFB: tel.Metrics.TracedHistogram(catalogue.BrowserTTFB),
			catalogue.PageLoad:  tel.Metrics.TracedHistogram(catalogue.BrowserPageLoad),
		},
		errors: tel.Metrics.Counter(catalogue.BrowserErrors),
		apps:   setOf(apps), pages: setOf(pages), logger: tel.Logger,
	}
	for app := range r.apps {
		for page := range r.pages {
			for _, kind := range catalogue.BrowserErrorKinds() {
				r.errors.WithLabelValues(app, page, kind)
			}
		}
	}
	return r
}

func setOf(words []string) map[string]bool {
	set := map[string]bool{catalogue.OtherInBrowser: true}
	for _, word := range words {
		set[word] = true
	}
	return set
}

// Record takes in a report that keeps the API's rules.
func (r *Recorder) Record(ctx context.Context, report BrowserReport) {
	app, page := known(r.apps, report.App), joinPage(ctx, report.Traceparent)
	for _, m := range report.Measurements {
		r.measurements[m.Name].WithLabelValues(app, known(r.pages, m.Page)).Observe(page.exemplar, m.Value)
		page.request.AddEvent("browser.web_vital", trace.WithAttributes(m.attributes()...))
	}
	for _, e := range report.Errors {
		r.recordError(page, app, report.Release, e)
	}
}

func (m BrowserMeasurement) attributes() []attribute.KeyValue {
	attributes := []attribute.KeyValue{
		attribute.String("browser.web_vital.name", m.Name), attribute.Float64("browser.web_vital.value", m.Value),
	}
	if m.Rating != "" {
		attributes = append(attributes, attribute.String("browser.web_vital.rating", m.Rating))
	}
	if m.NavigationType != "" {
		attributes = append(attributes, attribute.String("browser.web_vital.navigation_type", m.NavigationType))
	}
	return attributes
}

func (r *Recorder) recordError(p page, app, release string, e BrowserError) {
	template, f := known(r.pages, e.Page), faultOf(e)
	r.errors.WithLabelValues(app, template, e.Kind).Inc()
	p.request.AddEvent("browser.error", trace.WithAttributes(f.attributes()...))
	attrs := []slog.Attr{
		slog.String(catalogue.BrowserAppField, app), slog.String(catalogue.BrowserPageField, template),
		slog.String(catalogue.BrowserReleaseField, release),
	}
	for _, a := range f.attributes() {
		attrs = append(attrs, slog.Any(string(a.Key), a.Value.AsInterface()))
	}
	r.logger.LogAttrs(p.ctx, slog.LevelWarn, "error in a page", attrs...)
}

// known returns the word, or other for one that is not in the set.
func known(set map[string]bool, word string) string {
	if set[word] {
		return word
	}
	return catalogue.OtherInBrowser
}

// page is the page that a request reports on.
type page struct {
	ctx      context.Context //nolint:containedctx // of the page's trace, for the lines of the log
	request  trace.Span      // of the report itself
	exemplar trace.Span      // request, or one that is not recorded where there must be no exemplar
}

// joinPage finds the trace of the page. A browser that sends its report with that trace in the header makes the request a
// part of it, so that an exemplar may point there: whatever the browser says, the trace has the request's own span. A
// trace that is only in the body may be of anybody's making: it is linked and logged, and no more.
func joinPage(ctx context.Context, traceparent string) page {
	p := page{ctx: ctx, request: trace.SpanFromContext(ctx), exemplar: trace.SpanFromContext(context.Background())}
	own := p.request.SpanContext()
	carrier := propagation.MapCarrier{"traceparent": traceparent}
	theirs := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
	switch {
	case !theirs.IsValid():
	case theirs.TraceID() != own.TraceID():
		p.request.AddLink(trace.Link{SpanContext: theirs})
		p.ctx = trace.ContextWithRemoteSpanContext(ctx, theirs)
	default:
		p.exemplar = p.request
	}
	return p
}
