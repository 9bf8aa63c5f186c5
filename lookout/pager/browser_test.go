package pager

import (
	"net/http/httptest"
	"os/exec"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// A page left open at night shows a new incident by itself, keeps what a person has opened, and is dark where the system is.
func TestThePageInABrowser(t *testing.T) {
	p := newPager(t, t.TempDir())
	send(t, p, Firing, "old")
	send(t, p, Resolved, "old")
	server := httptest.NewServer(p.Handler())
	t.Cleanup(server.Close)

	program, err := exec.LookPath("chromium")
	require.NoError(t, err, "this test looks at the page in a browser: install chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()))
	allocator, stopAllocator := chromedp.NewExecAllocator(t.Context(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	t.Cleanup(func() { stop(); stopAllocator() })
	problems := make(chan string, 100)
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		if entry, ok := event.(*log.EventEntryAdded); ok {
			problems <- entry.Entry.Text
		}
	}))
	background := func(scheme string) string {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		require.NoError(t, err)
		color, err := chromedp.Run(ctx, chromedp.Evaluate[string](`getComputedStyle(document.documentElement).backgroundColor`))
		require.NoError(t, err)
		return color
	}

	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(server.URL), chromedp.Click(chromedp.CSS("details summary"))))
	require.NotEqual(t, background("light"), background("dark"))
	send(t, p, Firing, "new")
	_, err = chromedp.Run(ctx, chromedp.Poll[bool](`document.querySelector(".firing")?.innerText.includes("Shoppers get errors: new")`))
	require.NoError(t, err)
	open, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.querySelector("details").open`))
	require.NoError(t, err)
	require.True(t, open, "what was opened stays open")
	require.Empty(t, problems, "errors in the console")
}
