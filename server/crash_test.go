package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/payments/sandbox"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// TestAKilledServerLosesDoublesAndLeaksNothing kills the server without warning, again and again, while customers order,
// pay and cancel, while holds expire and windows close. They do what good clients do: what was not answered they ask again, with
// the same key. In the end every order and payment that was acknowledged is there, each key has one outcome, every unit is in an
// order or available, the days are closed, and the provider has, for each order, what the order says was paid.
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
			crash.fair = markettest.NewFairAt(t, s, time.Now().UTC().Truncate(time.Second), 100_000, 100_000, 2000, 300)
			crash.planClosingDays()
		})
		cut := 0
		for n := range kills {
			p := start(t, crash.hurried()...)
			crash.logIn(p)
			crash.killing.Store(false)
			crash.cut.Store(false)
			crash.shopUntil(p, func() {
				time.Sleep(time.Duration(20+rand.IntN(180)) * time.Millisecond) // the kill is to come at any moment
				crash.killing.Store(true)
				require.NoError(t, p.cmd.Process.Kill())
				<-p.done
			})
			if crash.cut.Load() {
				cut++
			}
			crash.open(crash.endLeases)
			if n%3 == 0 {
				crash.open(crash.endHolds)
			}
		}
		require.Greater(t, 2*cut, kills, "most kills cut a request that was under way")
		p := start(t, crash.hurried()...)
		crash.askAgain(p)
		crash.open(crash.waitForTheEnd)
		require.Zero(t, p.stop(syscall.SIGTERM))
		crash.open(crash.check)
	})
}

// shoppers is how many things are asked for at once.
const shoppers = 8

type crashTest struct {
	t    *testing.T
	url  string
	fair *markettest.Fair
	days []closingDay

	killing atomic.Bool // the server is being killed
	cut     atomic.Bool // a request had no answer that was sent before

	mu     sync.Mutex
	tokens []string // of the customers
	sent   map[string]*sentOrder
}

// closingDay is a market day of which the window closes while customers order.
type closingDay struct {
	market.MarketDay

	offerings []market.Offering
}

// planClosingDays plans days of which the windows close one after the other.
func (c *crashTest) planClosingDays() {
	c.t.Helper()
	const days, apart = 20, 3 * time.Second
	now := c.fair.Clock.Now()
	for n := 1; n <= days; n++ {
		day, err := c.fair.Plan.AddMarketDay(c.t.Context(), c.fair.Manager, market.MarketDay{
			MarketID: c.fair.Market.ID, Date: now.AddDate(0, 0, 2+n).Format(time.DateOnly), OpensAt: now, ClosesAt: now.Add(time.Duration(n) * apart),
		})
		require.NoError(c.t, err)
		closing := closingDay{MarketDay: day}
		for _, of := range c.fair.Offerings {
			offering, err := c.fair.Plan.Offer(c.t.Context(), c.fair.Manager, market.Offering{
				MarketDayID: day.ID, ProductID: of.ProductID, Price: of.Price, Quantity: of.Quantity,
			})
			require.NoError(c.t, err)
			closing.offerings = append(closing.offerings, offering)
		}
		c.days = append(c.days, closing)
	}
}

// day is the one that closes next, or closed a moment ago, as often as it is the fair's, which stays open.
func (c *crashTest) day() (id string, offerings []market.Offering) {
	const moment = 200 * time.Millisecond
	for _, day := range c.days {
		if time.Since(day.ClosesAt) < moment && rand.IntN(2) == 0 {
			return day.ID, day.offerings
		}
	}
	return c.fair.Day.ID, c.fair.Offerings
}

// sentOrder is an order that was asked for, and what is known of it.
type sentOrder struct {
	token     string
	body      []byte
	placed    reply  // what the placement was answered
	id        string // once it is acknowledged
	payKey    string // once it was asked to be paid
	method    string
	paid      reply // what the payment was answered
	cancels   bool  // it was asked to be cancelled
	cancelled int   // the status that this was answered with
}

// reply is an answer that must stay the same; the zero reply is none yet.
type reply struct {
	status int
	body   string // without the trace_id of a problem
}

// hurried are settings with which holds expire while the server is killed.
func (c *crashTest) hurried() []string {
	return append(c.settings(), "ORDER_HOLD=2s", "ORDER_GRACE=1s")
}

func (c *crashTest) settings() []string {
	return []string{
		"DATABASE_URL=" + c.url, "MIGRATE=on", "SEED=off", "FAULTS=off", "EXPIRE_INTERVAL=20ms", "CLOSE_INTERVAL=20ms",
		"PAYMENT_INTERVAL=20ms", "AUDIT_INTERVAL=50ms", "ACCESS_LOG_RATIO=0", "TRACE_SAMPLE_RATIO=0",
		"AUTH_KEYS=test:" + strings.Repeat("A", 43) + "=",
	}
}

// open uses the database.
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
		got := c.send(p, "", "/api/v1/auth/register", "",
			[]byte(`{"email":"`+email+`","password":"a long password 4 tests","name":"Customer"}`))
		require.Less(c.t, got.status, 300, got.body)
		got = c.send(p, "", "/api/v1/auth/login", "", []byte(`{"email":"`+email+`","password":"a long password 4 tests"}`))
		require.Equal(c.t, http.StatusOK, got.status, got.body)
		var answer struct {
			Data struct {
				AccessToken string `json:"access_token"`
			} `json:"data"`
		}
		require.NoError(c.t, json.Unmarshal([]byte(got.body), &answer))
		c.tokens = append(c.tokens, answer.Data.AccessToken)
	}
}

// shopUntil lets customers order and cancel until the end is over.
func (c *crashTest) shopUntil(p *process, end func()) {
	c.t.Helper()
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

// shop asks for an order, or for one again that was not answered; pays some, and cancels some, be they paid or not.
func (c *crashTest) shop(p *process) {
	key, order := c.next()
	c.place(p, key, order)
	c.mu.Lock()
	acknowledged := order.id != ""
	if acknowledged && order.payKey == "" && rand.IntN(2) == 0 {
		order.payKey = uuid.NewString()
		order.method = []string{"", "sandbox_webhook_twice", "sandbox_webhook_twice", "sandbox_decline"}[rand.IntN(4)]
	}
	pay := order.payKey != "" && order.paid == reply{}
	order.cancels = order.cancels || acknowledged && rand.IntN(4) == 0
	cancel := order.cancels
	c.mu.Unlock()
	if pay {
		c.payFor(p, order)
	}
	if cancel {
		c.cancel(p, order)
	}
}

// next returns an order of which something was not answered, or as often a new one.
func (c *crashTest) next() (string, *sentOrder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if rand.IntN(2) == 0 {
		return c.newOrder()
	}
	for key, order := range c.sent {
		unanswered := order.placed == reply{} || order.payKey != "" && order.paid == reply{} || order.cancels && order.cancelled == 0
		if unanswered {
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
	day, offerings := c.day()
	for _, i := range rand.Perm(len(offerings))[:1+rand.IntN(len(offerings))] {
		lines = append(lines, line{offerings[i].ID, 1 + rand.IntN(3)})
	}
	body, err := json.Marshal(map[string]any{"market_day_id": day, "slot_id": c.fair.Market.Slots[0].ID, "lines": lines})
	if err != nil {
		panic(err) // these types can be written
	}
	key, order := uuid.NewString(), &sentOrder{token: c.tokens[rand.IntN(len(c.tokens))], body: body}
	c.sent[key] = order
	return key, order
}

func (c *crashTest) place(p *process, key string, order *sentOrder) {
	got := c.send(p, order.token, "/api/v1/orders", key, order.body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.keep("placing an order", &order.placed, got, http.StatusCreated, http.StatusConflict) || got.status != http.StatusCreated {
		return
	}
	var answer struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
		c.t.Errorf("the answer %q: %v", got.body, err)
	}
	order.id = answer.Data.ID
}

func (c *crashTest) payFor(p *process, order *sentOrder) {
	c.mu.Lock()
	path, key, body := "/api/v1/orders/"+order.id+"/pay", order.payKey, []byte(`{"method":"`+order.method+`"}`)
	c.mu.Unlock()
	got := c.send(p, order.token, path, key, body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep("paying", &order.paid, got, http.StatusOK, http.StatusPaymentRequired, http.StatusConflict)
}

// keep remembers what a request was answered, and reports whether it was. A repeat must have the same answer.
func (c *crashTest) keep(doing string, before *reply, got reply, expected ...int) bool {
	switch {
	case c.unanswered(got):
		return false
	case !slices.Contains(expected, got.status):
		c.t.Errorf("%s was answered with %d: %s", doing, got.status, got.body)
		return false
	case *before != reply{} && *before != got:
		c.t.Errorf("%s was answered with %v, and then with %v", doing, *before, got)
	}
	*before = got
	return true
}

// unanswered reports whether what was asked for is to be asked for again.
func (c *crashTest) unanswered(got reply) bool {
	return slices.Contains([]int{0, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, got.status) ||
		got.status == http.StatusConflict && strings.Contains(got.body, "still being carried out")
}

func (c *crashTest) cancel(p *process, order *sentOrder) {
	c.mu.Lock()
	path := "/api/v1/orders/" + order.id + "/cancel"
	c.mu.Unlock()
	got := c.send(p, order.token, path, "", nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case got.status == http.StatusOK, got.status == http.StatusConflict: // which it is when it has expired, or the harvest has begun
		order.cancelled = got.status
	case !c.unanswered(got):
		c.t.Errorf("cancelling an order was answered with %d: %s", got.status, got.body)
	}
}

var traceID = regexp.MustCompile(`,"trace_id":"[0-9a-f]+"`)

// send posts and returns the answer; the status is 0 when there is none.
func (c *crashTest) send(p *process, token, path, key string, body []byte) reply {
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, p.api+path, bytes.NewReader(body))
	if err != nil {
		return reply{}
	}
	for name, value := range map[string]string{"Authorization": "Bearer " + token, "Idempotency-Key": key} {
		if value != "" && value != "Bearer " {
			request.Header.Set(name, value)
		}
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	alive := !c.killing.Load()
	content, status, err := answerTo(request)
	if err != nil {
		if alive && c.killing.Load() {
			c.cut.Store(true)
		}
		return reply{}
	}
	return reply{status, traceID.ReplaceAllString(string(content), "")}
}

func answerTo(request *http.Request) (content []byte, status int, err error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	content, err = io.ReadAll(response.Body)
	return content, response.StatusCode, err
}

// endLeases lets the time pass that a call of the provider may take, after which others may ask.
func (c *crashTest) endLeases(s *store.Store) {
	now := time.Now().UTC()
	_, err := s.DB().ExecContext(c.t.Context(),
		"UPDATE payments SET lease_expires_at = ?, next_attempt_at = ? WHERE next_attempt_at IS NOT NULL", now, now)
	require.NoError(c.t, err)
}

// endHolds lets the holds end of orders that are being paid, as when the window is moved.
func (c *crashTest) endHolds(s *store.Store) {
	_, err := s.DB().ExecContext(c.t.Context(), "UPDATE orders SET hold_expires_at = ?, first_hold_expires_at = "+
		"COALESCE(first_hold_expires_at, hold_expires_at) WHERE state = 'pending_payment' AND id IN (SELECT order_id FROM payments WHERE state IN ('created', 'processing'))", time.Now().UTC())
	require.NoError(c.t, err)
}

// askAgain asks for everything once more, and for what was not answered until it is.
func (c *crashTest) askAgain(p *process) {
	c.t.Helper()
	until := func(ask func(), answered func() bool) {
		for ask(); !answered() && !c.t.Failed(); {
			ask()
		}
	}
	var asking errgroup.Group
	asking.SetLimit(shoppers)
	for key, order := range c.sent {
		asking.Go(func() error {
			until(func() { c.place(p, key, order) }, func() bool { return order.placed != reply{} })
			if order.payKey != "" {
				until(func() { c.payFor(p, order) }, func() bool { return order.paid != reply{} })
			}
			if order.cancels {
				until(func() { c.cancel(p, order) }, func() bool { return order.cancelled != 0 })
			}
			return nil
		})
	}
	_ = asking.Wait() // they report to the test themselves
}

// waitForTheEnd waits until the server has nothing more to ask the provider, and the provider nothing to tell, no order waits to be
// paid, and the days of which the window is over are closed.
func (c *crashTest) waitForTheEnd(s *store.Store) {
	require.Eventually(c.t, func() bool {
		var left int
		err := s.DB().NewRaw("SELECT (SELECT count(*) FROM payments WHERE state IN ('created', 'processing', 'refunding')) + "+
			"(SELECT count(*) FROM sandbox_deliveries) + (SELECT count(*) FROM orders WHERE state = 'pending_payment') + "+
			"(SELECT count(*) FROM market_days WHERE closed_at IS NULL AND closes_at < ?)", time.Now().UTC()).Scan(c.t.Context(), &left)
		return err == nil && left == 0
	}, patience, 50*time.Millisecond, "payments, holds and days come to an end")
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
		if len(page.Items) < market.MaxLimit { // a long list is counted only in part
			break
		}
	}
	charged := c.charged(s)
	var acknowledged, paid, expired, late int
	for key, order := range c.sent {
		found, isStored := stored[key]
		if order.id == "" {
			require.False(c.t, isStored, "order %s was refused and is there", found.ID)
			continue
		}
		acknowledged++
		require.True(c.t, isStored, "order %s was acknowledged and is lost", order.id)
		require.Equal(c.t, order.id, found.ID)
		require.Contains(c.t, order.ends(), found.State, "order %s", order.id)
		switch found.State {
		case market.OrderPaid:
			paid++
		case market.OrderExpired:
			expired++
			if slices.ContainsFunc(found.Payments, func(p market.Payment) bool { return p.RefundReason == market.RefundLate }) {
				late++
			}
		}
		require.Equal(c.t, found.State == market.OrderPaid, charged[order.id] == found.Total.Amount, "order %s", order.id)
	}
	require.Len(c.t, stored, acknowledged, "nothing is there that nobody asked for")
	require.Positive(c.t, acknowledged)
	require.Positive(c.t, paid)
	closed, err := s.DB().NewSelect().Table("market_days").Where("closed_at IS NOT NULL").Count(c.t.Context())
	require.NoError(c.t, err)
	if !testing.Short() {
		require.Positive(c.t, expired)
		require.Positive(c.t, late)
		require.Positive(c.t, closed)
	}
	c.t.Logf("%d orders, of which %d were acknowledged, and of those %d paid, and %d expired, %d of which were captured late; %d days closed",
		len(c.sent), acknowledged, paid, expired, late, closed)
}

// ends are the states in which the order may be in the end, by what its customer was answered.
func (o *sentOrder) ends() []market.OrderState {
	switch {
	case o.cancelled == http.StatusOK:
		return []market.OrderState{market.OrderCancelled}
	case strings.Contains(o.paid.body, `"state":"paid"`):
		return []market.OrderState{market.OrderPaid}
	case o.paid.status == http.StatusOK: // the provider had not captured it yet
		return []market.OrderState{market.OrderPaid, market.OrderExpired}
	}
	return []market.OrderState{market.OrderExpired}
}

// charged returns what the provider has kept for each order, in minor units. It has captured each payment once at most,
// and given it back once at most.
func (c *crashTest) charged(s *store.Store) map[string]int64 {
	var documents []string
	require.NoError(c.t, s.DB().NewSelect().Table("sandbox_intents").Column("document").Scan(c.t.Context(), &documents))
	charged := map[string]int64{}
	for _, document := range documents {
		var intent sandbox.Intent
		require.NoError(c.t, json.Unmarshal([]byte(document), &intent))
		require.LessOrEqual(c.t, intent.Captures, 1, document)
		require.LessOrEqual(c.t, len(intent.Refunded), intent.Captures, document)
		if intent.Captures == 1 && len(intent.Refunded) == 0 {
			charged[intent.OrderID] += intent.Amount.Amount
		}
	}
	return charged
}
