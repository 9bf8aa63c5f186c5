// Package config reads the service's settings from environment variables into one typed struct.
package config

import (
	"log/slog"
	"time"

	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/clientaddr"
	"github.com/farmersmarket/platform/server/ratelimit"
)

// Environments the service knows. Production is stricter: no faults, no sandbox.
const (
	Development = "development"
	Staging     = "staging"
	Production  = "production"
)

// Payment providers.
const (
	SandboxPayments = "sandbox"
	StripePayments  = "stripe"
)

// Config is everything that can be set.
type Config struct {
	Environment string

	HTTPAddr       string
	AdminAddr      string
	RequestTimeout time.Duration
	BodyLimit      int

	DatabaseURL      string
	DatabaseMaxConns int
	Migrate          bool
	Seed             bool

	AuthKeys       auth.Keys // empty outside of production: use the development key
	AuthKeyFile    string
	AccessTokenTTL time.Duration
	SessionTTL     time.Duration
	PasswordHashes int

	OrderHold       time.Duration
	OrderGrace      time.Duration
	ExpireInterval  time.Duration
	CloseInterval   time.Duration
	PaymentInterval time.Duration
	AuditInterval   time.Duration
	ForgetInterval  time.Duration

	Payments            string // SandboxPayments or StripePayments
	PaymentTimeout      time.Duration
	StripeSecretKey     Secret
	StripeWebhookSecret Secret
	StripeBaseURL       string

	RedisURL  string // empty: none
	CacheSize int    // bytes
	CacheTTL  time.Duration

	RateLimits      bool
	AuthRate        ratelimit.Rate
	WriteRate       ratelimit.Rate
	ImageRate       ratelimit.Rate
	ReadRate        ratelimit.Rate
	RUMRate         ratelimit.Rate
	RateLimitExempt clientaddr.Networks
	TrustedProxies  clientaddr.Networks

	CORSOrigins []string // of pages that may call the API from elsewhere

	ImagesURL     string
	ImageLimit    int // bytes
	ImageDecoders int

	RUMScript string   // file
	RUMApps   []string // that reports are told apart by
	RUMPages  []string // route templates

	Telemetry        bool
	OTLPEndpoint     string
	OTLPInsecure     bool
	TraceSampleRatio float64
	OTLPLogs         bool

	SlowQuery     time.Duration // 0: no query is slow
	SlowQueryPlan bool

	LogLevel          slog.Level
	AccessLogRatio    float64
	FullClientAddress bool

	SentryDSN Secret // empty: report failures nowhere

	DrainDelay   time.Duration
	DrainTimeout time.Duration
	FlushTimeout time.Duration

	Faults bool
}

// settings lists every variable: its name, its default, what it means, and where its value goes.
func (c *Config) settings() []setting {
	return []setting{
		{"ENVIRONMENT", Development, "development, staging or production", oneOf(&c.Environment, Development, Staging, Production)},
		{"HTTP_ADDR", "127.0.0.1:8080", "address of the public API", address(&c.HTTPAddr)},
		{"ADMIN_ADDR", "127.0.0.1:8081", "address of metrics, profiles and faults; keep it off the internet", address(&c.AdminAddr)},
		{"REQUEST_TIMEOUT", "5s", "time a request may take before it is answered with 504", duration(&c.RequestTimeout, 1*time.Millisecond)},
		{"BODY_LIMIT", "1048576", "largest request body in bytes", integer(&c.BodyLimit, 1, 1<<30)},
		{"DATABASE_URL", "sqlite://.run/market.db", "sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME", databaseURL(&c.DatabaseURL)},
		{"DATABASE_MAX_CONNS", "20", "most connections to the database", integer(&c.DatabaseMaxConns, 1, 1000)},
		{"MIGRATE", "auto", "on: migrate at start; off: never; auto: only SQLite", migrate(c)},
		{"SEED", "auto", "on: load the example catalogue at start; off: never; auto: only SQLite in development", seed(c)},
		{"AUTH_KEYS", "", "ID:BASE64,… keys of access tokens, the first signs, all verify; needed in production", authKeys(&c.AuthKeys)},
		{"AUTH_KEYS_FILE", "", "file that the keys are in, instead", authKeysFile(&c.AuthKeys)},
		{"AUTH_KEY_FILE", ".run/auth.key", "where a key for development is made and kept while there are no others", path(&c.AuthKeyFile)},
		{"ACCESS_TOKEN_TTL", "15m", "time that an access token is good for", duration(&c.AccessTokenTTL, 10*time.Second)},
		{"SESSION_TTL", "720h", "time from a login until one must log in again", duration(&c.SessionTTL, time.Minute)},
		{"PASSWORD_HASHES", "4", "passwords hashed at once, each with 19 MiB of memory; others wait", integer(&c.PasswordHashes, 1, 256)},
		{"ORDER_HOLD", "15m", "time that an unpaid order keeps its units", duration(&c.OrderHold, time.Second)},
		{"ORDER_GRACE", "10m", "longest time after the window's close that an order can be paid", duration(&c.OrderGrace, 0)},
		{"EXPIRE_INTERVAL", "5s", "time between looks for orders that were not paid in time", duration(&c.ExpireInterval, time.Millisecond)},
		{"CLOSE_INTERVAL", "30s", "time between looks for market days to close", duration(&c.CloseInterval, time.Millisecond)},
		{"PAYMENT_INTERVAL", "5s", "time between looks for refunds to make and payments to ask about", duration(&c.PaymentInterval, time.Millisecond)},
		{"AUDIT_INTERVAL", "1m", "time between audits of stock, totals and payments", duration(&c.AuditInterval, time.Millisecond)},
		{"FORGET_INTERVAL", "10m", "time between looks for keys, events and images that are too old to be kept", duration(&c.ForgetInterval, time.Millisecond)},
		{"PAYMENTS", SandboxPayments, "sandbox takes no money, and is refused in production; stripe", oneOf(&c.Payments, SandboxPayments, StripePayments)},
		{"PAYMENT_TIMEOUT", "4s", "time that one call of the payment provider may take", duration(&c.PaymentTimeout, time.Millisecond)},
		{"STRIPE_SECRET_KEY", "", "sk_… of the Stripe account", secret(&c.StripeSecretKey)},
		{"STRIPE_SECRET_KEY_FILE", "", "file that the secret key is in, instead", secretFile(&c.StripeSecretKey, "STRIPE_SECRET_KEY")},
		{"STRIPE_WEBHOOK_SECRET", "", "whsec_… of the webhook endpoint /api/v1/payments/webhook/stripe", secret(&c.StripeWebhookSecret)},
		{"STRIPE_WEBHOOK_SECRET_FILE", "", "file that the webhook's secret is in, instead", secretFile(&c.StripeWebhookSecret, "STRIPE_WEBHOOK_SECRET")},
		{"STRIPE_BASE_URL", "https://api.stripe.com", "where Stripe is", baseURL(&c.StripeBaseURL)},
		{"REDIS_URL", "", "redis://:PASSWORD@HOST:PORT/DATABASE; empty: each process caches and counts for itself", redisURL(&c.RedisURL)},
		{"CACHE_SIZE", "33554432", "most bytes that the cache takes in the process", integer(&c.CacheSize, 1<<10, 1<<34)},
		{"CACHE_TTL", "10s", "time that a cached answer is used unless it changes; bounds what one process misses of another's changes", duration(&c.CacheTTL, time.Millisecond)},
		{"RATE_LIMITS", "on", "bound what one client may ask for", onOff(&c.RateLimits)},
		{"RATE_LIMIT_AUTH", "30/1m", "log-ins and the like that one address may try in a time", rate(&c.AuthRate)},
		{"RATE_LIMIT_WRITES", "300/1m", "changes that one account or address may make in a time", rate(&c.WriteRate)},
		{"RATE_LIMIT_IMAGES", "10/1m", "photographs that one account or address may upload in a time", rate(&c.ImageRate)},
		{"RATE_LIMIT_READS", "1200/1m", "reads that one account or address may make in a time", rate(&c.ReadRate)},
		{"RATE_LIMIT_RUM", "60/1m", "reports of browsers that one address may send in a time", rate(&c.RUMRate)},
		{"RATE_LIMIT_EXEMPT", "auto", "networks without limits; auto: this machine in development, none otherwise", exempt(c)},
		{"TRUSTED_PROXIES", "", "networks of the proxies whose X-Forwarded-For is believed: 10.0.0.0/8, fd00::/8", networks(&c.TrustedProxies)},
		{"CORS_ORIGINS", "", "origins of pages elsewhere that may call the API: https://shop.example.org, http://localhost:3000; empty: none", origins(&c.CORSOrigins)},
		{"IMAGES_URL", "file://.run/images", "file://FOLDER, s3://BUCKET?region=REGION or azblob://CONTAINER", imagesURL(&c.ImagesURL)},
		{"IMAGE_LIMIT", "10485760", "largest image that can be uploaded, in bytes", integer(&c.ImageLimit, 1<<10, 1<<30)},
		{"IMAGE_DECODERS", "1", "images worked on at once, each with a processor and up to 530 MB of memory; others wait", integer(&c.ImageDecoders, 1, 64)},
		{"RUM_JS", "sdk/typescript/dist/browser/rum.js", "file served as /rum.js, made by `make build`; without it the route says so", path(&c.RUMScript)},
		{"RUM_APPS", "docs,shop", "web clients that browsers' reports are told apart by; others are `other`", words(&c.RUMApps, maxRUMApps, rumApp)},
		{"RUM_PAGES", rumPages, "route templates of pages that browsers' reports are told apart by; others are `other`", words(&c.RUMPages, maxRUMPages, rumPage)},
		{"TELEMETRY", "on", "off: no traces, HTTP and database metrics or access log, only lines about errors; to compare with", onOff(&c.Telemetry)},
		{"OTLP_ENDPOINT", "127.0.0.1:4317", "host:port of the OpenTelemetry Collector; none: export no traces", endpoint(&c.OTLPEndpoint)},
		{"OTLP_INSECURE", "on", "send to the collector without TLS", onOff(&c.OTLPInsecure)},
		{"TRACE_SAMPLE_RATIO", "1", "share of traces that is recorded, 0 to 1", ratio(&c.TraceSampleRatio)},
		{"SLOW_QUERY", "200ms", "time from which a database statement is logged as slow; 0: none is", duration(&c.SlowQuery, 0)},
		{"SLOW_QUERY_PLAN", "off", "log also how the database runs a slow statement, asked at most once a minute for each", onOff(&c.SlowQueryPlan)},
		{"OTLP_LOGS", "off", "send log lines to the collector too; Jaeger alone takes none", onOff(&c.OTLPLogs)},
		{"LOG_LEVEL", "info", "debug, info, warn or error", level(&c.LogLevel)},
		{"ACCESS_LOG_RATIO", "1", "share of successful requests that is logged, 0 to 1; errors always are", ratio(&c.AccessLogRatio)},
		{"CLIENT_ADDRESS", "network", "what logs and spans have of a client's address: its network (/24, /48), or full", clientAddress(&c.FullClientAddress)},
		{"SENTRY_DSN", "", "https://KEY@HOST/PROJECT of the Sentry project that failures are reported to; empty: nowhere", sentryDSN(&c.SentryDSN)},
		{"SENTRY_DSN_FILE", "", "file that the DSN is in, instead", secretFile(&c.SentryDSN, "SENTRY_DSN")},
		{"DRAIN_DELAY", "0s", "time between turning unready and closing the listener, for the load balancer to notice", duration(&c.DrainDelay, 0)},
		{"DRAIN_TIMEOUT", "10s", "time that requests in flight get to finish", duration(&c.DrainTimeout, 0)},
		{"FLUSH_TIMEOUT", "3s", "time that telemetry gets to be sent at the end", duration(&c.FlushTimeout, 0)},
		{"FAULTS", "off", "allow faults to be injected through the admin port; refused in production", onOff(&c.Faults)},
	}
}
