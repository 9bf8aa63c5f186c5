package admin_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/admin"
	"github.com/farmersmarket/platform/server/faults"
	"github.com/farmersmarket/platform/telemetry"
)

func TestOnlyProgramsInjectFaults(t *testing.T) {
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: io.Discard})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(t.Context())) })
	for name, c := range map[string]struct {
		header http.Header
		want   int
	}{
		"a program may":                              {nil, http.StatusCreated},
		"a page of another site may not":             {http.Header{"Sec-Fetch-Site": {"cross-site"}}, http.StatusForbidden},
		"a page of another port may not":             {http.Header{"Sec-Fetch-Site": {"same-site"}}, http.StatusForbidden},
		"a page in a browser of old may not, either": {http.Header{"Origin": {"http://farm.example"}}, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			request := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8081/admin/faults",
				strings.NewReader(`{"route":"/api/v1/*","error_rate":1,"duration":"1m"}`))
			request.Header = c.header.Clone()
			response := httptest.NewRecorder()
			admin.New(tel, &faults.Injector{}).Handler.ServeHTTP(response, request)
			require.Equal(t, c.want, response.Code, response.Body.String())
		})
	}
}
