package main_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// reportsOfBrowsers sends all that a page can tell.
func reportsOfBrowsers(t *testing.T, contract *telemetrytest.Contract) {
	o := observe(t, contract)
	status, body := ask(t, http.MethodPost, o.api+"/api/v1/rum", `{"app":"shop","release":"1.4.0",
		"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"measurements":[{"name":"lcp","value":1,"page":"/","rating":"good","navigation_type":"navigate"},{"name":"inp","value":1,"page":"/"},{"name":"cls","value":0,"page":"/"},
			{"name":"ttfb","value":0.1,"page":"/nowhere"},{"name":"page_load","value":2,"page":"/"}],
		"errors":[{"kind":"exception","page":"/","type":"TypeError","message":"basket is undefined","stack":"at add (/a.js:1:2)"},
			{"kind":"unhandled_rejection","page":"/"},{"kind":"resource","page":"/"},{"kind":"reported","page":"/"}]}`)
	require.Equal(t, http.StatusNoContent, status, body)
	o.end()
}
