package main_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/server/redis/redistest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// More scenes of the contract test: of databases, caches and what the market does by itself.

// untilSpan asks again and again until there is such a span.
func (o *observed) untilSpan(such func(*tracepb.Span) bool, do func()) {
	o.t.Helper()
	require.Eventually(o.t, func() bool {
		do()
		return slices.ContainsFunc(o.collector.Spans(), such)
	}, patience, patience/1000)
}

// slowStatements calls every statement slow, and lets many ask for the same at once.
func slowStatements(t *testing.T, contract *telemetrytest.Contract) {
	o := observe(t, contract, "SLOW_QUERY=1ns", "SLOW_QUERY_PLAN=on", "RATE_LIMITS=off")
	ask(t, http.MethodPost, o.api+"/api/v1/auth/register", `{"email":"nora@example.org","password":"hazel-Sunday-medlar","name":"Nora"}`)
	o.waitForLine("plan of a slow statement")
	require.Eventually(t, func() bool { return strings.Contains(o.logs.String(), `"omitted":`) }, patience, patience/1000)
	o.untilSpan(func(span *tracepb.Span) bool { return span.GetName() == "cache wait catalogue" }, func() {
		path := "/api/v1/products?q=" + uuid.NewString()
		var asking sync.WaitGroup
		for range 16 {
			asking.Go(func() { o.get(path) })
		}
		asking.Wait()
	})
	o.end()
}

// refundThatFails cancels a paid order while the provider is down.
func refundThatFails(t *testing.T, contract *telemetrytest.Contract) {
	c := newPayingTest(t, storetest.SQLite(t))
	o := observe(t, contract, append(c.settings(), "TRACE_SAMPLE_RATIO=1")...)
	c.logIn(o.process)
	order := c.buy(o.process)
	require.Equal(t, http.StatusOK, c.pay(o.process, order, uuid.NewString(), ""))
	status, body := ask(t, http.MethodPost, o.admin+"/admin/sandbox", `{"behaviour":"fail","duration":"10m"}`)
	require.Equal(t, http.StatusCreated, status, body)
	answer := c.send(o.process, c.tokens[0], "/api/v1/orders/"+order+"/cancel", "", nil)
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	o.waitForLine("a background job failed")
	o.untilCounted(`market_payment_provider_rejections_total{operation="refund",provider="sandbox",reason="breaker"}`, func() { c.open(c.endLeases) })
	o.end()
}

// eventThatIsSentAgain does not take an event the first time.
func eventThatIsSentAgain(t *testing.T, contract *telemetrytest.Contract) {
	c := newPayingTest(t, storetest.SQLite(t))
	o := observe(t, contract, append(c.settings(), "TRACE_SAMPLE_RATIO=1", "FAULTS=on")...)
	c.logIn(o.process)
	status, body := ask(t, http.MethodPost, o.admin+"/admin/faults", `{"route":"/api/v1/payments/webhook/*","error_rate":1,"duration":"1m"}`)
	require.Equal(t, http.StatusCreated, status, body)
	refunded := c.buy(o.process) // of which no news arrives either, so the provider is asked
	require.Equal(t, http.StatusOK, c.pay(o.process, refunded, uuid.NewString(), "sandbox_refund_pending"))
	c.send(o.process, c.tokens[0], "/api/v1/orders/"+refunded+"/cancel", "", nil)
	o.untilCounted(`market_payment_provider_call_duration_seconds_count{operation="get_refund",outcome="ok",provider="sandbox"}`, func() { c.open(c.endLeases) })
	o.untilSpan(func(span *tracepb.Span) bool { return telemetrytest.Attribute(span, "http.request.resend_count") != "" }, func() {})
	c.open(func(s *store.Store) {
		_, err := s.DB().ExecContext(t.Context(), "UPDATE sandbox_deliveries SET document = 'illegible'")
		require.NoError(t, err)
	})
	c.pay(o.process, c.buy(o.process), uuid.NewString(), "") // which wakes who delivers
	o.waitForLine("sandbox events wait: they cannot be read or noted")
	o.end()
}

// aRedisThatKeepsNothing takes versions, and refuses what is to be kept under them.
func aRedisThatKeepsNothing(t *testing.T, contract *telemetrytest.Contract) {
	address := redistest.URL(t)
	options, err := goredis.ParseURL(address.String())
	require.NoError(t, err)
	administrator, reader := goredis.NewClient(options), "reader-"+uuid.NewString()
	require.NoError(t, administrator.ACLSetUser(t.Context(), reader, "on", ">password", "%R~*", "~farmersmarket:cache:1:version:*", "allchannels", "+@all").Err())
	t.Cleanup(func() {
		require.NoError(t, administrator.ACLDelUser(context.WithoutCancel(t.Context()), reader).Err())
		require.NoError(t, administrator.Close())
	})
	address.User = url.UserPassword(reader, "password")
	o := observe(t, contract, "REDIS_URL="+address.String())
	o.untilCounted(`market_cache_errors_total{operation="write"}`, func() { o.get("/api/v1/products?q=" + uuid.NewString()) })
	o.end()
}

// aFarmWithRedis changes something that other processes are told of, first with Redis and then with one that refuses.
func aFarmWithRedis(t *testing.T, contract *telemetrytest.Contract) {
	right := redistest.URL(t).String()
	wrong := redistest.URL(t)
	wrong.User = url.UserPassword("nobody", "not the password")
	for _, address := range []string{right, wrong.String()} {
		c := newPayingTest(t, storetest.SQLite(t))
		o := observe(t, contract, append(c.settings(), "TRACE_SAMPLE_RATIO=1", "REDIS_URL="+address)...)
		o.send(http.MethodPost, "/api/v1/farms", o.seller(), newFarm)
		o.end()
	}
}
