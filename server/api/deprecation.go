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

// policyLink is where clients read what a deprecation means for them: the document's description, which has deprecationPolicy.
const policyLink = `<` + docsPath + `>; rel="deprecation"; type="text/html"`

// deprecationPolicy is what clients can rely on, in short. docs/api-versioning.md has the whole of it.
const deprecationPolicy = `## Versions and deprecation

Within /api/v1, changes only add: ignore fields that you do not know. An operation that is to end is marked as deprecated
here at least 180 days before. From then on its answers carry Deprecation (when it was deprecated, RFC 9745), Sunset (when
it ends, RFC 8594), and Link to this page and to what takes its place. From its sunset on it answers 410.`

// minNotice is the least time between the deprecation of an operation and its end: docs/api-versioning.md promises it.
const minNotice = 180 * 24 * time.Hour

// deprecation is the end of an operation, announced.
type deprecation struct {
	method, path string // as registered: /api/v1/products/{id}
	since        time.Time
	sunset       time.Time // from then on it answers 410
	successor    string    // path of what to use instead; empty when there is nothing
}

// deprecations is the table of what is about to end. docs/api-versioning.md says what belongs here.
func deprecations() []deprecation {
	return []deprecation{}
}

// deprecate tells the clients of deprecated operations, on every answer (RFC 9745, RFC 8594), and ends the operations
// whose sunset has come.
func deprecate(table []deprecation) fiber.Handler {
	ending := map[string]deprecation{}
	for _, d := range table {
		ending[d.method+" "+d.path] = d
	}
	return func(c *fiber.Ctx) error {
		method := c.Method()
		if method == fiber.MethodHead {
			method = fiber.MethodGet
		}
		d, ends := ending[method+" "+telemetry.RouteOf(c.UserContext())]
		if !ends {
			return c.Next()
		}
		d.announce(c)
		if !time.Now().Before(d.sunset) {
			return d.gone()
		}
		return c.Next()
	}
}

// gone is what the operation answers after its end.
func (d deprecation) gone() *Problem {
	detail := fmt.Sprintf("%s %s ended on %s", d.method, d.path, d.sunset.UTC().Format(time.DateOnly))
	if d.successor != "" {
		detail += ": use " + d.successor
	}
	return newProblem(http.StatusGone, detail+"; "+docsPath+" has the policy")
}

func (d deprecation) announce(c *fiber.Ctx) {
	c.Set("Deprecation", "@"+strconv.FormatInt(d.since.Unix(), 10))
	c.Set("Sunset", d.sunset.UTC().Format(http.TimeFormat))
	c.Append(fiber.HeaderLink, policyLink)
	if d.successor != "" {
		c.Append(fiber.HeaderLink, fmt.Sprintf(`<%s>; rel="successor-version"`, d.successor))
	}
}

// documentDeprecations marks the operations in the OpenAPI document, with the 410 of their end. It fails for an operation that there is not, and for
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
		operation := operationsOf(item)[d.method]
		operation.Deprecated = true
		operation.Responses[strconv.Itoa(http.StatusGone)] = &huma.Response{
			Description: "Gone: the operation has ended", Content: operation.Responses[strconv.Itoa(http.StatusInternalServerError)].Content,
		}
	}
	return errors.Join(problems...)
}
