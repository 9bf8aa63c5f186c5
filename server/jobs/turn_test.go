package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/internal/testlog"
	"github.com/farmersmarket/platform/server/jobs"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

func traced(t *testing.T, logs io.Writer) (*telemetry.Telemetry, *telemetrytest.Collector) {
	t.Helper()
	collector := telemetrytest.NewCollector(t)
	tel, err := telemetry.Start(telemetry.Config{
		Service: "test", Logs: logs, OTLPEndpoint: collector.Addr, OTLPInsecure: true, SampleRatio: 1, ExportInterval: soon,
	})
	require.NoError(t, err)
	return tel, collector
}

func named(spans []*tracepb.Span, name string) (found []*tracepb.Span) {
	for _, span := range spans {
		if span.GetName() == name {
			found = append(found, span)
		}
	}
	return found
}

func TestARunLinksToATraceOfEachThingItDid(t *testing.T) {
	tel, collector := traced(t, io.Discard)
	runs := make(chan int, 1)
	runs <- 3
	runner := jobs.Start(t.Context(), tel, jobs.Job{Name: "expire-holds", Interval: time.Hour, Run: func(ctx context.Context) (int, error) {
		_, look := tel.TracerProvider().Tracer("test").Start(ctx, "look")
		look.End()
		var n int
		select {
		case n = <-runs:
		default: // there is nothing left to do
			return 0, nil
		}
		for range n {
			ctx, end := jobs.Attend(ctx, "an order")
			_, statement := tel.TracerProvider().Tracer("test").Start(ctx, "statement")
			statement.End()
			end(nil)
		}
		return n, nil
	}})
	defer runner.Stop()
	spans := collector.WaitForSpans(7)
	require.Len(t, spans, 7, "the look for work leaves no span, nor does the run that finds nothing")
	collector.RequireExemplars(tel.MetricsHandler(), "market_job_duration_seconds_bucket")
	run := named(spans, "job expire-holds")
	require.Len(t, run, 1)
	require.Empty(t, run[0].GetParentSpanId(), "it is a root")
	require.Equal(t, "int_value:3", telemetrytest.Attribute(run[0], "job.items"))
	links := map[string]bool{}
	for _, link := range run[0].GetLinks() {
		links[string(link.GetSpanId())] = true
	}
	for i, done := range named(spans, "do expire-holds") {
		require.Empty(t, done.GetParentSpanId())
		require.True(t, links[string(done.GetSpanId())])
		require.Equal(t, done.GetSpanId(), named(spans, "statement")[i].GetParentSpanId())
	}
}

func TestAFailedRunIsInTheTracesTheMetricsAndTheLogs(t *testing.T) {
	for name, test := range map[string]struct {
		run       func() (int, error)
		errorType string
	}{
		"by a panic":                 {func() (int, error) { panic("the horse bolted") }, "internal"},
		"by the database":            {func() (int, error) { return 0, market.ErrUnavailable }, "dependency"},
		"by a bound on time":         {func() (int, error) { return 0, market.ErrTimeout }, "timeout"},
		"by something we overlooked": {func() (int, error) { return 0, errors.New("the horse bolted") }, "internal"},
	} {
		t.Run(name, func(t *testing.T) {
			logs := &testlog.Buffer{}
			tel, collector := traced(t, logs)
			runner := jobs.Start(t.Context(), tel, jobs.Job{
				Name: "audit", Interval: time.Hour, Run: func(context.Context) (int, error) { return test.run() },
			})
			defer runner.Stop()
			span := collector.WaitForSpans(1)[0]
			require.Equal(t, "job audit", span.GetName())
			require.Equal(t, test.errorType, telemetrytest.Attribute(span, "error.type"))
			require.Equal(t, tracepb.Status_STATUS_CODE_ERROR, span.GetStatus().GetCode())
			require.Contains(t, metrics(t, tel), `market_job_duration_seconds_count{error_type="`+test.errorType+`",job_name="audit"} 1`)
			collector.RequireExemplars(tel.MetricsHandler(), `market_job_duration_seconds_bucket{error_type="`+test.errorType+`"`)
			var line map[string]any
			require.Eventually(t, func() bool {
				return json.Unmarshal([]byte(strings.TrimSpace(logs.String())), &line) == nil
			}, patience, soon)
			require.Equal(t, "a background job failed", line["msg"])
			require.Equal(t, test.errorType, line["error.type"])
			require.NotEmpty(t, line["trace_id"])
			if name == "by a panic" {
				require.Contains(t, line["stack"], "turn_test.go")
				require.Contains(t, span.String(), "exception.stacktrace")
			}
		})
	}
}
