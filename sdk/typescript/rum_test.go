package typescript

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/internal/browsertest"
	"github.com/farmersmarket/platform/internal/servertest"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// patience bounds every wait; a machine under load is slow.
const patience = 60 * time.Second

// pollInterval is between looks for what is waited for.
const pollInterval = 20 * time.Millisecond

func TestTheModuleOfBrowsersIsSound(t *testing.T) {
	run(t, "node", "--test", "dist/rum/rum.test.js")
}

func TestAVisitOfTheDocumentationIsMeasuredAndJoinsTheServersTrace(t *testing.T) {
	script, err := filepath.Abs("dist/browser/rum.js")
	require.NoError(t, err)
	collector := telemetrytest.NewCollector(t)
	server := servertest.Start(t, "RUM_JS="+script, "OTLP_ENDPOINT="+collector.Addr)
	browser := browsertest.New(t)
	browser.Do(
		chromedp.Navigate(server.URL+"/docs"),
		chromedp.Click(`#operations-Products-list-products .opblock-summary-control`),
		chromedp.WaitVisible(`#operations-Products-list-products .opblock-body`),
	)
	require.Empty(t, browser.Problems())
	traceparent := browsertest.Evaluate[string](browser, `rum.traceparent`)
	browsertest.Evaluate[bool](browser, `fetch("/api/v1/farms?limit=1").then((r) => (window.answered = r.ok)), true`)
	browsertest.Evaluate[bool](browser, `setTimeout(() => { throw new TypeError("no basket of nora@example.org"); }), true`)
	require.Eventually(t, func() bool { return browsertest.Evaluate[bool](browser, `window.answered === true`) },
		patience, 20*time.Millisecond)
	browser.Do(chromedp.Navigate("about:blank"))

	wants := []string{`browser_errors_total{app="docs",kind="exception",page="/docs"} 1`}
	for _, name := range []string{"web_vital_lcp_seconds", "web_vital_inp_seconds", "web_vital_cls_ratio", "web_vital_ttfb_seconds", "page_load_duration_seconds"} {
		wants = append(wants, "browser_"+name+`_count{app="docs",page="/docs"} 1`)
	}
	var metrics string
	require.Eventually(t, func() bool {
		metrics = scrape(t, server)
		for _, want := range wants {
			if !strings.Contains(metrics, want) {
				return false
			}
		}
		return true
	}, patience, 50*time.Millisecond, "the metrics should have %v", wants)
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "browser_") && strings.Contains(line, "_sum") {
			t.Log(strings.TrimSpace(line))
		}
	}

	spans := map[string]*tracepb.Span{}
	require.Eventually(t, func() bool {
		for _, span := range collector.Spans() {
			if hex.EncodeToString(span.GetTraceId()) == strings.Split(traceparent, "-")[1] {
				spans[span.GetName()] = span
			}
		}
		return spans["GET /docs"] != nil && spans["GET /api/v1/farms"] != nil && spans["POST /api/v1/rum"] != nil
	}, patience, 20*time.Millisecond, "the page, its call and its report should be in one trace")
	page := spans["GET /docs"]
	require.Equal(t, traceparent, fmt.Sprintf("00-%x-%x-01", page.GetTraceId(), page.GetSpanId()))
	require.Equal(t, page.GetSpanId(), spans["GET /api/v1/farms"].GetParentSpanId())
	require.Equal(t, page.GetSpanId(), spans["POST /api/v1/rum"].GetParentSpanId())
}

func TestAVisitorWhoAsksNotToBeTrackedIsNotMeasured(t *testing.T) {
	script, err := filepath.Abs("dist/browser/rum.js")
	require.NoError(t, err)
	server := servertest.Start(t, "RUM_JS="+script)
	for name, c := range map[string]struct {
		preference string
		measured   bool
	}{
		"no preference":          {`void 0`, true},
		"Global Privacy Control": {`Object.defineProperty(navigator, "globalPrivacyControl", {value: true})`, false},
		"Do Not Track":           {`Object.defineProperty(navigator, "doNotTrack", {value: "1"})`, false},
	} {
		t.Run(name, func(t *testing.T) {
			browser := browsertest.New(t)
			browser.Do(chromedp.Navigate(server.URL + "/docs"))
			browsertest.Evaluate[bool](browser, c.preference+`;
				delete window.rum;
				const tag = Object.assign(document.createElement("script"), {src: "/rum.js"});
				tag.dataset.app = "docs";
				document.head.append(tag), true`)
			require.Eventually(t, func() bool { return browsertest.Evaluate[bool](browser, `window.rum !== undefined`) },
				patience, 20*time.Millisecond)
			require.Equal(t, c.measured, browsertest.Evaluate[bool](browser, `rum.traceparent !== undefined`))
		})
	}
}

func scrape(t *testing.T, server *servertest.Server) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.AdminURL+"/metrics", http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}
