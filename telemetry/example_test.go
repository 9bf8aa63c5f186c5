package telemetry_test

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	_ "modernc.org/sqlite"

	"github.com/farmersmarket/platform/internal/testlog"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// The bakery is another service, which knows nothing of the market. docs/adopting-telemetry.md shows it.

type bakeryConfig struct {
	public, private net.Listener
	db              *bun.DB
	collector       string // host:port
	logs            io.Writer
}

type sale struct {
	ID    int64 `bun:",pk,autoincrement"`
	Bread string
}

func serveBakery(ctx context.Context, c bakeryConfig) error {
	tel, err := telemetry.Start(telemetry.Config{Service: "bakery", OTLPEndpoint: c.collector, OTLPInsecure: true, SampleRatio: 1, Logs: c.logs})
	if err != nil {
		return err
	}
	defer tel.Shutdown(context.WithoutCancel(ctx))
	c.db = c.db.WithQueryHook(tel.DatabaseHook("sqlite", "bakery"))
	tel.WatchPool("sqlite", telemetry.SQLPool(c.db.Stats))

	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	tel.Use(app)
	app.Post("/loaves/:bread/sales", sell(c.db, tel))
	tel.Instrument(app)

	admin := http.NewServeMux()
	admin.Handle("GET /metrics", tel.MetricsHandler())
	go http.Serve(c.private, admin)
	go func() {
		<-ctx.Done()
		app.Shutdown()
	}()
	return app.Listener(c.public)
}

var bakery = catalogue.Catalogue{
	Metrics: []catalogue.Metric{{
		Name: "bakery_loaves_sold_total", Type: catalogue.Counter, Stability: catalogue.Stable,
		Help:   "Number of loaves sold.",
		Labels: []catalogue.Label{{Name: "bread", Help: "Kind of bread", Values: []string{"rye", "spelt"}}},
	}},
	Spans: []catalogue.Span{{
		Name: "bake {bread}", Kind: catalogue.InternalSpan, Stability: catalogue.Development,
		Help:   "The baking of a loaf.",
		Always: []catalogue.Attribute{{Name: "bread", Type: catalogue.Text, Help: "Kind of bread"}},
	}},
	Lines: []catalogue.Line{{
		Message: "a loaf is sold", Levels: []slog.Level{slog.LevelInfo},
		Help:   "Somebody has bought it.",
		Always: []catalogue.Attribute{{Name: "bread", Type: catalogue.Text, Help: "Kind of bread"}},
	}},
}

func sell(db *bun.DB, tel *telemetry.Telemetry) fiber.Handler {
	sold, tracer := tel.Metrics.Counter(bakery.Metrics[0]), tel.TracerProvider().Tracer("bakery")
	return func(c *fiber.Ctx) error {
		breads := bakery.Metrics[0].Labels[0].Values
		i := slices.Index(breads, c.Params("bread"))
		if i < 0 {
			return fiber.ErrNotFound // a client must not make series
		}
		ctx, baking := tracer.Start(c.UserContext(), "bake "+breads[i], trace.WithAttributes(attribute.String("bread", breads[i])))
		defer baking.End()
		if _, err := db.NewInsert().Model(&sale{Bread: breads[i]}).Exec(ctx); err != nil {
			return fmt.Errorf("note the sale: %w", err)
		}
		sold.WithLabelValues(breads[i]).Inc()
		tel.Logger.InfoContext(ctx, "a loaf is sold", "bread", breads[i])
		return c.SendStatus(fiber.StatusCreated)
	}
}

// openBakery serves it until the test calls close.
type openBakery struct {
	url, admin string
	collector  *telemetrytest.Collector
	logs       *testlog.Buffer
	close      func()
}

func startBakery(t *testing.T) openBakery {
	t.Helper()
	pool, err := sql.Open("sqlite", ":memory:")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	pool.SetMaxOpenConns(1)
	db := bun.NewDB(pool, sqlitedialect.New())
	_, err = db.NewCreateTable().Model(&sale{}).Exec(t.Context())
	require.NoError(t, err)

	o := openBakery{collector: telemetrytest.NewCollector(t), logs: &testlog.Buffer{}}
	c := bakeryConfig{public: listen(t), private: listen(t), db: db, collector: o.collector.Addr, logs: o.logs}
	t.Cleanup(func() { _ = c.private.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- serveBakery(ctx, c) }()
	o.url, o.admin = "http://"+c.public.Addr().String(), "http://"+c.private.Addr().String()
	o.close = func() {
		cancel()
		require.NoError(t, <-served)
	}
	return o
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return listener
}

func ask(t *testing.T, method, url string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

func TestAnotherServiceAdoptsTelemetry(t *testing.T) {
	o := startBakery(t)
	status, _ := ask(t, http.MethodPost, o.url+"/loaves/rye/sales")
	require.Equal(t, http.StatusCreated, status)
	status, _ = ask(t, http.MethodPost, o.url+"/loaves/spelt/sales")
	require.Equal(t, http.StatusCreated, status)
	status, _ = ask(t, http.MethodPost, o.url+"/loaves/cake/sales")
	require.Equal(t, http.StatusNotFound, status)
	status, page := ask(t, http.MethodGet, o.admin+"/metrics")
	require.Equal(t, http.StatusOK, status)
	o.close()

	spans := map[string]*tracepb.Span{}
	for _, span := range o.collector.Spans() {
		name := span.GetName() + " " + telemetrytest.Attribute(span, "error.type")
		spans[name] = cmp.Or(spans[name], span) // the first of each
	}
	request, baking, statement := spans["POST /loaves/{bread}/sales "], spans["bake rye "], spans["INSERT sales "]
	require.NotNil(t, request, "%v", spans)
	require.Equal(t, request.GetSpanId(), baking.GetParentSpanId())
	require.Equal(t, baking.GetSpanId(), statement.GetParentSpanId())
	require.Contains(t, spans, "POST /loaves/{bread}/sales not_found")

	require.Contains(t, page, `bakery_loaves_sold_total{bread="rye"} 1`)
	require.Contains(t, page, `db_client_operation_duration_seconds_count{db_collection_name="sales",db_operation_name="INSERT",db_system_name="sqlite",error_type=""} 2`)
	require.Contains(t, page, `http_server_request_duration_seconds_count{error_type="",http_request_method="POST",http_response_status_code="201",http_route="/loaves/{bread}/sales"} 2`)

	require.Regexp(t, fmt.Sprintf(`"msg":"a loaf is sold".*"bread":"rye","trace_id":"%x"`, request.GetTraceId()), o.logs.String())
	require.Regexp(t, fmt.Sprintf(`"msg":"request".*"http.response.status_code":404.*"trace_id":"%x"`, spans["POST /loaves/{bread}/sales not_found"].GetTraceId()), o.logs.String())

	ofGo := func(metric string) bool {
		return strings.HasPrefix(metric, "go_") || strings.HasPrefix(metric, "process_")
	}
	contract := telemetrytest.NewContract(catalogue.Common().With(bakery), ofGo, telemetrytest.Bounds{
		catalogue.HTTPRoute.Name:    telemetrytest.OneOf("/loaves/{bread}/sales", catalogue.UnmatchedRoute),
		catalogue.DBCollection.Name: telemetrytest.OneOf("", "sales"),
		"server_address":            telemetrytest.OneOf(catalogue.OtherServer),
	})
	require.NoError(t, contract.SeeMetrics(page))
	contract.SeeSpans(o.collector.ResourceSpans())
	contract.SeeLogs(o.logs.String())
	require.Empty(t, contract.Undeclared())
	require.NotRegexp(t, "bakery|bake|bread", strings.Join(contract.Missing(), "\n"))
}

func TestThePageAboutAdoptionShowsTenLinesThatWork(t *testing.T) {
	source, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	page, err := os.ReadFile("../docs/adopting-telemetry.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, blocks)
	lines := 0
	for _, block := range blocks {
		require.True(t, strings.Contains(string(source), block[1]), "nothing runs this:\n%s", block[1]) //nolint:testifylint // Contains would print the source
		for line := range strings.Lines(block[1]) {
			if adoption.MatchString(line) && !use.MatchString(line) {
				lines++
			}
		}
	}
	const check = 3 // lines of the if that follows Start
	require.Equal(t, 10, lines+check)
}

// What a service does with telemetry once it has adopted it does not count.
var (
	adoption = regexp.MustCompile(`\btel(emetry)?\b`)
	use      = regexp.MustCompile(`\btel\.(Metrics|Logger|TracerProvider)\b|\bsell\(|telemetrytest`)
)
