package pager

import (
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/browsertest"
)

// A page left open at night shows a new incident by itself, keeps what a person has opened, and is dark where the system is.
func TestThePageInABrowser(t *testing.T) {
	p := newPager(t, t.TempDir())
	send(t, p, Firing, "old")
	send(t, p, Resolved, "old")
	server := httptest.NewServer(p.Handler())
	t.Cleanup(server.Close)

	b := browsertest.New(t)
	background := func(scheme string) string {
		b.Prefer(scheme)
		return browsertest.Evaluate[string](b, `getComputedStyle(document.documentElement).backgroundColor`)
	}

	b.Do(chromedp.Navigate(server.URL), chromedp.Click(chromedp.CSS("details summary")))
	require.NotEqual(t, background("light"), background("dark"))
	send(t, p, Firing, "new")
	browsertest.Run(b, chromedp.Poll[bool](`document.querySelector(".firing")?.innerText.includes("Shoppers get errors: new")`))
	require.True(t, browsertest.Evaluate[bool](b, `document.querySelector("details").open`), "what was opened stays open")
	require.Empty(t, b.Problems(), "errors in the console")
}
