package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/farmersmarket/platform/telemetry"
)

// policyLink is where clients read what a deprecation means for them.
const policyLink = `</docs>; rel="deprecation"; type="text/html"`

// minNotice is the least time between the deprecation of an operation and its end: docs/api-versioning.md promises it.
const minNotice = 180 * 24 * time.Hour

// deprecation is the end of an operation, announced.
type deprecation struct {
	method, path string // as registered: /api/v1/products/{id}
	since        time.Time
	sunset       time.Time // from then on it may answer 410
	successor    string    // path of what to use instead; empty when there is nothing
}

// deprecations is the table of what is about to end. docs/api-versioning.md says what belongs here.
func deprecations() []deprecation {
	return []deprecation{}
}

// deprecate tells the clients of deprecated operations, on every answer, cached or not (RFC 9745, RFC 8594).
func deprecate(table []deprecation) fiber.Handler {
	ending := map[string]deprecation{}
	for _, d := range table {
		ending[d.method+" "+d.path] = d
	}
	return func(c *fiber.Ctx) error {
		if d, ends := ending[c.Method()+" "+telemetry.RouteOf(c.UserContext())]; ends {
			d.announce(c)
		}
		return c.Next()
	}
}

func (d deprecation) announce(c *fiber.Ctx) {
	c.Set("Deprecation", "@"+strconv.FormatInt(d.since.Unix(), 10))
	c.Set("Sunset", d.sunset.UTC().Format(http.TimeFormat))
	c.Append(fiber.HeaderLink, policyLink)
	if d.successor != "" {
		c.Append(fiber.HeaderLink, fmt.Sprintf(`<%s>; rel="successor-version"`, d.successor))
	}
}

// documentDeprecations marks the operations in the OpenAPI document. It fails for an operation that there is not, and for
// too short a notice.
func documentDeprecations(document *huma.OpenAPI, table []deprecation) error {
	var problems []error
	for _, d := range table {
		if d.sunset.Sub(d.since) < minNotice {
			problems = append(problems, fmt.Errorf("deprecation of %s %s: its sunset comes before %s have passed", d.method, d.path, minNotice))
		}
		item := document.Paths[d.path]
		if item == nil || operationsOf(item)[d.method] == nil {
			problems = append(problems, fmt.Errorf("deprecation of %s %s: there is no such operation", d.method, d.path))
			continue
		}
		operationsOf(item)[d.method].Deprecated = true
	}
	return errors.Join(problems...)
}
