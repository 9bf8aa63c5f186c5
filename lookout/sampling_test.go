package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/farmersmarket/platform/internal/testlog"
	"github.com/farmersmarket/platform/lookout/process"
	"github.com/farmersmarket/platform/lookout/stack"
	"github.com/farmersmarket/platform/lookout/upstream"
	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// sampledService is the service that the test's traces come from.
const sampledService = "sampled"

// decider is a real program, with the committed configuration, that decides which traces are kept.
type decider struct {
	otlp   string                 // where it takes spans
	spans  func(trace []byte) int // how many spans of a trace it kept
	traces func() int             // how many traces it kept
	gaveUp func() int             // how many it decided not to keep, or not to keep yet
	stop   func()                 // asks it to end, and waits

	remembersOne bool // the last trace that it gave up: of that one it keeps nothing until it gives up another
}

// decidesWhichTracesAreKept asks Jaeger, which takes OTLP itself in the embedded mode, and the Collector of the Docker stack.
func (b built) decidesWhichTracesAreKept(t *testing.T) {
	deciders := map[string]func(t *testing.T, share, wait string) decider{
		"Jaeger": b.startJaeger, "the Collector": startCollector,
	}
	for name, start := range deciders {
		t.Run(name+" keeps what is remarkable", func(t *testing.T) {
			keepsTheRemarkable(t, start(t, "0", "5s")) // ample for sending all of it
		})
		t.Run(name+" keeps what is remarkable of a trace that it has given up", func(t *testing.T) {
			keepsTheRemarkableThatIsLate(t, start(t, "0", "1s"))
		})
		t.Run(name+" keeps a share of the rest", func(t *testing.T) {
			keepsAShare(t, start(t, "10", "1s"))
		})
	}
	t.Run("the Collector has sent on what is remarkable before it is stopped", func(t *testing.T) {
		d := startCollector(t, "0", "1h")
		failed := span(newTrace(), 2, time.Millisecond)
		failed.ParentSpanId = spanID(1) // the request itself is still running
		failed.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR}
		d.send(t, failed)
		d.stop()
		require.Equal(t, 1, d.spans(failed.GetTraceId()))
	})
}

func keepsTheRemarkable(t *testing.T, d decider) {
	t.Helper()
	failure := &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR}
	tests := map[string]struct {
		change func(request, statement *tracepb.Span)
		kept   bool
	}{
		"a request that failed":                     {func(r, _ *tracepb.Span) { r.Status = failure }, true},
		"a statement that failed in a good request": {func(_, s *tracepb.Span) { s.Status = failure }, true},
		"half a second":                             {func(r, _ *tracepb.Span) { lasts(r, 500*time.Millisecond) }, true},
		"a request that a histogram points to":      {func(r, _ *tracepb.Span) { setFlag(r, catalogue.Exemplar, true) }, true},
		"a fault that was injected":                 {func(r, _ *tracepb.Span) { setText(r, catalogue.FaultInjected, "latency") }, true},
		"nothing remarkable":                        {func(_, _ *tracepb.Span) {}, false},
		"a little less than half a second":          {func(r, _ *tracepb.Span) { lasts(r, 498*time.Millisecond) }, false},
		"a request that no histogram points to":     {func(r, _ *tracepb.Span) { setFlag(r, catalogue.Exemplar, false) }, false},
		"a request that was refused":                {func(r, _ *tracepb.Span) { setText(r, "error.type", "auth") }, false},
	}
	traces := map[string][]byte{}
	var requests []*tracepb.Span
	for name, test := range tests {
		id := newTrace()
		request, statement := span(id, 1, 20*time.Millisecond), span(id, 2, time.Millisecond)
		statement.ParentSpanId = request.GetSpanId()
		test.change(request, statement)
		traces[name] = id
		d.send(t, statement) // what ends first comes first
		requests = append(requests, request)
	}
	d.send(t, requests...)
	givenUp := 0
	for _, test := range tests {
		if !test.kept {
			givenUp++
		}
	}
	require.Eventually(t, func() bool { return d.gaveUp() >= givenUp }, soon, 50*time.Millisecond)
	for name, test := range tests {
		if test.kept {
			require.Eventually(t, func() bool { return d.spans(traces[name]) == 2 }, soon, 50*time.Millisecond, "%s is kept whole", name)
		}
	}
	for name, test := range tests {
		if test.kept {
			d.send(t, span(traces[name], 3, time.Millisecond))
			require.Eventually(t, func() bool { return d.spans(traces[name]) == 3 }, soon, 50*time.Millisecond,
				"%s: what comes after the decision is kept, too", name)
		} else {
			require.Zero(t, d.spans(traces[name]), "%s is not kept", name)
		}
	}
}

// keepsTheRemarkableThatIsLate sends what joins a trace long after it began: the report of a page that has been looked at for
// a while, and the calls that it made.
func keepsTheRemarkableThatIsLate(t *testing.T, d decider) {
	t.Helper()
	tests := map[string]struct {
		change func(late *tracepb.Span)
		kept   bool
	}{
		"a report that a histogram points to": {func(s *tracepb.Span) { setFlag(s, catalogue.Exemplar, true) }, true},
		"a call that failed":                  {func(s *tracepb.Span) { s.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR} }, true},
		"a call of half a second":             {func(s *tracepb.Span) { lasts(s, 500*time.Millisecond) }, true},
		"a call with nothing remarkable":      {func(*tracepb.Span) {}, false},
	}
	given := 0
	giveUp := func(spans ...*tracepb.Span) {
		d.send(t, spans...)
		given += len(spans)
		require.Eventually(t, func() bool { return d.gaveUp() >= given }, soon, 50*time.Millisecond)
	}
	traces := map[string][]byte{}
	var pages []*tracepb.Span
	for name := range tests {
		traces[name] = newTrace()
		pages = append(pages, span(traces[name], 1, time.Millisecond))
	}
	giveUp(pages...)
	if d.remembersOne {
		giveUp(span(newTrace(), 1, time.Millisecond))
	}
	for name, test := range tests {
		late := span(traces[name], 2, time.Millisecond)
		late.ParentSpanId = spanID(1)
		test.change(late)
		if !test.kept {
			giveUp(late)
			require.Zero(t, d.spans(traces[name]), "%s is not kept", name)
			continue
		}
		d.send(t, late)
		require.Eventually(t, func() bool { return d.spans(traces[name]) == 1 }, soon, 50*time.Millisecond, "%s is kept", name)
		d.send(t, span(traces[name], 3, time.Millisecond))
		require.Eventually(t, func() bool { return d.spans(traces[name]) == 2 }, soon, 50*time.Millisecond,
			"%s: what follows is kept, too", name)
	}
}

// keepsAShare sends 1,000 traces. Of them 100 are kept on average, with a standard deviation of 9.5.
func keepsAShare(t *testing.T, d decider) {
	t.Helper()
	for range 10 {
		var spans []*tracepb.Span
		for range 100 {
			spans = append(spans, span(newTrace(), 1, time.Millisecond))
		}
		d.send(t, spans...)
	}
	require.Eventually(t, func() bool { return d.traces() > 0 }, soon, 50*time.Millisecond)
	// Decided after those above.
	last := span(newTrace(), 1, time.Second)
	d.send(t, last)
	require.Eventually(t, func() bool { return d.spans(last.GetTraceId()) == 1 }, soon, 50*time.Millisecond)
	kept := d.traces() - 1
	t.Logf("%d of 1,000 kept", kept)
	require.InDelta(t, 100, kept, 55)
}

func (b built) startJaeger(t *testing.T, share, wait string) decider {
	t.Helper()
	u := b.startUp(t, func(cmd *exec.Cmd) { cmd.Env = append(os.Environ(), "SAMPLING_WAIT="+wait) },
		"--no-build", "--without", "server,pager,prometheus,alertmanager", "--sampling-share", share)
	u.ready(t)
	query := func(path string) (traces []struct{ Spans []json.RawMessage }) {
		var answer struct {
			Data []struct{ Spans []json.RawMessage }
		}
		require.NoError(t, json.Unmarshal([]byte(get(t, u.ports.URL(stack.PortJaeger)+path)), &answer))
		return answer.Data
	}
	return decider{
		otlp: u.ports.Address(stack.PortOTLPGRPC),
		spans: func(trace []byte) (n int) {
			for _, t := range query("/api/traces/" + hex.EncodeToString(trace)) {
				n += len(t.Spans)
			}
			return n
		},
		traces: func() int { return len(query("/api/traces?limit=2000&service=" + sampledService)) },
		gaveUp: func() int { return tracesGivenUp(t, u.ports.URL(stack.PortJaegerStats)) },

		remembersOne: true,
	}
}

// tracesGivenUp reads how many traces were not kept, by the metrics of who decided it.
func tracesGivenUp(t *testing.T, url string) int {
	t.Helper()
	count := regexp.MustCompile(`(?m)^otelcol_processor_tail_sampling_global_count_traces_sampled(?:_total)?\{.*sampled="false".*} (\d+)$`)
	found := count.FindStringSubmatch(get(t, url+"/metrics"))
	if found == nil {
		return 0 // none yet
	}
	n, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	return n
}

// startCollector starts the Collector with the files of the Docker stack. What it keeps goes to a receiver of the test's in
// Jaeger's place.
func startCollector(t *testing.T, share, wait string) decider {
	t.Helper()
	root, err := stack.FindRepository()
	require.NoError(t, err)
	found := ensure(t, root, "otelcol-contrib")
	jaeger := telemetrytest.NewCollector(t)
	otlp, health := freeAddress(t), freeAddress(t)
	_, metricsPort, err := net.SplitHostPort(freeAddress(t))
	require.NoError(t, err)
	here := filepath.Join(t.TempDir(), "here.yaml")
	require.NoError(t, os.WriteFile(here, fmt.Appendf(nil, `
receivers: {otlp: {protocols: {grpc: {endpoint: %q}, http: {endpoint: %q}}}}
exporters: {otlp_grpc/jaeger: {endpoint: %q}}
extensions: {health_check: {endpoint: %q}}
service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %s}}}}]}}}
`, otlp, freeAddress(t), jaeger.Addr, health, metricsPort), 0o600))

	output := &testlog.Buffer{}
	files := filepath.Join(root, "compose", "collector")
	collector := exec.Command(found.Path, "--config", filepath.Join(files, "config.yaml"),
		"--config", filepath.Join(files, "sampling.yaml"), "--config", here)
	collector.Env = append(os.Environ(), "SAMPLING_SHARE="+share, "SAMPLING_WAIT="+wait)
	collector.Stdout, collector.Stderr = output, output
	require.NoError(t, collector.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = collector.Wait() // killed at the end
	}()
	t.Cleanup(func() {
		_ = collector.Process.Kill() // it may have ended
		<-ended
		if t.Failed() {
			t.Log(output.String())
		}
	})
	require.Eventually(t, func() bool {
		response, err := http.Get("http://" + health)
		return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
	}, soon, 20*time.Millisecond, "the Collector does not start:\n%s", output)

	return decider{
		otlp: otlp,
		spans: func(trace []byte) (n int) {
			for _, s := range jaeger.Spans() {
				if bytes.Equal(s.GetTraceId(), trace) {
					n++
				}
			}
			return n
		},
		traces: func() int {
			seen := map[string]bool{}
			for _, s := range jaeger.Spans() {
				seen[string(s.GetTraceId())] = true
			}
			return len(seen)
		},
		gaveUp: func() int { return tracesGivenUp(t, "http://127.0.0.1:"+metricsPort) },
		stop: func() {
			require.NoError(t, collector.Process.Signal(syscall.SIGTERM))
			<-ended
		},
	}
}

func (d decider) send(t *testing.T, spans ...*tracepb.Span) {
	t.Helper()
	connection, err := grpc.NewClient(d.otlp, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close()) }()
	service := &commonpb.KeyValue{Key: "service.name", Value: text(sampledService)}
	_, err = collectorpb.NewTraceServiceClient(connection).Export(t.Context(), &collectorpb.ExportTraceServiceRequest{
		ResourceSpans: []*tracepb.ResourceSpans{{
			Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{service}},
			ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}},
		}},
	})
	require.NoError(t, err)
}

func span(trace []byte, number uint64, duration time.Duration) *tracepb.Span {
	s := &tracepb.Span{
		TraceId: trace, SpanId: spanID(number), Name: "GET /api/v1/products", Kind: tracepb.Span_SPAN_KIND_SERVER,
		StartTimeUnixNano: uint64(time.Now().UnixNano()),
	}
	lasts(s, duration)
	return s
}

func spanID(number uint64) []byte { return binary.BigEndian.AppendUint64(nil, number) }

func lasts(s *tracepb.Span, duration time.Duration) {
	s.EndTimeUnixNano = s.GetStartTimeUnixNano() + uint64(duration)
}

func setText(s *tracepb.Span, key, value string) {
	s.Attributes = append(s.Attributes, &commonpb.KeyValue{Key: key, Value: text(value)})
}

func setFlag(s *tracepb.Span, key string, value bool) {
	s.Attributes = append(s.Attributes, &commonpb.KeyValue{
		Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: value}},
	})
}

func text(value string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}
}

// newTrace returns a random trace id, as the service makes them.
func newTrace() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, rand.Uint64()), rand.Uint64())
}

// freeAddress returns an address that is free, below those that Linux hands out to connections.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		if port := 10000 + rand.IntN(20000); !taken(port) {
			return "127.0.0.1:" + strconv.Itoa(port)
		}
	}
	t.Fatal("no free port")
	return ""
}

// ensure finds an upstream program, or builds it.
func ensure(t *testing.T, root, name string) upstream.Found {
	t.Helper()
	builder := upstream.Builder{Root: root, BinDir: filepath.Join(root, ".bin"), Starter: process.NewStarter()}
	defer builder.Starter.Close()
	wanted, err := upstream.Lookup(name)
	require.NoError(t, err)
	found, err := builder.Ensure(t.Context(), wanted, func() { t.Logf("%s: %s", name, wanted.Expectation()) })
	require.NoError(t, err)
	return found
}
