// Package browsertest shows pages to tests in a headless Chromium, and notes what a person would find in its console and
// network tabs.
package browsertest

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"slices"
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

// Browser is a headless Chromium with one tab.
type Browser struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp keeps the browser in a context

	mu       sync.Mutex
	problems []string
	hosts    map[string]bool
}

// New starts a browser; it ends with the test.
func New(t *testing.T) *Browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()))
	allocator, stopAllocator := chromedp.NewExecAllocator(t.Context(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	ctx, stopTimer := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(func() { stopTimer(); stop(); stopAllocator() })

	b := &Browser{t: t, ctx: ctx, hosts: map[string]bool{}}
	require.NoError(t, chromedp.Listen(ctx, b.listen))
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	return b
}

func program(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	require.Fail(t, "these tests look at a page in a browser: install chromium")
	return ""
}

func (b *Browser) listen(event any) {
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

// Do runs the steps one after the other.
func (b *Browser) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

// Run does one step and returns what it finds.
func Run[T any](b *Browser, step chromedp.Action[T]) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, step)
	require.NoError(b.t, err)
	return value
}

// Evaluate runs a script and returns its value.
func Evaluate[T any](b *Browser, script string) T {
	b.t.Helper()
	return Run(b, chromedp.Evaluate[T](script))
}

// Prefer makes pages see a preference for the colour scheme, light or dark.
func (b *Browser) Prefer(scheme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	require.NoError(b.t, err)
}

// Problems returns what the console has complained of.
func (b *Browser) Problems() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.problems)
}

// Hosts returns the host:port of every server that pages have asked.
func (b *Browser) Hosts() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	hosts := make([]string, 0, len(b.hosts))
	for host := range b.hosts {
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	return hosts
}
