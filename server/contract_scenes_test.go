package main_test

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/farmersmarket/platform/server/redis/redistest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// The scenes of the contract test: each lets a server do, or suffer, something that it reports.

func requestsOfEveryKind(t *testing.T, contract *telemetrytest.Contract) {
	o := observe(t, contract)
	for _, path := range []string{"/api/v1/products?q=apple", "/api/v1/products/" + uuid.NewString(), "/docs", "/nothing/here", "/api/v1/products?limit=0", "/api/v1/orders"} {
		o.get(path)
	}
	ask(t, "BREW", o.api+"/api/v1/products", "")
	ask(t, http.MethodPost, o.api+"/api/v1/auth/register", `{"email":"nora@example.org","password":"hazel-Sunday-medlar","name":"Nora"}`)
	ask(t, http.MethodPost, o.api+"/api/v1/auth/login", `{"email":"nora@example.org","password":"hazel-Sunday-medlar"}`)
	ask(t, http.MethodPost, o.api+"/api/v1/auth/login", `{"email":"nora@example.org","password":"not the password"}`)
	for _, fault := range []string{
		`{"route":"/api/v1/farms","error_rate":1,"status":500,"duration":"1m"}`,
		`{"route":"/api/v1/markets","latency":{"distribution":"fixed","mean":"20ms"},"duration":"1m"}`,
		`{"route":"/api/v1/categories","error_rate":1,"panic":true,"duration":"1m"}`,
	} {
		status, body := ask(t, http.MethodPost, o.admin+"/admin/faults", fault)
		require.Equal(t, http.StatusCreated, status, body)
	}
	o.get("/api/v1/farms")
	o.get("/api/v1/markets")
	o.get("/api/v1/categories")
	o.end()
}

// ordersAndPayments lets customers order and pay in every way, on PostgreSQL.
func ordersAndPayments(t *testing.T, contract *telemetrytest.Contract) {
	c := newPayingTest(t, storetest.PostgreSQL(t))
	o := observe(t, contract, append(c.settings(), "TRACE_SAMPLE_RATIO=1", "ACCESS_LOG_RATIO=1", "FAULTS=on")...)
	c.logIn(o.process)
	for _, method := range []string{"", "sandbox_decline", "sandbox_fail", "sandbox_webhook_twice", "sandbox_processing"} {
		c.pay(o.process, c.buy(o.process), uuid.NewString(), method)
	}
	status, body := ask(t, http.MethodPost, o.admin+"/admin/faults",
		`{"route":"/api/v1/payments/webhook/*","error_rate":1,"duration":"1m"}`)
	require.Equal(t, http.StatusCreated, status, body)
	c.pay(o.process, c.buy(o.process), uuid.NewString(), "")
	o.waitForLine("sandbox event not taken; it is sent again")
	status, body = ask(t, http.MethodDelete, o.admin+"/admin/faults", "")
	require.Equal(t, http.StatusNoContent, status, body)

	order := c.buy(o.process)
	require.Equal(t, http.StatusOK, c.pay(o.process, order, uuid.NewString(), "sandbox_refund_fails"))
	cancelled := c.send(o.process, c.tokens[0], "/api/v1/orders/"+order+"/cancel", "", nil)
	require.Equal(t, http.StatusOK, cancelled.status, cancelled.body)
	o.waitForLine("a refund has failed")

	order = c.buy(o.process)
	require.Equal(t, http.StatusOK, c.pay(o.process, order, uuid.NewString(), ""))
	status, _ = ask(t, http.MethodGet, o.api+"/api/v1/orders/"+order, "") // nobody's
	require.Equal(t, http.StatusUnauthorized, status)
	answer := c.send(o.process, c.tokens[0], "/api/v1/orders/"+order+"/cancel", "", nil)
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	o.end()
}

func outageOfTheDatabase(t *testing.T, contract *telemetrytest.Contract) {
	address, err := url.Parse(storetest.PostgreSQL(t))
	require.NoError(t, err)
	proxy := storetest.NewProxy(t, address.Host)
	address.Host = proxy.Addr()
	o := observe(t, contract, "DATABASE_URL="+address.String(), "MIGRATE=on", "SEED=on", "REQUEST_TIMEOUT=2s", "EXPIRE_INTERVAL=50ms")
	proxy.Cut()
	o.waitForLine("dependency down")
	o.waitForLine("a background job failed")
	o.get("/api/v1/products?q=nobody-has-asked-this-before")
	ask(t, http.MethodPost, o.api+"/api/v1/auth/register", `{"email":"nora@example.org","password":"hazel-Sunday-medlar","name":"Nora"}`)
	proxy.Restore()
	o.waitForLine("dependency up again")
	proxy.Freeze()
	o.untilCounted(`db_client_connection_create_time_seconds_count{db_system_name="postgresql",error_type="timeout"}`, o.getManyAtOnce)
	o.untilCounted(`market_job_duration_seconds_count{error_type="timeout",job_name="expire-holds"}`, nothing)
	proxy.Restore()

	damaged := storetest.Open(t, address.String(), store.Options{})
	_, err = damaged.DB().ExecContext(t.Context(), "ALTER TABLE products RENAME TO mislaid")
	require.NoError(t, err)
	_, err = damaged.DB().ExecContext(t.Context(), "ALTER TABLE accounts RENAME TO strangers")
	require.NoError(t, err)
	_, err = damaged.DB().ExecContext(t.Context(), "ALTER TABLE orders RENAME TO wishes")
	require.NoError(t, err)
	require.NoError(t, damaged.Close())
	status, body := o.get("/api/v1/products?q=nor-this")
	require.Equal(t, http.StatusInternalServerError, status, body)
	status, body = ask(t, http.MethodPost, o.api+"/api/v1/auth/register", `{"email":"nora@example.org","password":"hazel-Sunday-medlar","name":"Nora"}`)
	require.Equal(t, http.StatusInternalServerError, status, body)
	o.untilCounted(`market_job_duration_seconds_count{error_type="internal",job_name="expire-holds"}`, nothing)
	o.end()
}

func outageOfRedis(t *testing.T, contract *telemetrytest.Contract) {
	address, proxy := redistest.Proxied(t)
	o := observe(t, contract, "REDIS_URL="+address, "RATE_LIMIT_EXEMPT=")
	o.get("/api/v1/products")
	proxy.Cut()
	o.until("market_redis_up 0", func() { o.get("/api/v1/products?q=" + uuid.NewString()) })
	proxy.Restore()
	o.until("market_redis_up 1", func() { o.get("/api/v1/products?q=" + uuid.NewString()) })
	o.waitForLine("redis back")
	o.end()
}

func outageOfTheProvider(t *testing.T, contract *telemetrytest.Contract) {
	c := newPayingTest(t, storetest.SQLite(t))
	o := observe(t, contract, append(c.settings(), "PAYMENT_TIMEOUT=200ms")...)
	c.logIn(o.process)
	status, body := ask(t, http.MethodPost, o.admin+"/admin/sandbox", `{"behaviour":"fail","duration":"10m"}`)
	require.Equal(t, http.StatusCreated, status, body)
	order, key := c.buy(o.process), uuid.NewString()
	o.until(`market_payment_provider_breaker_state{provider="sandbox",state="open"} 1`, func() { c.pay(o.process, order, key, "") })
	o.end()
}

func outageOfTheCollector(t *testing.T, contract *telemetrytest.Contract) {
	o := observe(t, contract)
	o.collector.RefuseNext(nil, status.Error(codes.Unavailable, "not now"))
	o.collector.RefuseNextLogs(nil, status.Error(codes.Unavailable, "not now"))
	o.get("/api/v1/farms")
	require.Eventually(t, func() bool {
		return strings.Count(o.logs.String(), "collector reachable again") == 2 //nolint:mnd // for spans and for lines
	}, patience, patience/1000)
	o.end()
}

// rowsThatBreakTheRules lets the audit find something.
func rowsThatBreakTheRules(t *testing.T, contract *telemetrytest.Contract) {
	c := newPayingTest(t, storetest.SQLite(t))
	c.open(func(s *store.Store) {
		_, err := s.DB().ExecContext(t.Context(), "UPDATE offerings SET available = available - 1")
		require.NoError(t, err)
	})
	o := observe(t, contract, c.settings()...)
	o.waitForLine("the audit found rows that break a rule")
	o.end()
}

// stopWithNobodyToReportTo ends a server while its collector is away.
func stopWithNobodyToReportTo(t *testing.T, contract *telemetrytest.Contract) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := listener.Addr().String()
	require.NoError(t, listener.Close())
	p := start(t, "OTLP_ENDPOINT="+nobody, "OTLP_LOGS=on", "FLUSH_TIMEOUT=100ms")
	p.get("/api/v1/farms")
	require.Zero(t, p.stop(syscall.SIGTERM))
	require.Contains(t, p.logs.String(), "telemetry was lost at the end")
	contract.SeeLogs(p.logs.String())
}
