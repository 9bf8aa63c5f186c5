package rum_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/propagation"

	"github.com/farmersmarket/platform/server/rum"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// The page's own request has been judged long before: what is kept is kept for the mark on the report.
func TestEachMeasurementLeadsToTheReportWhichMustBeKept(t *testing.T) {
	const page = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for metric, name := range map[string]string{
		catalogue.BrowserLCP.Bucket(): "lcp", catalogue.BrowserINP.Bucket(): "inp", catalogue.BrowserCLS.Bucket(): "cls",
		catalogue.BrowserTTFB.Bucket(): "ttfb", catalogue.BrowserPageLoad.Bucket(): "page_load",
	} {
		t.Run(name, func(t *testing.T) {
			collector := telemetrytest.NewCollector(t)
			tel, err := telemetry.Start(telemetry.Config{
				Service: "test", Logs: io.Discard, OTLPEndpoint: collector.Addr, OTLPInsecure: true, SampleRatio: 1, ExportInterval: time.Millisecond,
			})
			require.NoError(t, err)
			parent := propagation.TraceContext{}.Extract(t.Context(), propagation.MapCarrier{"traceparent": page})
			ctx, request := tel.TracerProvider().Tracer("test").Start(parent, "POST /api/v1/rum")
			rum.New(tel, []string{"shop"}, []string{"/"}).Record(ctx, rum.BrowserReport{
				App: "shop", Traceparent: page, Measurements: []rum.BrowserMeasurement{{Name: name, Value: 1, Page: "/"}},
			})
			request.End()
			collector.RequireExemplars(tel.MetricsHandler(), metric)
			require.Equal(t, page[3:35], fmt.Sprintf("%x", collector.Spans()[0].GetTraceId()))
		})
	}
}
