package telemetrytest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	logscollectorpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
)

// logReceiver is the collector's OTLP receiver of logs. It keeps every one.
type logReceiver struct {
	logscollectorpb.UnimplementedLogsServiceServer

	mu     sync.Mutex
	whole  []*logspb.ResourceLogs
	answer *logAnswer
}

type logAnswer struct {
	response *logscollectorpb.ExportLogsServiceResponse
	err      error
}

// Export implements the OTLP log service.
func (r *logReceiver) Export(
	_ context.Context, request *logscollectorpb.ExportLogsServiceRequest,
) (*logscollectorpb.ExportLogsServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if refusal := r.answer; refusal != nil {
		r.answer = nil
		return refusal.response, refusal.err
	}
	r.whole = append(r.whole, request.GetResourceLogs()...)
	return &logscollectorpb.ExportLogsServiceResponse{}, nil
}

// RefuseNextLogs is RefuseNext for logs.
func (c *Collector) RefuseNextLogs(response *logscollectorpb.ExportLogsServiceResponse, err error) {
	c.logs.mu.Lock()
	defer c.logs.mu.Unlock()
	c.logs.answer = &logAnswer{response, err}
}

// ResourceLogs returns the logs that have arrived, with the resources that they came from.
func (c *Collector) ResourceLogs() []*logspb.ResourceLogs {
	c.logs.mu.Lock()
	defer c.logs.mu.Unlock()
	return slices.Clone(c.logs.whole)
}

// Logs returns the log records that have arrived.
func (c *Collector) Logs() []*logspb.LogRecord {
	var records []*logspb.LogRecord
	for _, resource := range c.ResourceLogs() {
		for _, scope := range resource.GetScopeLogs() {
			records = append(records, scope.GetLogRecords()...)
		}
	}
	return records
}

// WaitForLogs returns the log records once at least n have arrived.
func (c *Collector) WaitForLogs(n int) []*logspb.LogRecord {
	c.tb.Helper()
	require.Eventually(c.tb, func() bool { return len(c.Logs()) >= n }, 20*time.Second, 5*time.Millisecond,
		"%d log records should arrive, not %d", n, len(c.Logs()))
	return c.Logs()
}

// LogAttribute returns a log record's attribute as text; empty when it has none of that name.
func LogAttribute(record *logspb.LogRecord, name string) string {
	for _, attribute := range record.GetAttributes() {
		if attribute.GetKey() == name {
			return textOf(attribute.GetValue())
		}
	}
	return ""
}
