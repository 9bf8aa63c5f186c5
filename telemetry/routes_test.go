package telemetry

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The table must name the route that Fiber really runs; anything else would put a request under a wrong route.
func TestTheTableFindsTheRouteThatFiberRuns(t *testing.T) {
	// Fiber looks routes up by their first three bytes, so that /a is not found under /a/*. No segment is that short here.
	segment := rapid.SampledFrom([]string{"aa", "bb", "Aab", ":id", ":name", "products", "", ":id?", ":id<int>", ":x-:y", "*", "a.:z"})
	part := rapid.SampledFrom([]string{"aa", "bb", "aab", "Aab", "products", "77", "", "x.y", "a-b", "a.77"})
	rapid.Check(t, func(t *rapid.T) {
		config := fiber.Config{CaseSensitive: rapid.Bool().Draw(t, "case sensitive")}
		app := fiber.New(config)
		table := newRouteTable(app.Config())
		ran := ""
		for i := range rapid.IntRange(1, 6).Draw(t, "routes") {
			path := drawPath(t, segment)
			if rapid.IntRange(0, 4).Draw(t, "star") == 0 {
				path = strings.TrimSuffix(path, "/") + "/*"
			}
			table.add(http.MethodGet, path, &route{template: path, order: i})
			app.Get(path, func(*fiber.Ctx) error { ran = path; return nil })
		}
		request := drawPath(t, part)
		response, err := app.Test(httptest.NewRequest(http.MethodGet, request, http.NoBody), -1)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())

		found := ""
		if r := table.find(http.MethodGet, []byte(request)); r != nil {
			found = r.template
		}
		require.Equal(t, ran, found, "GET %s", request)
	})
}

var parameter = regexp.MustCompile(":[a-z]+")

func drawPath(t *rapid.T, segment *rapid.Generator[string]) string {
	parts := rapid.SliceOfN(segment, 1, 4).Draw(t, "path")
	for i, p := range parts { // Fiber does not allow one name twice
		parts[i] = parameter.ReplaceAllString(p, "$0"+strings.Repeat("x", i))
	}
	path := "/" + strings.Join(parts, "/")
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

func TestARouteIsMeasuredWhateverItsPathIsMadeOf(t *testing.T) {
	for name, c := range map[string]struct{ path, request, route string }{
		"a parameter":                             {"/farms/:id", "/farms/7", "/farms/{id}"},
		"an optional parameter":                   {"/farms/:id?", "/farms/7", "/farms/:id?"},
		"an optional parameter that is not there": {"/farms/:id?", "/farms/", "/farms/:id?"},
		"a constraint":                            {"/farms/:id<int>", "/farms/7", "/farms/:id<int>"},
		"a constraint that is not met":            {"/farms/:id<int>", "/farms/seven", "unmatched"},
		"two parameters in one segment":           {"/flights/:from-:to", "/flights/DUB-SNN", "/flights/:from-:to"},
		"a name and its ending":                   {"/lists/:name.:ending", "/Lists/prices.csv/", "/lists/:name.:ending"},
		"a star in the middle":                    {"/a/*/b", "/a/x/y/b", "/a/*/b"},
		"a colon that is no parameter":            {`/lists\:sort`, "/lists:sort", `/lists\:sort`},
	} {
		t.Run(name, func(t *testing.T) {
			tel, err := Start(Config{Service: "test", Logs: io.Discard})
			require.NoError(t, err)
			app := fiber.New()
			app.Get(c.path, func(*fiber.Ctx) error { return nil })
			tel.Instrument(app)
			_, err = app.Test(httptest.NewRequest(http.MethodGet, c.request, http.NoBody), -1)
			require.NoError(t, err)
			page := httptest.NewRecorder()
			tel.MetricsHandler().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
			require.Regexp(t, `http_server_request_duration_seconds_count\{.*http_route="`+regexp.QuoteMeta(strings.ReplaceAll(c.route, `\`, `\\`))+`"\} 1\n`, page.Body.String())
		})
	}
}
