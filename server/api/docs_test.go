package api_test

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/browsertest"
	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
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

func TestTheDocumentationCallsTheRunningServerAsWhoHasAuthorised(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t), store.Options{})
	_, err := migrations.Migrate(t.Context(), s.DB())
	require.NoError(t, err)
	customer := as(t, s, market.Customer)
	browser := browsertest.New(t)
	const operation = `#operations-Auth-get-me`
	execute := func() string {
		browser.Do(chromedp.Click(operation+` .execute`), chromedp.WaitVisible(operation+` .live-responses-table .response-col_status`))
		return browsertest.Run(browser, chromedp.Text(operation+` .live-responses-table tbody`))
	}
	browser.Do(
		chromedp.Navigate("http://"+serve(t, newApp(t, s))+"/docs"),
		chromedp.Click(operation+` .opblock-summary-control`),
		chromedp.Click(operation+` .try-out__btn`),
	)
	require.Contains(t, execute(), "401", "it needs a token")
	browser.Do(
		chromedp.Click(`.auth-wrapper .authorize`),
		chromedp.SendKeys(`.auth-container input`, customer.token),
		chromedp.Click(`.auth-btn-wrapper .authorize`),
		chromedp.Click(`.auth-btn-wrapper .btn-done`),
		chromedp.Click(operation+` .btn-clear`),
	)
	answer := execute()
	require.Contains(t, answer, "200")
	require.Contains(t, answer, customer.Email)
}

func TestAFileOfTheDocumentationHasATagThatItIsAskedForBy(t *testing.T) {
	app := newBareApp(t)
	for _, encoding := range []string{"identity", "gzip"} {
		got := send(t, app, user{}, http.MethodGet, "/docs/swagger-ui.css", nil, "Accept-Encoding", encoding)
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, "text/css; charset=utf-8", got.contentType)
		etag := got.header.Get("ETag")
		require.Regexp(t, `^W/"[^"]+"$`, etag)
		for condition, status := range map[string]int{
			etag: 304, etag[len("W/"):]: 304, `"x", ` + etag: 304, "*": 304, `W/"x"`: 200, etag[len(`W/"`) : len(etag)-1]: 200,
		} {
			again := send(t, app, user{}, http.MethodGet, "/docs/swagger-ui.css", nil, "Accept-Encoding", encoding, "If-None-Match", condition)
			require.Equal(t, status, again.status, condition)
			require.Equal(t, etag, again.header.Get("ETag"))
			require.Equal(t, status == 200, len(again.body) > 0, condition)
		}
	}
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
