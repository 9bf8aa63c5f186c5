package main_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// attempt is a kind of request with something in it that its sender makes up.
type attempt struct {
	method string
	path   func(text string) string
	token  bool
}

func attempts() []attempt {
	var all []attempt
	for _, method := range []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace,
		"PLOUGH", "", // one of its own
	} {
		for _, path := range []func(string) string{
			func(text string) string { return "/" + text },
			func(text string) string { return "/api/v1/" + text },
			func(text string) string { return "/api/v1/products/" + text },
			func(string) string { return "/api/v1/farms/" + uuid.NewString() },
			func(text string) string { return "/api/v1/products?q=" + text },
			func(text string) string { return "/images/" + text },
			func(text string) string { return "/docs/" + text },
			func(text string) string { return "/api/v1/payments/webhook/" + text },
		} {
			all = append(all, attempt{method, path, false}, attempt{method, path, true})
		}
	}
	return all
}

// send sends one with this text, and nothing of it comes back but the connection.
func (a attempt) send(t *testing.T, api, text string) {
	t.Helper()
	method := a.method
	if method == "" {
		method = "X" + strings.ToUpper(strings.ReplaceAll(uuid.NewString(), "-", ""))
	}
	request, err := http.NewRequestWithContext(t.Context(), method, api+a.path(url.PathEscape(text)), http.NoBody)
	require.NoError(t, err)
	request.Host = uuid.NewString() + ".example.org"
	for _, name := range []string{"User-Agent", "X-Forwarded-For", "Forwarded", "Origin", "Referer", "Content-Type", "X-Request-Id", "tracestate", "X-" + uuid.NewString()} {
		request.Header.Set(name, url.PathEscape(text))
	}
	if a.token {
		request.Header.Set("Authorization", "Bearer "+url.PathEscape(text))
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Less(t, response.StatusCode, http.StatusInternalServerError, "%s %s", method, request.URL)
}

// TestNoClientMakesSeriesOfTheRealService sends ten thousand paths, methods, hosts and headers that are made up.
func TestNoClientMakesSeriesOfTheRealService(t *testing.T) {
	p := start(t, "EXPIRE_INTERVAL=1h", "CLOSE_INTERVAL=1h", "PAYMENT_INTERVAL=1h", "FORGET_INTERVAL=1h", "AUDIT_INTERVAL=1h") // jobs make series, too
	kinds := attempts()
	for _, known := range []string{"mangold", "мангольд", uuid.NewString()} { // so that each way to end is there
		for _, a := range kinds {
			a.send(t, p.api, known)
		}
	}
	before := seriesOf(t, p)
	for n := range 10_000 {
		text := uuid.NewString()
		switch n % 3 {
		case 0:
			text = text[:13]
		case 1:
			text = strings.Map(func(r rune) rune { return r%32 + 'а' }, text) // letters of two bytes
		}
		kinds[n%len(kinds)].send(t, p.api, text)
	}
	require.Equal(t, before, seriesOf(t, p))
}

// seriesOf returns the names and labels of all series.
func seriesOf(t *testing.T, p *process) []string {
	t.Helper()
	_, page := ask(t, http.MethodGet, p.admin+"/metrics", "")
	var all []string
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "#") {
			all = append(all, line[:strings.LastIndex(line, " ")])
		}
	}
	slices.Sort(all)
	return all
}
