package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		status  int
		wantErr string
	}{
		"a ready service is healthy":                       {status: http.StatusOK},
		"a service that is not ready is unhealthy":         {status: http.StatusServiceUnavailable, wantErr: "503"},
		"a wrong path is unhealthy":                        {status: http.StatusNotFound, wantErr: "404"},
		"an answer without content is not taken for ready": {status: http.StatusNoContent, wantErr: "204"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
			}))
			defer server.Close()
			err := check(t.Context(), server.URL)
			if tt.wantErr == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.wantErr)
		})
	}

	t.Run("a service that does not listen is unhealthy", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		server.Close()
		require.ErrorContains(t, check(t.Context(), server.URL), "connection refused")
	})
}
