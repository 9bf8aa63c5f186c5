package home

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser is a headless chromium that notes what a person would find in its console and network tabs.
type browser struct {
	ctx context.Context

	mu       sync.Mutex
	problems []string
	hosts    map[string]bool
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	require.NotEmpty(t, program, "these tests look at the page in a browser: install chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()))
	allocator, stopAllocator := chromedp.NewExecAllocator(t.Context(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	ctx, stopTimer := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(func() { stopTimer(); stop(); stopAllocator() })

	b := &browser{ctx: ctx, hosts: map[string]bool{}}
	require.NoError(t, chromedp.Listen(ctx, b.listen))
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	return b
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch event := event.(type) {
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, event.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.problems = append(b.problems, fmt.Sprintf("console.%s", event.Type))
	case *log.EventEntryAdded:
		b.problems = append(b.problems, event.Entry.Text+" "+event.Entry.URL)
	case *network.EventRequestWillBeSent:
		if target, err := url.Parse(event.Request.URL); err == nil && target.Host != "" {
			b.hosts[target.Host] = true
		}
	}
}

func (b *browser) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	require.NoError(t, chromedp.Do(b.ctx, steps...))
}

func evaluate[T any](t *testing.T, b *browser, script string) T {
	t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script))
	require.NoError(t, err, script)
	return value
}

// look opens a page in a colour scheme and a width; with LOOKOUT_SCREENSHOTS set it keeps a picture in that folder.
func (b *browser) look(t *testing.T, address, scheme string, width int64, name string) {
	t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	require.NoError(t, err)
	b.do(t, chromedp.EmulateViewport(width, 900), chromedp.Navigate(address), chromedp.WaitReady(chromedp.CSS("main")))
	if folder := os.Getenv("LOOKOUT_SCREENSHOTS"); folder != "" {
		picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		require.NoError(t, err)
		file := filepath.Join(folder, fmt.Sprintf("%s-%s-%d.png", name, scheme, width))
		require.NoError(t, os.WriteFile(file, picture, 0o600))
	}
}

func TestInABrowser(t *testing.T) {
	f := newFixture(t, nil)
	base := serve(t, f.handler)
	b := newBrowser(t)

	backgrounds := map[string]string{}
	for path, name := range map[string]string{
		"/": "front", "/traces/" + errorTraceID: "trace", "/runbooks/api-availability": "runbook",
	} {
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{390, 820, 1280} {
				b.look(t, base+path, scheme, width, name)
				backgrounds[scheme] = evaluate[string](t, b, `getComputedStyle(document.documentElement).backgroundColor`)
				overflow := evaluate[int](t, b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`)
				require.LessOrEqual(t, overflow, 0, "%s at %d pixels scrolls sideways", path, width)
			}
		}
	}
	require.NotEqual(t, backgrounds["light"], backgrounds["dark"])

	t.Run("a span's attributes open on a click", func(t *testing.T) {
		b.do(t, chromedp.Navigate(base+"/traces/"+errorTraceID),
			chromedp.Click(chromedp.CSS(`[id="span-00f067aa0ba902b9"] summary`)),
			chromedp.WaitVisible(chromedp.CSS(`[id="span-00f067aa0ba902b9"] .inside`)))
		require.Contains(t, evaluate[string](t, b, `document.querySelector("details[open]").innerText`), "db.query.text")
	})
	t.Run("every link of the front page leads somewhere", func(t *testing.T) {
		b.do(t, chromedp.Navigate(base+"/"), chromedp.WaitReady(chromedp.CSS("main")))
		links := evaluate[[]string](t, b, `[...document.querySelectorAll("a")].map(a => a.getAttribute("href"))`)
		require.Greater(t, len(links), 10)
		for _, link := range links {
			if strings.HasPrefix(link, "/") {
				require.Equal(t, 200, f.get(t, link).Code, link)
			}
		}
	})
	t.Run("the page stays current without being loaded again", func(t *testing.T) {
		b.do(t, chromedp.Navigate(base+"/"), chromedp.WaitReady(chromedp.CSS("main")))
		evaluate[bool](t, b, `document.querySelector("#verdict").textContent = "old"; window.kept = true`)
		_, err := chromedp.Run(b.ctx, chromedp.Poll[bool](
			`window.kept && document.querySelector("#verdict").textContent.includes("paged")`))
		require.NoError(t, err)
	})

	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(t, b.problems, "errors in the console")
	require.Equal(t, map[string]bool{strings.TrimPrefix(base, "http://"): true}, b.hosts, "requests to other hosts")
}
