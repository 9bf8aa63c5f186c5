package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"github.com/farmersmarket/platform/server/auth"
)

// CheckAccess fails when an operation of the document has no access rule.
func CheckAccess(document *huma.OpenAPI) error {
	return checkAccess(document)
}

// NewWithoutRule is an app with an operation at /open that has no access rule, and is in no document.
func NewWithoutRule(sessions *auth.Sessions) *fiber.App {
	app := fiber.New()
	app.Use(authenticate(sessions))
	api := humafiber.New(app, humaConfig())
	api.UseMiddleware(authorize(api, sessions))
	huma.Register(api, huma.Operation{OperationID: "open", Method: http.MethodGet, Path: "/open", Hidden: true},
		func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	return app
}

// Ending is a row of the table of deprecations.
type Ending struct {
	Method, Path  string
	Since, Sunset time.Time
	Successor     string
}

// NewWithEnding is New on the day when the operation stands in the table of deprecations.
func NewWithEnding(o Options, e Ending) (*fiber.App, error) {
	return build(o, []deprecation{{method: e.Method, path: e.Path, since: e.Since, sunset: e.Sunset, successor: e.Successor}})
}
