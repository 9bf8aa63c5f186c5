package main_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// orderState is what a customer sees of an order.
type orderState struct {
	Data struct {
		ID    string `json:"id"`
		State string `json:"state"`
	} `json:"data"`
}

// pay asks the server for the payment of the order, and returns the status.
func (c *crashTest) pay(p *process, order, key, method string) int {
	return c.send(p, c.tokens[0], "/api/v1/orders/"+order+"/pay", key, []byte(`{"method":"`+method+`"}`)).status
}

// buy places an order and returns its id.
func (c *crashTest) buy(p *process) string {
	c.t.Helper()
	key, order := c.newOrder()
	order.token = c.tokens[0]
	c.place(p, key, order)
	require.NotEmpty(c.t, order.id)
	return order.id
}

// becomes waits until the order is in the state.
func (c *crashTest) becomes(p *process, order, want string) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		request, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, p.api+"/api/v1/orders/"+order, http.NoBody)
		require.NoError(c.t, err)
		request.Header.Set("Authorization", "Bearer "+c.tokens[0])
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		var got orderState
		return json.NewDecoder(response.Body).Decode(&got) == nil && got.Data.State == want
	}, patience, 20*time.Millisecond, "order %s becomes %s", order, want)
}

func newPayingTest(t *testing.T, url string) *crashTest {
	t.Helper()
	c := &crashTest{t: t, url: url, sent: map[string]*sentOrder{}}
	c.open(func(s *store.Store) {
		_, err := migrations.Migrate(t.Context(), s.DB())
		require.NoError(t, err)
		c.fair = markettest.NewFairAt(t, s, time.Now().UTC().Truncate(time.Second), 1000, 1000)
	})
	return c
}

func TestWithTheProviderDownOrdersArePlacedAndPaidLater(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		c := newPayingTest(t, url)
		p := start(t, append(c.settings(), "PAYMENT_TIMEOUT=200ms")...)
		c.logIn(p)
		status, body := ask(t, http.MethodPost, p.admin+"/admin/sandbox", `{"behaviour":"fail","duration":"10m"}`)
		require.Equal(t, 201, status, body)

		order, key := c.buy(p), uuid.NewString()
		require.Eventually(t, func() bool {
			require.Equal(t, 503, c.pay(p, order, key, ""))
			status, body := p.get("/api/health")
			require.Equal(t, 200, status, "the market works without its provider")
			return strings.Contains(body, `"payments":{"status":"down","required":false`)
		}, patience, 50*time.Millisecond)
		status, body = p.get("/api/ready")
		require.Equal(t, 200, status)
		require.Contains(t, body, `"payments":"down"`)
		require.Contains(t, body, `"breakers":{"payments":"open"}`, "the breaker is part of readiness's detail")
		status, _ = p.get("/api/v1/products")
		require.Equal(t, 200, status)
		c.buy(p)

		status, _ = ask(t, http.MethodDelete, p.admin+"/admin/sandbox", "")
		require.Equal(t, 204, status)
		require.Eventually(t, func() bool { return c.pay(p, order, key, "") == 200 }, patience, 100*time.Millisecond,
			"the breaker closes, and the same call pays")
		c.becomes(p, order, "paid")
		require.Zero(t, p.stop(syscall.SIGTERM))
	})
}

func TestAKilledServerKnowsItsSandboxPaymentsAndTheirEvents(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		c := newPayingTest(t, url)
		p := start(t, c.settings()...)
		c.logIn(p)
		order := c.buy(p)
		require.Equal(t, 200, c.pay(p, order, uuid.NewString(), "sandbox_processing"))
		require.NoError(t, p.cmd.Process.Kill())
		<-p.done

		p = start(t, append(c.settings(), "PAYMENT_INTERVAL=10m")...) // the event alone is to tell
		c.becomes(p, order, "paid")
		require.Zero(t, p.stop(syscall.SIGTERM))
	})
}
