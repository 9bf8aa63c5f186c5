package api

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/farmersmarket/platform/server/cache"
	"github.com/farmersmarket/platform/telemetry"
)

// Who may keep an answer, and how long. What is behind authentication is nobody's but the caller's.
const notCached = "private, no-store"

// freshness says how long an answer may be used without asking again.
type freshness struct {
	browser time.Duration // max-age: short, so that those who change something see it
	shared  time.Duration // s-maxage: of a CDN
	stale   time.Duration // stale-while-revalidate: how much longer a CDN may use it while it asks for a new one
}

// The kinds of public answer.
var (
	catalogueAnswer = freshness{browser: 5 * time.Second, shared: time.Minute, stale: time.Minute}
	planAnswer      = freshness{browser: 5 * time.Second, shared: 10 * time.Second, stale: 10 * time.Second}
	stockAnswer     = freshness{browser: time.Second, shared: 2 * time.Second, stale: 2 * time.Second}
	fixedAnswer     = freshness{browser: 5 * time.Minute, shared: time.Hour, stale: time.Hour}
	checkedAnswer   = freshness{} // may be kept, and must be asked for again each time
)

func (f freshness) String() string {
	if f == checkedAnswer {
		return "public, no-cache"
	}
	return fmt.Sprintf("public, max-age=%.0f, s-maxage=%.0f, stale-while-revalidate=%.0f",
		f.browser.Seconds(), f.shared.Seconds(), f.stale.Seconds())
}

// publicRead is how one public read is cached.
type publicRead struct {
	freshness freshness
	// madeFrom returns the tags of what the answer is made from, given the last segment of its path. Only answers that
	// have it are kept here, as they are sent.
	madeFrom func(id string) []string
}

// publicReads are the rules by operation. A public read that is not among them is a checkedAnswer.
func publicReads() map[string]publicRead {
	products := func(string) []string { return []string{cache.ProductsTag} }
	farms := func(string) []string { return []string{cache.FarmsTag} }
	product := func(id string) []string { return []string{cache.ProductTag(id), cache.FarmsTag} }
	farm := func(id string) []string { return []string{cache.FarmTag(id)} }
	return map[string]publicRead{
		"list-products":    {catalogueAnswer, products},
		"get-product":      {catalogueAnswer, product},
		"list-farms":       {catalogueAnswer, farms},
		"get-farm":         {catalogueAnswer, farm},
		"list-categories":  {fixedAnswer, nil},
		"list-markets":     {planAnswer, nil},
		"get-market":       {planAnswer, nil},
		"list-market-days": {planAnswer, nil},
		"get-market-day":   {planAnswer, nil},
		"list-offerings":   {stockAnswer, nil},
		"get-offering":     {stockAnswer, nil},
	}
}

// httpCache gives every answer its Cache-Control, and public reads their ETag; it answers conditional requests, and keeps
// the answers of public reads as they are sent.
type httpCache struct {
	answers *cache.Answers[*keptAnswer] // nil: none are kept
	reads   map[string]*cachedRoute     // by route template
}

// cachedRoute is a public read.
type cachedRoute struct {
	control  string // the Cache-Control header
	template string
	params   []queryParam
	madeFrom func(id string) []string
}

// queryParam is a query parameter that the operation knows.
type queryParam struct{ name, value string } // value is the default

// keptAnswer is an answer as it is sent. Nobody changes it.
type keptAnswer struct {
	etag        string
	contentType string
	body        []byte
}

func newHTTPCache(c *cache.Cache) *httpCache {
	h := &httpCache{reads: map[string]*cachedRoute{}}
	if c != nil {
		answers := cache.NewAnswers[*keptAnswer](c)
		h.answers = &answers
	}
	return h
}

// learn reads from the document which operations are public reads.
func (h *httpCache) learn(document *huma.OpenAPI) {
	rules := publicReads()
	for path, item := range document.Paths {
		if item.Get == nil || !isPublicRead(item.Get) {
			continue
		}
		rule := rules[item.Get.OperationID]
		route := &cachedRoute{control: rule.freshness.String(), template: path, madeFrom: rule.madeFrom}
		for _, p := range item.Get.Parameters {
			if p.In == "query" {
				route.params = append(route.params, queryParam{p.Name, defaultOf(p)})
			}
		}
		h.reads[path] = route
	}
	for _, path := range []string{"/openapi.json", "/openapi.yaml"} {
		h.reads[path] = &cachedRoute{control: fixedAnswer.String(), template: path}
	}
}

func defaultOf(p *huma.Param) string {
	if p.Schema == nil || p.Schema.Default == nil {
		return ""
	}
	return fmt.Sprint(p.Schema.Default)
}

// isPublicRead leaves out the health probes, whose answers are only good for the moment.
func isPublicRead(op *huma.Operation) bool {
	rule, _ := op.Metadata[accessKey].(Access)
	return rule.public && op.Method == http.MethodGet && !slices.Contains(ProbeRoutes(), op.Path)
}

// documentCaching adds what a public read answers to a conditional request.
func documentCaching(_ *huma.OpenAPI, op *huma.Operation) {
	if !isPublicRead(op) {
		return
	}
	op.Responses["304"] = &huma.Response{Description: "Not Modified: what If-None-Match names is still current"}
}

// handle is the middleware.
func (h *httpCache) handle(c *fiber.Ctx) error {
	route := h.reads[telemetry.RouteOf(c.UserContext())]
	if route == nil || (c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead) {
		return c.Next()
	}
	if h.answers == nil || route.madeFrom == nil {
		if err := c.Next(); err != nil {
			return err
		}
		h.finish(c, route)
		return nil
	}
	name := route.name(c)
	if kept, ok := h.answers.Get(name); ok {
		kept.send(c, route.control)
		return nil
	}
	made := h.answers.Now(route.madeFrom(lastSegment(c.Path()))...)
	if err := c.Next(); err != nil {
		return err
	}
	if answer := h.finish(c, route); answer != nil {
		h.answers.Keep(name, made, answer, len(answer.body))
	}
	return nil
}

// lastSegment is the id of a path that ends with one, as the catalogue knows it.
func lastSegment(path string) string {
	path = strings.TrimRight(path, "/")
	segment, err := url.PathUnescape(path[strings.LastIndexByte(path, '/')+1:])
	if err != nil {
		return "" // which is of nothing: the answer is a refusal, and not kept
	}
	return strings.ToLower(segment)
}

// finish makes the answer of a handler cacheable. It returns a copy of it, or nil when it is none to be cached.
func (h *httpCache) finish(c *fiber.Ctx, route *cachedRoute) *keptAnswer {
	if c.Response().StatusCode() != fiber.StatusOK {
		return nil
	}
	body := c.Response().Body()
	answer := &keptAnswer{
		etag:        string(c.Response().Header.Peek(fiber.HeaderETag)),
		contentType: string(c.Response().Header.ContentType()),
		body:        bytes.Clone(body),
	}
	if answer.etag == "" {
		answer.etag = etagOfBytes(body)
	}
	answer.send(c, route.control)
	return answer
}

// send answers, or says that what the client has is still good.
func (a *keptAnswer) send(c *fiber.Ctx, control string) {
	header := &c.Response().Header
	header.Set(fiber.HeaderCacheControl, control)
	header.Set(fiber.HeaderETag, a.etag)
	if condition := c.Request().Header.Peek(fiber.HeaderIfNoneMatch); len(condition) > 0 && names(condition, a.etag) {
		c.Status(fiber.StatusNotModified)
		c.Response().ResetBody()
		header.Del(fiber.HeaderContentType)
		return
	}
	header.SetContentType(a.contentType)
	c.Response().SetBodyRaw(a.body)
}

// names reports whether If-None-Match names the tag, by the weak comparison that RFC 9110, 13.1.2 asks for: a CDN that
// compresses makes tags weak.
func names(condition []byte, etag string) bool {
	for candidate := range bytes.SplitSeq(condition, []byte{','}) {
		candidate = bytes.TrimSpace(candidate)
		if string(candidate) == "*" || string(bytes.TrimPrefix(candidate, []byte("W/"))) == etag {
			return true
		}
	}
	return false
}

// name is the answer's name: the path, and of the query what makes a difference, in one order.
func (r *cachedRoute) name(c *fiber.Ctx) string {
	path := c.Context().URI().PathOriginal()
	text := make([]byte, 0, len(path)+64)
	text = append(text, path...)
	query := c.Context().QueryArgs()
	for _, p := range r.params {
		value := query.Peek(p.name)
		if len(value) == 0 || string(value) == p.value {
			continue
		}
		text = append(text, 0)
		text = append(text, p.name...)
		text = append(text, '=')
		text = append(text, value...)
	}
	return string(text)
}

// addHeads lets every read be asked for its headers alone. Fiber does it for the routes registered through it, and not for
// Huma's.
func addHeads(app *fiber.App) {
	heads := map[string]bool{}
	for _, route := range app.GetRoutes(true) {
		if route.Method == fiber.MethodHead {
			heads[route.Path] = true
		}
	}
	for _, route := range app.GetRoutes(true) {
		if route.Method == fiber.MethodGet && !heads[route.Path] {
			app.Head(route.Path, route.Handlers...)
		}
	}
}
