package stack

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyPagesWithContentAreShown(t *testing.T) {
	tests := map[string]struct {
		status int
		kind   string
		body   string
		want   bool
	}{
		"a page is shown":                         {http.StatusOK, "text/html; charset=utf-8", "<title>Alertmanager</title>", true},
		"an error is not, as Prometheus has it":   {http.StatusInternalServerError, "text/plain", "Error opening React index.html", false},
		"a placeholder is not, as Jaeger has it":  {http.StatusOK, "text/html", "<p>" + jaegerPlaceholder + ".", false},
		"something that is not a page is neither": {http.StatusOK, "application/json", "{}", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.kind)
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body)) // a client that is gone shows in the assertion below
			}))
			defer server.Close()
			require.Equal(t, test.want, hasPages(t.Context(), server.Client(), server.URL))
		})
	}
}
