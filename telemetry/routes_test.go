package telemetry

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The table must name the route that Fiber really runs; anything else would put a request under a wrong route.
func TestTheTableFindsTheRouteThatFiberRuns(t *testing.T) {
	// Fiber looks routes up by their first three bytes, so that /a is not found under /a/*. No segment is that short here.
	segment := rapid.SampledFrom([]string{"aa", "bb", "Aab", ":id", ":name", "products", ""})
	part := rapid.SampledFrom([]string{"aa", "bb", "aab", "Aab", "products", "77", "", "x.y"})
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
			require.NoError(t, table.add(http.MethodGet, path, &route{template: path, order: i}))
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

func drawPath(t *rapid.T, segment *rapid.Generator[string]) string {
	parts := rapid.SliceOfN(segment, 1, 4).Draw(t, "path")
	for i, p := range parts { // Fiber does not allow one name twice
		if strings.HasPrefix(p, ":") {
			parts[i] = p + strings.Repeat("x", i)
		}
	}
	path := "/" + strings.Join(parts, "/")
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

func TestAPathThatCannotBeFollowedIsRefused(t *testing.T) {
	for name, path := range map[string]string{
		"an optional parameter":         "/farms/:id?",
		"a constraint":                  "/farms/:id<int>",
		"two parameters in one segment": "/flights/:from-:to",
		"a star in the middle":          "/a/*/b",
	} {
		t.Run(name, func(t *testing.T) {
			tel, err := Start(Config{Service: "test", Logs: io.Discard})
			require.NoError(t, err)
			app := fiber.New()
			app.Get(path, func(*fiber.Ctx) error { return nil })
			require.ErrorContains(t, tel.Instrument(app), path)
		})
	}
}
