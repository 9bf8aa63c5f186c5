package api

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/swaggest/swgui/v5emb"
)

// docsPolicy lets Swagger UI run: its start-up script is inline, and all its assets are served from here.
const docsPolicy = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; frame-ancestors 'none'"

// registerDocs serves Swagger UI at /docs, from assets in the program.
func registerDocs(app *fiber.App) {
	ui := adaptor.HTTPHandler(v5emb.New("Farmers Market API", "/openapi.json", "/docs/"))
	serve := func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentSecurityPolicy, docsPolicy)
		c.Set(fiber.HeaderCacheControl, fixedAnswer.String())
		return ui(c)
	}
	app.Get("/docs", serve)
	app.Get("/docs/*", serve)
}
