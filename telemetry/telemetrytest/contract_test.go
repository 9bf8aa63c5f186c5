package telemetrytest_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

var bread = catalogue.Attribute{Name: "bread", Type: catalogue.Text, Help: "Kind of bread", Values: []string{"rye", "spelt"}}

// bakery is a catalogue that what follows is held to.
var bakery = catalogue.Catalogue{
	Metrics: []catalogue.Metric{{
		Name: "loaves_sold_total", Type: catalogue.Counter, Help: "Number of loaves sold.",
		Labels: []catalogue.Label{
			{Name: "bread", Help: "Kind of bread", Values: bread.Values},
			{Name: "shop", Help: "Shop", Bound: "the shops of the bakery"},
		},
	}, {
		Name: "oven_info", Type: catalogue.Gauge, Help: "The oven.",
		Labels: []catalogue.Label{{Name: "size", Bound: "one per oven", Within: func(value string) bool { return value == "3" }}},
	}, {
		Name: "baking_minutes", Type: catalogue.Histogram, Help: "Time in the oven.", Buckets: []float64{60, 120},
	}},
	Spans: []catalogue.Span{{
		Name: "bake {bread}", Kind: catalogue.InternalSpan, Always: []catalogue.Attribute{bread},
		Events: []catalogue.Event{{Name: "risen", Always: []catalogue.Attribute{{Name: "minutes", Type: catalogue.Integer}}}},
		Links:  "the order",
	}},
	Lines: []catalogue.Line{{
		Message: "sold", Levels: []slog.Level{slog.LevelInfo, slog.LevelWarn}, Always: []catalogue.Attribute{bread},
		Sometimes: []catalogue.Attribute{{Name: "left", Type: catalogue.Integer}},
	}},
	Resource: []catalogue.Attribute{{Name: "service.name", Type: catalogue.Text}},
}

// seen is what the bakery emitted; each test spoils a part of it.
type seen struct {
	page   string
	baking string // the rest of the page
	span   *tracepb.Span
	lines  string
	record *logspb.LogRecord
	about  *resourcepb.Resource // the records
}

func text(name, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: name, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

func integer(name string, value int64) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: name, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: value}}}
}

const (
	head      = "# HELP loaves_sold_total Number of loaves sold.\n# TYPE loaves_sold_total counter\n"
	soldLine  = `{"time":"2026-11-20T12:00:00Z","level":"INFO","msg":"sold","service":"bakery","bread":"rye","left":3}` + "\n"
	otherLine = `{"time":"2026-11-20T12:00:00Z","level":"WARN","msg":"sold","service":"bakery","bread":"spelt","trace_id":"a","span_id":"b"}` + "\n"
)

// bakingTimes is a histogram of one time, with buckets up to the bounds.
func bakingTimes(bounds ...string) string {
	lines := "# HELP baking_minutes Time in the oven.\n# TYPE baking_minutes histogram\n"
	for _, bound := range append(bounds, "+Inf") {
		lines += `baking_minutes_bucket{le="` + bound + `"} 1` + "\n"
	}
	return lines + "baking_minutes_sum 30\nbaking_minutes_count 1\n"
}

func asDeclared() *seen {
	return &seen{
		page:   head + `loaves_sold_total{bread="rye",shop="north"} 1` + "\n" + `loaves_sold_total{bread="spelt",shop="south"} 2` + "\n",
		baking: bakingTimes("60", "120") + "# HELP oven_info The oven.\n# TYPE oven_info gauge\n" + `oven_info{size="3"} 1` + "\n",
		span: &tracepb.Span{
			Name: "bake rye", Kind: tracepb.Span_SPAN_KIND_INTERNAL, Attributes: []*commonpb.KeyValue{text("bread", "rye")},
			Events: []*tracepb.Span_Event{{Name: "risen", Attributes: []*commonpb.KeyValue{integer("minutes", 90)}}},
			Links:  []*tracepb.Span_Link{{}},
		},
		lines: soldLine + otherLine,
		record: &logspb.LogRecord{
			TimeUnixNano: 1, SeverityText: "INFO", SeverityNumber: logspb.SeverityNumber_SEVERITY_NUMBER_INFO,
			Body:       &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: "sold"}},
			Attributes: []*commonpb.KeyValue{text("bread", "rye"), integer("left", 3)},
		},
		about: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", "bakery")}},
	}
}

func (s *seen) by(t *testing.T, declared catalogue.Catalogue) *telemetrytest.Contract {
	t.Helper()
	contract := telemetrytest.NewContract(declared, nil, telemetrytest.Bounds{"shop": telemetrytest.OneOf("north", "south")})
	require.NoError(t, contract.SeeMetrics(s.page+s.baking))
	contract.SeeSpans([]*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", "bakery")}},
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{s.span}}},
	}})
	contract.SeeLogs(s.lines)
	warning := &logspb.LogRecord{
		TimeUnixNano: 1, SeverityText: "WARN", SeverityNumber: logspb.SeverityNumber_SEVERITY_NUMBER_WARN, Body: s.record.GetBody(),
		Attributes: []*commonpb.KeyValue{text("bread", "spelt")},
	}
	contract.SeeLogRecords([]*logspb.ResourceLogs{{
		Resource: s.about, ScopeLogs: []*logspb.ScopeLogs{{LogRecords: []*logspb.LogRecord{s.record, warning}}},
	}})
	return contract
}

func TestWhatIsEmittedAsDeclaredBreaksNoContract(t *testing.T) {
	contract := asDeclared().by(t, bakery)
	require.Empty(t, contract.Undeclared())
	require.Empty(t, contract.Missing())
}

func TestWhatIsNotDeclaredIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*seen)
		want  string
	}{
		"a metric": {func(s *seen) { s.page += "# TYPE till gauge\ntill 1\n" }, "metric till is not declared"},
		"a value of a label": {
			func(s *seen) { s.page += `loaves_sold_total{bread="cake",shop="north"} 1` + "\n" }, `metric loaves_sold_total has bread="cake", which is not declared`,
		},
		"a value out of the bounds of a label": {
			func(s *seen) { s.page += `loaves_sold_total{bread="rye",shop="elsewhere"} 1` + "\n" }, `metric loaves_sold_total has shop="elsewhere", which is not declared`,
		},
		"a value that is not within what the declaration says": {
			func(s *seen) { s.baking += `oven_info{size="big"} 1` + "\n" },
			`metric oven_info has size="big", which is not declared`,
		},
		"a label": {
			func(s *seen) { s.page += `loaves_sold_total{bread="rye",till="1"} 1` + "\n" }, "metric loaves_sold_total has the label till, which is not declared",
		},
		"a span": {func(s *seen) { s.span.Name = "knead" }, `internal span "knead" is not declared`},
		"a span whose name is of other attributes than its own": {
			func(s *seen) { s.span.Name = "bake spelt" }, `internal span "bake spelt" is not declared`,
		},
		"a span without what its name is made of": {
			func(s *seen) { s.span.Attributes = nil }, `internal span "bake rye" is not declared`,
		},
		"a bucket": {
			func(s *seen) { s.baking = bakingTimes("60", "90", "120") }, "metric baking_minutes has the buckets [60 90 120], declared [60 120]",
		},
		"a histogram without one of its buckets": {
			func(s *seen) { s.baking = bakingTimes("60") }, "metric baking_minutes has the buckets [60], declared [60 120]",
		},
		"an attribute of another type": {
			func(s *seen) { s.span.Events[0].Attributes[0] = text("minutes", "90") },
			`internal span "bake rye": event "risen": minutes is of type text, declared as integer`,
		},
		"an event":              {func(s *seen) { s.span.Events[0].Name = "burnt" }, `internal span "bake rye": the event "burnt" is not declared`},
		"an event without some": {func(s *seen) { s.span.Events[0].Attributes = nil }, `internal span "bake rye": event "risen": minutes is not there`},
		"an attribute of a link": {
			func(s *seen) { s.span.Links[0].Attributes = []*commonpb.KeyValue{text("of", "x")} },
			`internal span "bake rye": its links are not declared to have attributes`,
		},
		"a line": {func(s *seen) { s.lines += `{"time":"t","level":"INFO","msg":"burnt","service":"bakery"}` + "\n" }, `log line "burnt" is not declared`},
		"a line with a field too many": {
			func(s *seen) {
				s.lines += `{"time":"t","level":"INFO","msg":"sold","service":"bakery","bread":"rye","buyer":"x"}` + "\n"
			},
			`log line "sold": field buyer is not declared`,
		},
		"a line that lacks a field": {
			func(s *seen) { s.lines += `{"time":"t","level":"INFO","msg":"sold","service":"bakery"}` + "\n" }, `log line "sold": field bread is not there`,
		},
		"a line that lacks what every line has": {
			func(s *seen) { s.lines += `{"time":"t","level":"INFO","msg":"sold","bread":"rye"}` + "\n" }, `log line "sold": field service is not there`,
		},
		"a line of another level": {
			func(s *seen) {
				s.lines += `{"time":"t","level":"ERROR","msg":"sold","service":"bakery","bread":"rye"}` + "\n"
			},
			`log line "sold": its level is ERROR, declared [INFO WARN]`,
		},
		"a line that is no JSON": {func(s *seen) { s.lines += "burnt\n" }, `a log line is no JSON object: "burnt"`},
		"an exported line": {
			func(s *seen) {
				s.record.Body = &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: "burnt"}}
			}, `exported log line "burnt" is not declared`,
		},
		"an exported field of another type": {
			func(s *seen) { s.record.Attributes[1] = text("left", "3") }, `exported log line "sold": field left is 3, declared as integer`,
		},
		"an exported line of a severity that is not its level's": {
			func(s *seen) { s.record.SeverityNumber = logspb.SeverityNumber_SEVERITY_NUMBER_ERROR },
			`exported log line "sold": its severity is "INFO" and SEVERITY_NUMBER_ERROR`,
		},
		"a resource of exported lines": {
			func(s *seen) { s.about.Attributes = append(s.about.Attributes, text("host.name", "x")) }, "resource attribute host.name is not declared",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := asDeclared()
			c.spoil(s)
			require.Contains(t, s.by(t, bakery).Undeclared(), c.want)
		})
	}
}

func TestWhatIsDeclaredAndNotSeenIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*seen)
		want  string
	}{
		"a metric": {func(s *seen) { s.page = "" }, "metric loaves_sold_total"},
		"a value of which there is only a series at 0": {
			func(s *seen) {
				s.page = head + `loaves_sold_total{bread="rye",shop="north"} 1` + "\n" + `loaves_sold_total{bread="spelt",shop="north"} 0` + "\n"
			}, `loaves_sold_total{bread="spelt"}`,
		},
		"an event":                       {func(s *seen) { s.span.Events = nil }, `event "risen" of span "bake {bread}"`},
		"links":                          {func(s *seen) { s.span.Links = nil }, `links of span "bake {bread}"`},
		"a line":                         {func(s *seen) { s.lines = "" }, `log line "sold"`},
		"a level":                        {func(s *seen) { s.lines = soldLine }, `level WARN of log line "sold"`},
		"a field":                        {func(s *seen) { s.lines = otherLine }, `field left of log line "sold"`},
		"a field of exported lines":      {func(s *seen) { s.record.Attributes = s.record.GetAttributes()[:1] }, `field left of exported log line "sold"`},
		"the resource of exported lines": {func(s *seen) { s.about = nil }, "resource attribute service.name of exported log lines"},
	} {
		t.Run(name, func(t *testing.T) {
			s := asDeclared()
			c.spoil(s)
			require.Contains(t, s.by(t, bakery).Missing(), c.want)
		})
	}
}

func TestADeclarationSaysWhatBoundsEachLabel(t *testing.T) {
	open := bakery
	open.Metrics = []catalogue.Metric{{Name: "loaves", Type: catalogue.Gauge, Labels: []catalogue.Label{{Name: "buyer"}}}}
	require.Contains(t, telemetrytest.NewContract(open, nil, nil).Undeclared(),
		"label buyer of metric loaves is declared neither with its values nor with what bounds them, or with both")
}

func TestADeclarationOrTheTestSaysWhichValuesABoundHas(t *testing.T) {
	require.Contains(t, telemetrytest.NewContract(bakery, nil, nil).Undeclared(),
		`label shop of metric loaves_sold_total: nobody says which values are within "the shops of the bakery": give the contract its Bounds`)
}

// failures is a test that only notes why it fails.
type failures struct {
	testing.TB

	said []string
}

func (*failures) Helper() {}

func (f *failures) Errorf(format string, args ...any) {
	f.said = append(f.said, fmt.Sprintf(format, args...))
}

func TestWhatIsExcusedHasToBeTrue(t *testing.T) {
	for name, c := range map[string]struct {
		spoil         func(*seen)
		never, byLuck map[string]string
		want          []string
	}{
		"what is never seen is excused": {
			spoil: func(s *seen) { s.page = head + `loaves_sold_total{bread="rye",shop="north"} 1` + "\n" },
			never: map[string]string{`loaves_sold_total{bread="spelt"}`: "none is baked"},
		},
		"what is seen all the same is not": {
			never: map[string]string{`loaves_sold_total{bread="spelt"}`: "none is baked"},
			want:  []string{`said never to be seen, and seen after all, or not declared: loaves_sold_total{bread="spelt"}`},
		},
		"what is seen by luck is excused when it is seen": {byLuck: map[string]string{`loaves_sold_total{bread="spelt"}`: "it is rare"}},
		"and when it is not": {
			spoil:  func(s *seen) { s.page = head + `loaves_sold_total{bread="rye",shop="north"} 1` + "\n" },
			byLuck: map[string]string{`loaves_sold_total{bread="spelt"}`: "it is rare"},
		},
		"but not when it is not declared": {
			byLuck: map[string]string{`loaves_sold_total{bread="cake"}`: "it is rare"},
			want:   []string{`said to be seen by luck, and not declared: loaves_sold_total{bread="cake"}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, f := asDeclared(), &failures{TB: t}
			if c.spoil != nil {
				c.spoil(s)
			}
			s.by(t, bakery).Check(f, c.never, c.byLuck)
			require.Equal(t, c.want, f.said)
		})
	}
}
