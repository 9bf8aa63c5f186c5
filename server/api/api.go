// Package api is the HTTP interface of the market: one file per resource, typed by Huma, served by Fiber.
package api

import (
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/cache"
	"github.com/farmersmarket/platform/server/clientaddr"
	"github.com/farmersmarket/platform/server/faults"
	"github.com/farmersmarket/platform/server/health"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/payments"
	"github.com/farmersmarket/platform/telemetry"
)

// Version of the HTTP API. Within one, changes only add.
const apiVersion = "1.0.0"

// Options are what the API needs of the rest of the service.
type Options struct {
	Catalogue *market.Catalogue
	Producers *market.Producers
	Plan      *market.Plan
	Checkout  *market.Checkout
	Payments  *payments.Inbox
	Reports   *market.Reports
	Accounts  *market.Accounts
	Sessions  *auth.Sessions
	Health    *health.Checker
	Telemetry *telemetry.Telemetry
	Faults    *faults.Injector // nil when faults are off
	Cache     *cache.Cache     // nil: no answers are kept

	Images         Images
	RUM            RUM
	RateLimits     RateLimits
	TrustedProxies clientaddr.Networks // whose X-Forwarded-For is believed
	CORSOrigins    []string            // of pages elsewhere that may call the API

	Version        string // of the service
	Environment    string
	RequestTimeout time.Duration
	BodyLimit      int // bytes
}

// New builds the Fiber app with every route, instrumented.
func New(o Options) (*fiber.App, error) { return build(o, deprecations()) }

func build(o Options, ending []deprecation) (*fiber.App, error) {
	app := fiber.New(fiber.Config{
		AppName:               "Farmers Market",
		DisableStartupMessage: true,
		CaseSensitive:         true,
		BodyLimit:             o.BodyLimit,
		ReadBufferSize:        8 << 10,  // bounds the request line and headers
		WriteBufferSize:       16 << 10, // a usual answer leaves in one system call
		ReadTimeout:           10 * time.Second,
		WriteTimeout:          30 * time.Second,
		IdleTimeout:           2 * time.Minute, // longer than a load balancer's, so that it closes first
		ErrorHandler:          answerError,
	})
	app.Server().CloseOnShutdown = true // keep-alive clients move on while we drain
	app.Server().HeaderReceived = largerUploads(o.Images.Limit)
	routeUnknownMethods(app)
	o.Telemetry.Use(app)
	app.Use(securityHeaders)
	if len(o.CORSOrigins) > 0 {
		app.Use(share(o.CORSOrigins))
	}
	app.Use(deprecate(ending)) // before all that refuses, whose answers must tell too
	app.Use(bound(o.RequestTimeout))
	app.Use(findClient(o.TrustedProxies))
	app.Use(authenticate(o.Sessions))
	if o.RateLimits.Limiter != nil {
		app.Use(limitRate(o.RateLimits))
	}
	app.Use(refuseEncoded)
	if o.Faults != nil {
		app.Use(o.Faults.Middleware(o.Telemetry.Metrics))
	}
	app.Use(countViews(o.Telemetry.Metrics))
	caching := newHTTPCache(o.Cache)
	app.Use(caching.handle)
	api := humafiber.New(app, humaConfig())
	api.UseMiddleware(authorize(api, o.Sessions), unescapePath(api))
	register(api, o)
	registerDocs(app, o.RUM)
	serveRUMScript(app, o.RUM.Script)
	serveImages(app, o.Images.Store)
	if err := documentDeprecations(api.OpenAPI(), ending); err != nil {
		return nil, err
	}
	caching.learn(api.OpenAPI())
	addHeads(app)
	if err := checkAccess(api.OpenAPI()); err != nil {
		return nil, err
	}
	o.Telemetry.Instrument(app, telemetry.WithOutcomes(documentedOutcomes(api.OpenAPI())))
	return app, nil
}

// OpenAPI returns the API's OpenAPI 3.1 document as JSON. It needs nothing of the service running.
func OpenAPI() ([]byte, error) {
	api := humafiber.New(fiber.New(), humaConfig())
	register(api, Options{})
	if err := documentDeprecations(api.OpenAPI(), deprecations()); err != nil {
		return nil, err
	}
	return api.OpenAPI().MarshalJSON()
}

// register adds every operation, each through protect.
func register(api huma.API, o Options) {
	registerHealth(api, o)
	registerAuth(api, o.Sessions, o.Accounts)
	registerAccounts(api, o.Accounts, o.Sessions)
	RegisterProducts(api, o.Catalogue, o.Producers)
	RegisterImages(api, o.Images, o.Producers)
	RegisterFarms(api, o.Catalogue, o.Producers)
	RegisterManaged(api, o.Producers)
	RegisterMarkets(api, o.Plan)
	RegisterMarketDays(api, o.Plan)
	RegisterOfferings(api, o.Plan)
	RegisterOrders(api, o.Checkout)
	RegisterReports(api, o.Reports)
	RegisterPayments(api, o.Payments)
	registerRUM(api, o.RUM.Recorder)
}

func humaConfig() huma.Config {
	config := huma.DefaultConfig("Farmers Market API", apiVersion)
	config.Info.Description = "Farms, their products, and what is on offer on market days. Bodies are taken as they are: one with a " +
		"Content-Encoding is answered with 415.\n\n" + deprecationPolicy
	config.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	config.DocsPath = ""    // ours needs no asset from elsewhere
	config.SchemasPath = "" // the document has them
	config.Components.SecuritySchemes = securitySchemes()
	config.CreateHooks = nil // no $schema field in answers
	config.OnAddOperation = []huma.AddOpFunc{documentBodyErrors, documentCaching, documentLimit}
	config.Transformers = []huma.Transformer{addTraceID}
	config.Formats = formats()
	useProblems()
	return config
}

// documentedOutcomes reads the status codes that each route may answer with from the OpenAPI document.
func documentedOutcomes(document *huma.OpenAPI) func(method, route string) []int {
	return func(method, route string) []int {
		outcomes := []int{fiber.StatusInternalServerError}
		item := document.Paths[route]
		if item == nil || operationsOf(item)[method] == nil {
			return append(outcomes, fiber.StatusOK)
		}
		for code := range operationsOf(item)[method].Responses {
			if status, err := strconv.Atoi(code); err == nil && status != fiber.StatusInternalServerError {
				outcomes = append(outcomes, status)
			}
		}
		return outcomes
	}
}
