package api_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/health"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry"
)

// BenchmarkPlacingAnOrder places orders of three lines over HTTP, with authentication, traces, metrics and access log on,
// and as the bare transaction: the same statements through bun, unmeasured and with no HTTP. They take turns on one
// database, so that whatever else the machine does befalls both. It reports the orders a second of each and their ratio,
// which is to be at least 0.7.
func BenchmarkPlacingAnOrder(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgresql": storetest.PostgreSQL} {
		b.Run(name, func(b *testing.B) {
			bench := newOrderBench(b, url(b))
			bench.drive(b, bench.overHTTP) // warm up
			bench.drive(b, bench.bare)
			var counts turns
			b.ResetTimer()
			for range b.N {
				bare := bench.drive(b, bench.bare)
				counts.add(bench.drive(b, bench.overHTTP), bare)
			}
			counts.report(b, turn, "http-orders/s", "bare-orders/s")
		})
	}
}

// turn is how long each side places orders before the other does.
const turn = 500 * time.Millisecond

type orderBench struct {
	fair   *markettest.Fair
	buyer  market.Actor
	token  string
	url    string
	client fasthttp.Client // it costs little of the cores that it shares with the service
}

func newOrderBench(b *testing.B, url string) *orderBench {
	b.Helper()
	unmeasured := storetest.Open(b, url, store.Options{})
	_, err := migrations.Migrate(b.Context(), unmeasured.DB())
	require.NoError(b, err)
	quantities := make([]int64, 24)
	for i := range quantities {
		quantities[i] = market.MaxQuantity
	}
	o := &orderBench{fair: markettest.NewFairAt(b, unmeasured, time.Now().UTC().Truncate(time.Second), quantities...)}
	logs, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(b, err)
	tel, err := telemetry.Start(telemetry.Config{
		Service: "market-api", OTLPEndpoint: startCollector(b), OTLPInsecure: true, SampleRatio: 1, AccessLogRatio: 1, Logs: logs,
	})
	require.NoError(b, err)
	measured := storetest.Open(b, url, store.Options{})
	measured.Observe(tel.DatabaseHook(measured.System(), measured.Name()))
	sessions := o.logIn(b, measured, tel)
	app, err := api.New(api.Options{
		Catalogue: market.NewCatalogue(measured), Sessions: sessions,
		Checkout:  market.NewCheckout(measured, markettest.NewProvider(), market.SystemClock{}, &markettest.Observer{}, markettest.Rules()),
		Telemetry: tel, Health: health.New(tel), Environment: "test", BodyLimit: 1 << 20, RequestTimeout: 5 * time.Second,
	})
	require.NoError(b, err)
	o.url = "http://" + listen(b, app) + "/api/v1/orders"
	return o
}

func (o *orderBench) logIn(b *testing.B, s *store.Store, tel *telemetry.Telemetry) *auth.Sessions {
	b.Helper()
	keys, err := auth.ParseKeys("test:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	require.NoError(b, err)
	tokens, err := auth.NewTokens(keys, time.Hour, market.SystemClock{})
	require.NoError(b, err)
	hasher := auth.NewHasher(auth.Params{Memory: 8, Passes: 1, Threads: 1}, 4)
	sessions := auth.NewSessions(auth.Options{
		Store: s, Tokens: tokens, Hasher: hasher, Limits: auth.DefaultLimits(), TTL: time.Hour, Clock: market.SystemClock{}, Metrics: tel.Metrics,
	})
	account, err := auth.Create(b.Context(), s, hasher, market.SystemClock{},
		auth.Registration{Email: "nora@example.org", Name: "Nora Byrne", Password: password, Role: market.Customer})
	require.NoError(b, err)
	grant, err := sessions.Login(b.Context(), "nora@example.org", password, "bench")
	require.NoError(b, err)
	o.buyer, o.token = market.Actor{ID: account.ID, Role: account.Role}, grant.AccessToken
	return sessions
}

// wanted is an order of three of the offerings.
func (o *orderBench) wanted(n int64) market.Placement {
	placement := o.fair.Want()
	for i := range int64(3) {
		at := (n*5 + i*7) % int64(len(o.fair.Offerings))
		placement.Lines = append(placement.Lines, market.WantedLine{OfferingID: o.fair.Offerings[at].ID, Quantity: 1})
	}
	return placement
}

func (o *orderBench) bare(ctx context.Context, n int64) error {
	_, _, err := o.fair.Checkout.Place(ctx, o.buyer, o.wanted(n))
	return err
}

func (o *orderBench) overHTTP(_ context.Context, n int64) error {
	placement := o.wanted(n)
	order := api.NewOrder{MarketDayID: placement.MarketDayID, SlotID: placement.SlotID}
	for _, line := range placement.Lines {
		order.Lines = append(order.Lines, api.NewOrderLine{OfferingID: line.OfferingID, Quantity: line.Quantity})
	}
	body, err := json.Marshal(order)
	if err != nil {
		return err
	}
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(o.url)
	request.Header.SetMethod(fasthttp.MethodPost)
	request.Header.SetContentType("application/json")
	request.Header.Set("Authorization", "Bearer "+o.token)
	request.Header.Set("Idempotency-Key", placement.IdempotencyKey)
	request.SetBody(body)
	err = o.client.Do(request, response)
	if err == nil && response.StatusCode() != fasthttp.StatusCreated {
		err = fmt.Errorf("answered %d: %s", response.StatusCode(), response.Body())
	}
	return err
}

// drive places orders for the time, from many clients at once, and returns how many.
func (o *orderBench) drive(b *testing.B, placeOne func(context.Context, int64) error) int {
	b.Helper()
	const clients = 16
	var (
		count    atomic.Int64
		next     atomic.Int64
		ordering sync.WaitGroup
		end      = time.Now().Add(turn)
	)
	for range clients {
		ordering.Go(func() {
			for time.Now().Before(end) {
				if err := placeOne(b.Context(), next.Add(1)); err != nil {
					b.Error(err)
					return
				}
				count.Add(1)
			}
		})
	}
	ordering.Wait()
	return int(count.Load())
}
