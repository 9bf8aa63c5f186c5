package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"regexp"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"

	"github.com/farmersmarket/platform/telemetry"
)

const docsPath = "/docs"

// rumTag makes the page report how it does, and the calls that it makes join its trace.
const rumTag template.HTML = `<script src="` + rumScriptPath + `" data-app="docs" data-trace></script>`

// registerDocs serves Swagger UI at /docs, from assets in the program.
func registerDocs(app *fiber.App, rum RUM) {
	config := swgui.Config{}
	if rum.Script != nil {
		config.AppendHead = rumTag
	}
	handler := v5emb.NewWithConfig(config)("Farmers Market API", "/openapi.json", docsPath+"/")
	policy := docsPolicy(handler)
	ui := adaptor.HTTPHandler(handler)
	serve := func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentSecurityPolicy, policy)
		c.Set(fiber.HeaderCacheControl, fixedAnswer.String())
		if strings.TrimSuffix(c.Path(), "/") == docsPath {
			c.Set(fiber.HeaderCacheControl, pageAnswer)
			c.Set(headerServerTiming, telemetry.ServerTiming(c.UserContext()))
		}
		return serveFile(c, ui)
	}
	app.Get(docsPath, serve)
	app.Get(docsPath+"/*", serve)
}

// serveFile answers with a file of Swagger UI, whose own server writes entity tags without the quotes that they need, and
// compares them so. The tag is a weak one: it is the same for the file as it is and compressed.
func serveFile(c *fiber.Ctx, file fiber.Handler) error {
	condition := bytes.Clone(c.Request().Header.Peek(fiber.HeaderIfNoneMatch))
	c.Request().Header.Del(fiber.HeaderIfNoneMatch)
	if err := file(c); err != nil {
		return err
	}
	header := &c.Response().Header
	if len(header.Peek(fiber.HeaderETag)) == 0 {
		return nil
	}
	etag := `"` + string(header.Peek(fiber.HeaderETag)) + `"`
	header.Set(fiber.HeaderETag, "W/"+etag)
	if names(condition, etag) {
		c.Status(fiber.StatusNotModified)
		c.Response().ResetBody()
		header.Del(fiber.HeaderContentType)
		header.Del(fiber.HeaderContentEncoding)
	}
	return nil
}

// headerServerTiming carries the trace of a page to the browser.
const headerServerTiming = "Server-Timing"

// pageAnswer is of a page that says in which trace it was made. A trace is of one visit, so nobody uses the page again
// unasked; unlike no-store it lets the browser go back to it.
const pageAnswer = "private, no-cache"

var inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)

// docsPolicy lets Swagger UI run: its start-up scripts are inline and named by their hashes; all else is served from here.
func docsPolicy(page http.Handler) string {
	var asked fasthttp.RequestCtx
	asked.Request.SetRequestURI(docsPath + "/")
	fasthttpadaptor.NewFastHTTPHandler(page)(&asked)
	scripts := []string{"'self'"}
	for _, script := range inlineScript.FindAllSubmatch(asked.Response.Body(), -1) {
		sum := sha256.Sum256(script[1])
		scripts = append(scripts, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	return "default-src 'self'; script-src " + strings.Join(scripts, " ") + "; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
}
