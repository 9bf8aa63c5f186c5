package api_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/telemetry"
)

func TestAMethodThatHTTPDoesNotHaveIsAnsweredLikeOneThatThePathDoesNotTake(t *testing.T) {
	var tel *telemetry.Telemetry
	app := newBareApp(t, func(o *api.Options, _ *brokenStore) { tel = o.Telemetry })
	for _, method := range []string{http.MethodDelete, "BREW", "FOO", "get", "PROPFIND", strings.Repeat("X", 1000)} {
		request := httptest.NewRequest(method, "/api/v1/products", strings.NewReader("{}"))
		response, err := app.Test(request, -1)
		require.NoError(t, err)
		got := read(t, response)
		problem := requireProblem(t, got, http.StatusMethodNotAllowed)
		if method == http.MethodDelete {
			require.Equal(t, "this path does not take the method DELETE", problem.Detail)
		} else {
			require.Equal(t, "this path does not take the method that was sent, nor does HTTP have it", problem.Detail)
		}
		require.Equal(t, "GET, HEAD, POST", got.header.Get("Allow"), method)
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"), method)

		response, err = app.Test(httptest.NewRequest(method, "/nothing/here", http.NoBody), -1)
		require.NoError(t, err)
		requireProblem(t, read(t, response), http.StatusNotFound)
	}
	recorder := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	const labels = `error_type="not_found",http_request_method="_OTHER",http_response_status_code="405",http_route="unmatched"`
	require.Contains(t, recorder.Body.String(), `http_server_request_duration_seconds_count{`+labels+`} 5`)
	require.NotContains(t, recorder.Body.String(), "TRACE\",http_response")
}

func TestAMethodThatHTTPDoesNotHaveKeepsTheConnectionInStep(t *testing.T) {
	app := newBareApp(t, func(*api.Options, *brokenStore) {})
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = app.Listener(listener) }()
	t.Cleanup(func() { _ = app.Shutdown() })
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	const foo = "FOO /api/v1/products HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n{}"
	_, err = connection.Write([]byte(foo + foo + "GET /api/live HTTP/1.1\r\nHost: test\r\n\r\n"))
	require.NoError(t, err)
	answers := bufio.NewReader(connection)
	for _, want := range []int{fiber.StatusMethodNotAllowed, fiber.StatusMethodNotAllowed, fiber.StatusOK} {
		response, err := http.ReadResponse(answers, nil)
		require.NoError(t, err)
		require.Equal(t, want, read(t, response).status)
	}
}
