package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	logscollectorpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

func exportingLogs(c *telemetry.Config) { c.ExportLogs = true }

func TestALineArrivesAtTheCollectorAsItIsWritten(t *testing.T) {
	for name, path := range map[string]string{
		"of a request that failed":    "/farms/broken",
		"of a request that succeeded": "/farms/7",
	} {
		t.Run(name, func(t *testing.T) {
			s := startService(t, exportingLogs)
			s.send(get(path))
			record := s.collector.WaitForLogs(1)[0]
			line := s.lines("request")[0]
			span := s.collector.WaitForSpans(1)[0]

			require.Equal(t, line["msg"], record.GetBody().GetStringValue())
			require.Equal(t, line["level"], record.GetSeverityText())
			require.Equal(t, line["level"], strings.TrimPrefix(record.GetSeverityNumber().String(), "SEVERITY_NUMBER_"))
			require.Equal(t, span.GetTraceId(), record.GetTraceId())
			require.Equal(t, span.GetSpanId(), record.GetSpanId())
			require.Equal(t, line["trace_id"], fmt.Sprintf("%x", record.GetTraceId()))
			require.Contains(t, s.collector.ResourceLogs()[0].GetResource().String(), "service.name")
			for _, elsewhere := range []string{"time", "level", "msg", "trace_id", "span_id", "service"} {
				delete(line, elsewhere)
			}
			for name, value := range line {
				text := fmt.Sprint(value)
				require.Contains(t, []string{text, "int_value:" + text, "double_value:" + text}, telemetrytest.LogAttribute(record, name), name)
			}
			require.Len(t, record.GetAttributes(), len(line))
		})
	}
}

func TestALineBelowTheLevelGoesNowhere(t *testing.T) {
	s := startService(t, exportingLogs)
	s.tel.Logger.Debug("too quiet")
	s.tel.Logger.Info("loud enough")
	require.Len(t, s.collector.WaitForLogs(1), 1)
	require.NotContains(t, s.logs.String(), "too quiet")
}

func TestLogsStayHereUnlessTheyAreToBeExported(t *testing.T) {
	s := startService(t, nil)
	s.send(get("/farms/7"))
	s.collector.WaitForSpans(1)
	s.lines("request")
	require.Empty(t, s.collector.Logs())
}

func TestLogsWithoutACollectorAreRefused(t *testing.T) {
	_, err := telemetry.Start(telemetry.Config{Service: "test", ExportLogs: true})
	require.ErrorContains(t, err, "ExportLogs needs an OTLPEndpoint")
}

func TestWithTheCollectorAwayLinesWaitAndWhatIsDroppedIsCounted(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.ExportLogs, c.LogQueue = true, 8 })
	s.collector.Stop()
	const lines = 1000 // more than a batch
	for i := range lines {
		s.tel.Logger.Info("ploughed", "check", i)
	}
	require.Equal(t, "log lines", s.lines("collector unreachable")[0]["signal"])
	dropped := s.counter("otel_sdk_processor_log_processed_total", "queue_full")
	queued := s.counter("otel_sdk_processor_log_processed_total", "")
	require.Positive(t, dropped, "a full queue drops")
	require.Equal(t, lines, int(dropped+queued), "every line is counted, and what the queue says of itself is none of them")

	s.collector.Start()
	require.InDelta(t, dropped, s.lines("collector reachable again")[0]["log_lines_dropped"], 0)
	require.Len(t, s.collector.WaitForLogs(int(queued)), int(queued))
	require.Eventually(t, func() bool {
		return s.counter("otel_sdk_exporter_log_exported_total", "") == queued
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, 1, strings.Count(s.logs.String(), "collector unreachable"), "one line, not a flood")
	require.Len(t, s.lines("ploughed"), lines, "all of them are written here")
}

func TestLinesThatAreRefusedForGoodHoldUpNoOther(t *testing.T) {
	for name, refuse := range map[string]struct {
		response *logscollectorpb.ExportLogsServiceResponse
		err      error
	}{
		"they are malformed":         {err: status.Error(codes.InvalidArgument, "no body")},
		"the collector takes no log": {err: status.Error(codes.Unimplemented, "unknown service opentelemetry.proto.collector.logs.v1.LogsService")},
		"a part of them is refused":  {response: &logscollectorpb.ExportLogsServiceResponse{PartialSuccess: &logscollectorpb.ExportLogsPartialSuccess{RejectedLogRecords: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := startService(t, exportingLogs)
			s.collector.RefuseNextLogs(refuse.response, refuse.err)
			s.tel.Logger.Info("first")
			s.lines("collector refuses what it is sent")
			require.InDelta(t, 1, s.counter("otel_sdk_exporter_log_exported_total", "rejected"), 0)
			s.tel.Logger.Info("second")
			records := s.collector.WaitForLogs(1)
			require.Equal(t, "second", records[0].GetBody().GetStringValue())
			require.InDelta(t, 1, s.lines("collector reachable again")[0]["log_lines_dropped"], 0)
		})
	}
}

func TestABatchThatIsTooLargeGoesInParts(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.ExportLogs, c.ExportInterval = true, time.Hour })
	const lines, size = 100, 100 << 10 // together more than the 4 MiB that gRPC takes
	for range lines {
		s.tel.Logger.Info("a long story", "error", strings.Repeat("x ", size/2))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, s.tel.Shutdown(ctx))
	require.Len(t, s.collector.Logs(), lines)
	require.Zero(t, s.counter("otel_sdk_exporter_log_exported_total", "rejected"))
}

func TestEveryLineArrivesBeforeTheEnd(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.ExportLogs, c.ExportInterval = true, time.Hour })
	const lines = 700 // more than one batch
	for range lines {
		s.tel.Logger.Info("ploughed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, s.tel.Shutdown(ctx))
	require.Len(t, s.collector.Logs(), lines)
	require.Len(t, s.lines("ploughed"), lines)
}

func TestTheEndSaysHowManyLinesWereLost(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.ExportLogs, c.ExportInterval = true, time.Hour })
	s.collector.Stop()
	for range 3 {
		s.tel.Logger.Info("ploughed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, s.tel.Shutdown(ctx), "3 log lines were not sent")
	last := s.lines("telemetry was lost at the end")[0]
	require.Contains(t, last["error"], "3 log lines were not sent")
	require.EqualValues(t, 3, last["log_lines_dropped"])
}

func TestSecretsAreTakenOutOfLinesAndRecords(t *testing.T) {
	const secret = "hunter2"
	for name, log := range map[string]func(*slog.Logger){
		"in a message":          func(l *slog.Logger) { l.Info("dial redis://:hunter2@db") },
		"in a field":            func(l *slog.Logger) { l.Info("x", "error", `{"password":"hunter2"}`) },
		"under a telling name":  func(l *slog.Logger) { l.Info("x", "refresh_token", secret) },
		"in an error":           func(l *slog.Logger) { l.Info("x", "error", errors.New("password=hunter2")) },
		"in a struct":           func(l *slog.Logger) { l.Info("x", "found", struct{ Password string }{secret}) },
		"in a list":             func(l *slog.Logger) { l.Info("x", "applied", []string{"token=hunter2"}) },
		"in a group":            func(l *slog.Logger) { l.Info("x", slog.Group("g", "cookie", secret)) },
		"in a group of its own": func(l *slog.Logger) { l.WithGroup("g").Info("x", "secret", secret) },
		"in a logger's fields":  func(l *slog.Logger) { l.With("password", secret).Info("x") },
		"in bytes":              func(l *slog.Logger) { l.Info("x", "cookie", []byte(secret)) },
		"in a value that hides": func(l *slog.Logger) { l.Info("x", "found", hidden{}) },
	} {
		t.Run(name, func(t *testing.T) {
			s := startService(t, exportingLogs)
			log(s.tel.Logger)
			record := s.collector.WaitForLogs(1)[0].String()
			require.NotContains(t, record, secret)
			require.Contains(t, record, "REDACTED")
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			require.NoError(t, s.tel.Shutdown(ctx))
			require.NotContains(t, s.logs.String(), secret)
			require.NotContains(t, s.logs.String(), "aHVudGVyMg", "nor as base64")
			require.Contains(t, s.logs.String(), "REDACTED")
			for line := range strings.Lines(s.logs.String()) {
				require.True(t, json.Valid([]byte(line)), line)
			}
		})
	}
}

type hidden struct{}

func (hidden) LogValue() slog.Value { return slog.StringValue("Bearer hunter2hunter2") }
