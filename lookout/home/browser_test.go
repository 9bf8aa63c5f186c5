package home

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/browsertest"
)

// look opens a page in a colour scheme and a width; with LOOKOUT_SCREENSHOTS set it keeps a picture in that folder.
func look(t *testing.T, b *browsertest.Browser, address, scheme string, width int64, name string) {
	t.Helper()
	b.Prefer(scheme)
	b.Do(chromedp.EmulateViewport(width, 900), chromedp.Navigate(address), chromedp.WaitReady(chromedp.CSS("main")))
	if folder := os.Getenv("LOOKOUT_SCREENSHOTS"); folder != "" {
		picture := browsertest.Run(b, chromedp.FullScreenshot(100))
		file := filepath.Join(folder, fmt.Sprintf("%s-%s-%d.png", name, scheme, width))
		require.NoError(t, os.WriteFile(file, picture, 0o600))
	}
}

func TestInABrowser(t *testing.T) {
	f := newFixture(t, nil)
	base := serve(t, f.handler)
	b := browsertest.New(t)

	backgrounds := map[string]string{}
	for path, name := range map[string]string{
		"/": "front", "/traces/" + errorTraceID: "trace", "/runbooks/api-availability": "runbook",
	} {
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{390, 820, 1280} {
				look(t, b, base+path, scheme, width, name)
				backgrounds[scheme] = browsertest.Evaluate[string](b, `getComputedStyle(document.documentElement).backgroundColor`)
				overflow := browsertest.Evaluate[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`)
				require.LessOrEqual(t, overflow, 0, "%s at %d pixels scrolls sideways", path, width)
			}
		}
	}
	require.NotEqual(t, backgrounds["light"], backgrounds["dark"])

	t.Run("a span's attributes open on a click", func(t *testing.T) {
		b.Do(chromedp.Navigate(base+"/traces/"+errorTraceID),
			chromedp.Click(chromedp.CSS(`[id="span-00f067aa0ba902b9"] summary`)),
			chromedp.WaitVisible(chromedp.CSS(`[id="span-00f067aa0ba902b9"] .inside`)))
		require.Contains(t, browsertest.Evaluate[string](b, `document.querySelector("details[open]").innerText`), "db.query.text")
	})
	t.Run("every link of the front page leads somewhere", func(t *testing.T) {
		b.Do(chromedp.Navigate(base+"/"), chromedp.WaitReady(chromedp.CSS("main")))
		links := browsertest.Evaluate[[]string](b, `[...document.querySelectorAll("a")].map(a => a.getAttribute("href"))`)
		require.Greater(t, len(links), 10)
		for _, link := range links {
			if strings.HasPrefix(link, "/") {
				require.Equal(t, 200, f.get(t, link).Code, link)
			}
		}
	})
	t.Run("the page stays current without being loaded again", func(t *testing.T) {
		b.Do(chromedp.Navigate(base+"/"), chromedp.WaitReady(chromedp.CSS("main")))
		browsertest.Evaluate[bool](b, `document.querySelector("#verdict").textContent = "old"; window.kept = true`)
		browsertest.Run(b, chromedp.Poll[bool](
			`window.kept && document.querySelector("#verdict").textContent.includes("paged")`))
	})

	require.Empty(t, b.Problems(), "errors in the console")
	require.Equal(t, []string{strings.TrimPrefix(base, "http://")}, b.Hosts(), "requests to other hosts")
}
