package main_test

import (
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/redis/redistest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// More scenes of the contract test: of what clients do, good ones and others.

// untilCounted asks again and again until the series has counted something.
func (o *observed) untilCounted(series string, do func()) {
	o.t.Helper()
	counted := regexp.MustCompile("(?m)^" + regexp.QuoteMeta(series) + " [1-9]")
	require.Eventually(o.t, func() bool {
		do()
		return counted.MatchString(o.scrape())
	}, patience, patience/1000, "%s should count", series)
}

func nothing() {}

// fault makes the route misbehave for a minute.
func (o *observed) fault(route, what string) {
	o.t.Helper()
	status, body := ask(o.t, http.MethodPost, o.admin+"/admin/faults", `{"route":"`+route+`",`+what+`,"duration":"1m"}`)
	require.Equal(o.t, http.StatusCreated, status, body)
}

// sendRaw sends bytes to the API and goes away when it is answered; without an answer to wait for, at once.
func (o *observed) sendRaw(request string, answered bool) {
	o.t.Helper()
	conn := o.connect()
	_, err := io.WriteString(conn, request)
	require.NoError(o.t, err)
	if answered {
		_, err = http.ReadResponse(conn.reader, nil)
		require.NoError(o.t, err)
	}
	require.NoError(o.t, conn.Close())
}

// unusualRequests uses every method, takes too long, breaks off, and is no HTTP.
func unusualRequests(t *testing.T, contract *telemetrytest.Contract) {
	o := observe(t, contract, "REQUEST_TIMEOUT=3s", "LOG_LEVEL=debug")
	for _, method := range []string{http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace} {
		ask(t, method, o.api+"/api/v1/products", "")
	}
	o.sendRaw("CONNECT /api/v1/products HTTP/1.1\r\nHost: market\r\n\r\n", true)
	o.fault("/api/v1/markets", `"latency":{"distribution":"fixed","mean":"600ms"}`)
	o.get("/api/v1/markets")
	o.fault("/api/v1/farms", `"latency":{"distribution":"fixed","mean":"30s"}`)
	status, body := o.get("/api/v1/farms")
	require.Equal(t, http.StatusGatewayTimeout, status, body)
	o.sendRaw("POST /api/v1/auth/login HTTP/1.1\r\nHost: market\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", false)
	require.Eventually(t, func() bool { return strings.Contains(o.logs.String(), `"error.type":"canceled"`) }, patience, patience/1000)
	o.sendRaw("this is no HTTP\r\n\r\n", true)
	o.waitForLine("HTTP server")
	require.Eventually(t, func() bool {
		o.breakOffScrape()
		return strings.Contains(o.logs.String(), "metrics were not sent")
	}, patience, patience/1000)
	o.end()
}

// breakOffScrape asks for the metrics, and breaks the connection.
func (o *observed) breakOffScrape() {
	o.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(o.t.Context(), "tcp", strings.TrimPrefix(o.admin, "http://"))
	require.NoError(o.t, err)
	_, err = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: market\r\n\r\n")
	require.NoError(o.t, err)
	tcp, ok := conn.(*net.TCPConn)
	require.True(o.t, ok)
	require.NoError(o.t, tcp.SetLinger(0))
	require.NoError(o.t, tcp.Close())
}

// tooManyRequests goes on until it is refused.
func tooManyRequests(t *testing.T, contract *telemetrytest.Contract) {
	o := observe(t, contract, "RATE_LIMIT_EXEMPT=", "RATE_LIMIT_AUTH=20/1m")
	o.until(`market_logins_total{outcome="throttled"} 1`, func() {
		ask(t, http.MethodPost, o.api+"/api/v1/auth/login", `{"email":"nora@example.org","password":"not the password"}`)
	})
	o.untilCounted(`market_rate_limit_decisions_total{class="auth",outcome="refused"}`, func() {
		ask(t, http.MethodPost, o.api+"/api/v1/auth/login", `{"email":"nora@example.org","password":"not the password"}`)
	})
	o.get("/api/v1/products")
	ask(t, http.MethodPost, o.api+"/api/v1/rum", `{"app":"shop"}`)
	ask(t, http.MethodPost, o.api+"/api/v1/orders", `{}`)
	ask(t, http.MethodPut, o.api+"/api/v1/products/"+uuid.NewString()+"/image", "")
	o.end()
}

// sessions renews one, twice with the same token, and with one that is none.
func sessions(t *testing.T, contract *telemetrytest.Contract) {
	o := observe(t, contract)
	const nora = `"email":"nora@example.org","password":"hazel-Sunday-medlar"`
	o.send(http.MethodPost, "/api/v1/auth/register", "", `{`+nora+`,"name":"Nora"}`)
	token := `{"refresh_token":"` + o.send(http.MethodPost, "/api/v1/auth/login", "", `{`+nora+`}`).RefreshToken + `"}`
	for _, body := range []string{token, token, `{"refresh_token":"` + uuid.NewString() + `"}`} {
		ask(t, http.MethodPost, o.api+"/api/v1/auth/refresh", body)
	}
	o.end()
}

// aDayAtTheMarket takes orders to each of their ends.
func aDayAtTheMarket(t *testing.T, contract *telemetrytest.Contract) {
	c := newPayingTest(t, storetest.SQLite(t))
	o := observe(t, contract, append(c.settings(), "TRACE_SAMPLE_RATIO=1")...)
	c.logIn(o.process)
	o.seller()
	c.open(func(s *store.Store) {
		_, err := s.DB().ExecContext(t.Context(), "UPDATE accounts SET role = 'market_manager' WHERE email = 'seller@example.org'")
		require.NoError(t, err)
	})
	manager := o.send(http.MethodPost, "/api/v1/auth/login", "", sellersLogin).AccessToken
	o.get("/api/v1/offerings?market_day=" + c.fair.Day.ID)

	collected := c.buy(o.process)
	require.Equal(t, http.StatusOK, c.pay(o.process, collected, uuid.NewString(), ""))
	o.send(http.MethodPost, "/api/v1/orders/"+collected+"/packed", manager, "")
	o.send(http.MethodPost, "/api/v1/orders/"+collected+"/collected", manager, "")
	answer := c.send(o.process, c.tokens[0], "/api/v1/orders/"+collected+"/cancel", "", nil)
	require.Equal(t, http.StatusConflict, answer.status, answer.body)

	refunded := c.buy(o.process)
	require.Equal(t, http.StatusOK, c.pay(o.process, refunded, uuid.NewString(), ""))
	c.send(o.process, c.tokens[0], "/api/v1/orders/"+refunded+"/cancel", "", nil)
	o.until(`market_payments_total{state="refunded"} 1`, nothing)

	forgotten := c.buy(o.process)
	c.pay(o.process, forgotten, uuid.NewString(), "sandbox_requires_action")
	c.pay(o.process, c.buy(o.process), uuid.NewString(), "sandbox_timeout")
	c.open(func(s *store.Store) {
		_, err := s.DB().ExecContext(t.Context(), "UPDATE orders SET hold_expires_at = ? WHERE id = ?", time.Now().Add(-time.Minute), forgotten)
		require.NoError(t, err)
	})
	o.until(`market_orders_total{state="expired"} 1`, nothing)
	o.until(`market_payments_total{state="cancelled"} 1`, nothing)
	o.end()
}

// aPoolThatIsTooSmall lets requests wait for a connection.
func aPoolThatIsTooSmall(t *testing.T, contract *telemetrytest.Contract) {
	for system, address := range map[string]string{"sqlite": storetest.SQLite(t), "postgresql": storetest.PostgreSQL(t)} {
		o := observe(t, contract, "DATABASE_URL="+address, "DATABASE_MAX_CONNS=1", "MIGRATE=on", "SEED=on", "SLOW_QUERY=1ns", "RATE_LIMITS=off")
		for range 2 { // the second time the address is taken
			ask(t, http.MethodPost, o.api+"/api/v1/auth/register", `{"email":"nora@example.org","password":"hazel-Sunday-medlar","name":"Nora"}`)
		}
		o.untilCounted(`db_client_connection_waits_total{db_system_name="`+system+`"}`, o.getManyAtOnce)
		o.end()
	}
}

// getManyAtOnce asks for what is in no cache, more at once than there are idle connections.
func (o *observed) getManyAtOnce() {
	var asking sync.WaitGroup
	for range 16 {
		asking.Go(func() { o.get("/api/v1/products?q=" + uuid.NewString()) })
	}
	asking.Wait()
}

// twoServersWithOneRedis ask for the same: the second finds what the first has kept.
func twoServersWithOneRedis(t *testing.T, contract *telemetrytest.Contract) {
	settings := []string{"DATABASE_URL=" + storetest.SQLite(t), "MIGRATE=on", "SEED=on", "REDIS_URL=" + redistest.URL(t).String()}
	first, second := observe(t, contract, settings...), observe(t, contract, settings...)
	second.untilCounted(`market_cache_lookups_total{cache="catalogue",outcome="shared"}`, func() {
		path := "/api/v1/products?q=" + uuid.NewString()
		first.get(path)
		second.get(path)
	})
	second.end()
	first.end()
}

const sellersLogin = `{"email":"seller@example.org","password":"hazel-Sunday-medlar"}`
