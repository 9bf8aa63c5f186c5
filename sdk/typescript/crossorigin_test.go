package typescript

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/internal/browsertest"
	"github.com/farmersmarket/platform/internal/servertest"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// The trace that the shop's page says it was made in.
const (
	shopTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	shopSpan  = "00f067aa0ba902b7"
)

// shop is a web client on an origin of its own.
type shop struct {
	*httptest.Server

	pages *http.ServeMux
}

func newShop(t *testing.T) shop {
	t.Helper()
	s := shop{pages: http.NewServeMux()}
	for _, folder := range []string{"/dist/", "/node_modules/"} {
		s.pages.Handle(folder, http.FileServer(http.Dir(".")))
	}
	s.Server = httptest.NewServer(s.pages)
	t.Cleanup(s.Close)
	return s
}

// serve adds a page with something to paint, and no icon to look for.
func (s shop) serve(path, head string) {
	s.pages.HandleFunc("GET "+path+"{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>Shop</title><link rel="icon" href="data:,">%s<h1>Honey of the valley</h1>`, head)
	})
}

// settle runs the body of an async function in the page, and returns what it returns.
func settle(t *testing.T, browser *browsertest.Browser, body string) string {
	t.Helper()
	browsertest.Evaluate[bool](browser, `window.settled = "",
		(async () => {`+body+`})().then((v) => (window.settled = String(v)), (e) => (window.settled = "failed: " + e)), true`)
	var settled string
	require.Eventually(t, func() bool {
		settled = browsertest.Evaluate[string](browser, `window.settled`)
		return settled != ""
	}, patience, pollInterval)
	return settled
}

func TestAPageOfAnotherOriginIsMeasuredAndJoinsTheServersTrace(t *testing.T) {
	for name, c := range map[string]struct {
		before string // what runs first in the page
		joined bool   // whether the report is in the page's trace, not only linked to it
	}{
		"in a browser whose fetch outlives the page": {"", true},
		"in a browser that has beacons for it":       {"<script>delete Request.prototype.keepalive</script>", false},
	} {
		t.Run(name, func(t *testing.T) {
			shop, collector := newShop(t), telemetrytest.NewCollector(t)
			server := startFor(t, shop.URL, "OTLP_ENDPOINT="+collector.Addr)
			shop.serve("/", fmt.Sprintf(`<meta name="traceparent" content="00-%s-%s-01">%s
				<script src="%s/rum.js" data-app="shop" data-endpoint="%[4]s/api/v1/rum" data-trace="%[4]s"></script>`, shopTrace, shopSpan, c.before, server.URL))
			browser := browsertest.New(t)
			browser.Do(chromedp.Navigate(shop.URL+"/"), chromedp.WaitVisible("h1"))
			require.Equal(t, "true", settle(t, browser, `const r = await fetch("`+server.URL+`/api/v1/farms?limit=1"); return r.ok && (await r.json()).success`))
			browser.Do(chromedp.Navigate("about:blank"))

			require.Eventually(t, func() bool {
				return strings.Contains(scrape(t, server), `browser_web_vital_ttfb_seconds_count{app="shop",page="/"} 1`)
			}, patience, pollInterval, "the report should arrive")
			require.Empty(t, browser.Problems())
			call := spanOf(t, collector, "GET /api/v1/farms")
			require.Equal(t, shopTrace, hex.EncodeToString(call.GetTraceId()))
			require.Equal(t, shopSpan, hex.EncodeToString(call.GetParentSpanId()))
			report := spanOf(t, collector, "POST /api/v1/rum")
			if c.joined {
				require.Equal(t, shopTrace, hex.EncodeToString(report.GetTraceId()))
				require.Equal(t, shopSpan, hex.EncodeToString(report.GetParentSpanId()))
				return
			}
			require.Empty(t, report.GetParentSpanId())
			require.Equal(t, shopTrace, hex.EncodeToString(report.GetLinks()[0].GetTraceId()))
		})
	}
}

func TestAPageOfAnotherOriginUsesTheClientOnlyWhereItIsListed(t *testing.T) {
	shop := newShop(t)
	server := startFor(t, shop.URL)
	shop.serve("/", `<script type="importmap">{"imports": {"openapi-fetch": "/node_modules/openapi-fetch/dist/index.mjs"}}</script>`)
	const use = `const { createClient, newIdempotencyKey, Session, unwrap } = await import("/dist/client.js");
		const visitor = createClient(api);
		const listed = await visitor.GET("/api/v1/products", { params: { query: { limit: 1 } } });
		const credentials = { email: newIdempotencyKey() + "@example.org", password: "walnut-Saturday-quince" };
		unwrap(await visitor.POST("/api/v1/auth/register", { body: { ...credentials, name: "Nora Byrne", role: "customer" } }));
		const session = await Session.login(api, credentials);
		const header = { "Idempotency-Key": newIdempotencyKey() };
		const body = { market_day_id: newIdempotencyKey(), slot_id: newIdempotencyKey(), lines: [{ offering_id: newIdempotencyKey(), quantity: 1 }] };
		const { error, response } = await session.client.POST("/api/v1/orders", { params: { header }, body });
		return [listed.response.headers.has("ETag"), session.account.name, error.status, response.headers.get("RateLimit-Policy")].join()`
	browser := browsertest.New(t)
	browser.Do(chromedp.Navigate(shop.URL + "/"))
	require.Equal(t, "true,Nora Byrne,404,300;w=60", settle(t, browser, `const api = "`+server.URL+`"; `+use),
		"it reads what it asked for, refusals and headers among it")

	stranger := strings.Replace(shop.URL, "127.0.0.1", "localhost", 1) // the same page on another origin
	browser.Do(chromedp.Navigate(stranger + "/"))
	require.Contains(t, settle(t, browser, `const api = "`+server.URL+`"; `+use), "failed: TypeError: Failed to fetch")
}

// startFor starts an API for the pages of the origin. This machine is limited as any other is, and so is told its limit.
func startFor(t *testing.T, origin string, settings ...string) *servertest.Server {
	t.Helper()
	script, err := filepath.Abs("dist/browser/rum.js")
	require.NoError(t, err)
	return servertest.Start(t, append([]string{"RUM_JS=" + script, "CORS_ORIGINS=" + origin, "RATE_LIMIT_EXEMPT="}, settings...)...)
}

// spanOf waits for the span of the name.
func spanOf(t *testing.T, collector *telemetrytest.Collector, name string) (found *tracepb.Span) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, span := range collector.Spans() {
			if span.GetName() == name {
				found = span
			}
		}
		return found != nil
	}, patience, pollInterval, "there should be a span %s", name)
	return found
}
