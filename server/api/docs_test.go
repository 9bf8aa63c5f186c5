package api_test

import (
	"net"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/browsertest"
)

func TestTheDocumentationWorksInABrowserWithoutAnythingFromElsewhere(t *testing.T) {
	address := serve(t, newBareApp(t))
	browser := browsertest.New(t)
	browser.Do(
		chromedp.Navigate("http://"+address+"/docs"),
		chromedp.WaitVisible(`.opblock-summary-path`),
	)
	require.Contains(t, browsertest.Run(browser, chromedp.Text(`.swagger-ui`)), "/api/v1/products")
	require.Empty(t, browser.Problems())
	require.Equal(t, []string{address}, browser.Hosts())
}

// serve listens on a free port and returns its address.
func serve(t *testing.T, app *fiber.App) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = app.Listener(listener) }() // it ends with the test
	t.Cleanup(func() { require.NoError(t, app.ShutdownWithTimeout(5*time.Second)) })
	return listener.Addr().String()
}
