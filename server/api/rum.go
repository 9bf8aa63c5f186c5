package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/farmersmarket/platform/server/rum"
)

// RUM is what the API does with reports of browsers.
type RUM struct {
	Recorder *rum.Recorder
	Script   *rum.Script // nil: it has not been built
}

const (
	rumPath       = "/api/v1/rum"
	rumScriptPath = "/rum.js"
)

// maxReport bounds a report, in bytes. The SDK keeps to it.
const maxReport = 16 << 10

type browserReportInput struct{ Body rum.BrowserReport }

func registerRUM(api huma.API, recorder *rum.Recorder) {
	op := operation(http.MethodPost, "report-browser", rumPath, "Report how a page did in a browser", "Browsers",
		http.StatusUnprocessableEntity)
	op.Description = "Web vitals, page loads and errors of one page, as the SDK's startRum and /rum.js send them. No personal data."
	op.DefaultStatus, op.MaxBodyBytes = http.StatusNoContent, maxReport
	huma.Register(api, protect(public(), op), func(ctx context.Context, in *browserReportInput) (*struct{}, error) {
		recorder.Record(ctx, in.Body)
		return nil, nil //nolint:nilnil // 204 has no body
	})
}

// serveRUMScript serves /rum.js, or says how to build it.
func serveRUMScript(app *fiber.App, script *rum.Script) {
	if script == nil {
		app.Get(rumScriptPath, func(*fiber.Ctx) error {
			return newProblem(http.StatusNotFound, "the script has not been built: run `make build`, or set RUM_JS to where it is")
		})
		return
	}
	const contentType = "text/javascript; charset=utf-8"
	plain := &keptAnswer{etag: script.ETag, contentType: contentType, body: script.Body}
	gzipped := &keptAnswer{etag: script.GzippedTag, contentType: contentType, body: script.Gzipped}
	app.Get(rumScriptPath, func(c *fiber.Ctx) error {
		c.Vary(fiber.HeaderAcceptEncoding)
		if strings.Contains(c.Get(fiber.HeaderAcceptEncoding), "gzip") {
			c.Set(fiber.HeaderContentEncoding, "gzip")
			gzipped.send(c, fixedAnswer.String())
			return nil
		}
		plain.send(c, fixedAnswer.String())
		return nil
	})
}
