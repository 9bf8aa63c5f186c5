package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// TestAKilledServerLosesDoublesAndLeaksNothing kills the server without warning, again and again, while customers order
// and cancel. They do what good clients do: what was not answered they ask again, with the same key. In the end every
// order that was acknowledged is there, each key has one order, and every unit is in an order or available.
func TestAKilledServerLosesDoublesAndLeaksNothing(t *testing.T) {
	kills := 60
	if testing.Short() {
		kills = 5
	}
	storetest.EachURL(t, func(t *testing.T, url string) {
		crash := &crashTest{t: t, url: url, sent: map[string]*sentOrder{}}
		crash.open(func(s *store.Store) {
			_, err := migrations.Migrate(t.Context(), s.DB())
			require.NoError(t, err)
			crash.fair = markettest.NewFairAt(t, s, time.Now().UTC().Truncate(time.Second), 100_000, 100_000, 300, 50)
		})
		for range kills {
			p := start(t, crash.settings()...)
			crash.logIn(p)
			crash.shopUntil(p, func() {
				time.Sleep(time.Duration(20+rand.IntN(180)) * time.Millisecond) // the kill is to come at any moment
				require.NoError(t, p.cmd.Process.Kill())
				<-p.done
			})
		}
		p := start(t, crash.settings()...)
		crash.askAgain(p)
		require.Zero(t, p.stop(syscall.SIGTERM))
		crash.open(crash.check)
	})
}

type crashTest struct {
	t    *testing.T
	url  string
	fair *markettest.Fair

	mu     sync.Mutex
	tokens []string // of the customers
	sent   map[string]*sentOrder
}

// sentOrder is an order that was asked for, and what is known of it.
type sentOrder struct {
	token     string
	body      []byte
	id        string // once it is acknowledged
	refused   bool
	cancelled bool // once that is acknowledged
	cancels   bool // it was asked to be
}

func (c *crashTest) settings() []string {
	return []string{
		"DATABASE_URL=" + c.url, "MIGRATE=on", "SEED=off", "FAULTS=off", "EXPIRE_INTERVAL=20ms", "CLOSE_INTERVAL=20ms",
		"PAYMENT_INTERVAL=20ms", "AUDIT_INTERVAL=50ms", "ACCESS_LOG_RATIO=0", "TRACE_SAMPLE_RATIO=0",
		"AUTH_KEYS=test:" + strings.Repeat("A", 43) + "=",
	}
}

// open uses the database while no server does.
func (c *crashTest) open(use func(*store.Store)) {
	c.t.Helper()
	s := storetest.Open(c.t, c.url, store.Options{})
	use(s)
	require.NoError(c.t, s.Close())
}

// logIn makes the customers' accounts, once.
func (c *crashTest) logIn(p *process) {
	c.t.Helper()
	const customers = 3
	for n := len(c.tokens); n < customers; n++ {
		email := fmt.Sprintf("customer%d@example.org", n)
		status, body := c.send(p, "", "/api/v1/auth/register", "",
			[]byte(`{"email":"`+email+`","password":"a long password 4 tests","name":"Customer"}`))
		require.Less(c.t, status, 300, string(body))
		status, body = c.send(p, "", "/api/v1/auth/login", "", []byte(`{"email":"`+email+`","password":"a long password 4 tests"}`))
		require.Equal(c.t, http.StatusOK, status, string(body))
		var answer struct {
			Data struct {
				AccessToken string `json:"access_token"`
			} `json:"data"`
		}
		require.NoError(c.t, json.Unmarshal(body, &answer))
		c.tokens = append(c.tokens, answer.Data.AccessToken)
	}
}

// shopUntil lets customers order and cancel until the end is over.
func (c *crashTest) shopUntil(p *process, end func()) {
	c.t.Helper()
	const shoppers = 8
	var shopping sync.WaitGroup
	for range shoppers {
		shopping.Go(func() {
			for {
				select {
				case <-p.done:
					return
				default:
					c.shop(p)
				}
			}
		})
	}
	end()
	shopping.Wait()
}

// shop asks for an order, or for one again that was not answered, and cancels some.
func (c *crashTest) shop(p *process) {
	key, order := c.next()
	c.place(p, key, order)
	c.mu.Lock()
	cancel := order.id != "" && !order.cancelled && (order.cancels || rand.IntN(4) == 0)
	order.cancels = order.cancels || cancel
	id := order.id
	c.mu.Unlock()
	if cancel {
		c.cancel(p, id, order)
	}
}

func (c *crashTest) next() (string, *sentOrder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, order := range c.sent {
		if order.id == "" && !order.refused {
			return key, order
		}
	}
	return c.newOrder()
}

func (c *crashTest) newOrder() (string, *sentOrder) {
	type line struct {
		OfferingID string `json:"offering_id"`
		Quantity   int    `json:"quantity"`
	}
	var lines []line
	for _, i := range rand.Perm(len(c.fair.Offerings))[:1+rand.IntN(len(c.fair.Offerings))] {
		lines = append(lines, line{c.fair.Offerings[i].ID, 1 + rand.IntN(3)})
	}
	body, err := json.Marshal(map[string]any{"market_day_id": c.fair.Day.ID, "slot_id": c.fair.Market.Slots[0].ID, "lines": lines})
	if err != nil {
		panic(err) // these types can be written
	}
	key, order := uuid.NewString(), &sentOrder{token: c.tokens[rand.IntN(len(c.tokens))], body: body}
	c.sent[key] = order
	return key, order
}

func (c *crashTest) place(p *process, key string, order *sentOrder) {
	status, body := c.send(p, order.token, "/api/v1/orders", key, order.body)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch status {
	case http.StatusCreated:
		var answer struct {
			Data struct {
				ID string `json:"id"`
			} `json:"data"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			c.t.Errorf("the answer %q: %v", body, err)
		}
		if order.id != "" && order.id != answer.Data.ID {
			c.t.Errorf("key %s placed the orders %s and %s", key, order.id, answer.Data.ID)
		}
		order.id, order.refused = answer.Data.ID, false
	case http.StatusConflict:
		order.refused = order.id == ""
	case 0, http.StatusServiceUnavailable, http.StatusGatewayTimeout: // not answered
	default:
		c.t.Errorf("placing an order was answered with %d: %s", status, body)
	}
}

func (c *crashTest) cancel(p *process, id string, order *sentOrder) {
	status, body := c.send(p, order.token, "/api/v1/orders/"+id+"/cancel", "", nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch status {
	case http.StatusOK:
		order.cancelled = true
	case 0, http.StatusServiceUnavailable, http.StatusGatewayTimeout: // not answered
	default:
		c.t.Errorf("cancelling an order was answered with %d: %s", status, body)
	}
}

// send posts and returns the answer; the status is 0 when there is none.
func (c *crashTest) send(p *process, token, path, key string, body []byte) (int, []byte) {
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, p.api+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil
	}
	for name, value := range map[string]string{"Authorization": "Bearer " + token, "Idempotency-Key": key} {
		if value != "" && value != "Bearer " {
			request.Header.Set(name, value)
		}
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close()
	var content bytes.Buffer
	if _, err := content.ReadFrom(response.Body); err != nil {
		return 0, nil
	}
	return response.StatusCode, content.Bytes()
}

// askAgain asks for everything that was not answered until it is, and once more for what was refused: of two requests
// with one key, one may have been refused, and the other, a moment later, not.
func (c *crashTest) askAgain(p *process) {
	c.t.Helper()
	for key, order := range c.sent {
		order.refused = false
		for order.id == "" && !order.refused && !c.t.Failed() {
			c.place(p, key, order)
		}
		for order.cancels && !order.cancelled && !c.t.Failed() {
			c.cancel(p, order.id, order)
		}
	}
}

// check compares what the customers know with the database.
func (c *crashTest) check(s *store.Store) {
	found, err := s.Audit(c.t.Context(), time.Time{})
	require.NoError(c.t, err)
	require.True(c.t, found.Clean(), found.String())

	stored := map[string]market.Order{}
	for n := 1; ; n++ {
		page, err := s.Orders(c.t.Context(), market.OrderQuery{Paging: market.Paging{Page: n, Limit: market.MaxLimit}})
		require.NoError(c.t, err)
		for _, order := range page.Items {
			require.NotContains(c.t, stored, order.IdempotencyKey, "an order was doubled")
			stored[order.IdempotencyKey] = order
		}
		if n >= page.Pages() {
			break
		}
	}
	acknowledged := 0
	for key, order := range c.sent {
		found, isStored := stored[key]
		if order.refused {
			require.False(c.t, isStored, "order %s was refused and is there", found.ID)
			continue
		}
		acknowledged++
		require.True(c.t, isStored, "order %s was acknowledged and is lost", order.id)
		require.Equal(c.t, order.id, found.ID)
		require.Equal(c.t, order.cancelled, found.State == market.OrderCancelled, "order %s is %s", order.id, found.State)
	}
	require.Len(c.t, stored, acknowledged, "nothing is there that nobody asked for")
	require.Positive(c.t, acknowledged)
	c.t.Logf("%d orders, of which %d were acknowledged", len(c.sent), acknowledged)
}
