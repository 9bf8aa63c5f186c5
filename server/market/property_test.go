package market_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// TestWhateverHappensInWhateverOrderTheInvariantsHold drives a fair with random steps, one by one and several at once,
// and checks after each that stock is conserved, that an order is paid by one payment, and in time, that totals are those of the
// lines, that states follow each other as the table says, and that nothing is sold of which the product was deleted. In the
// end no customer has paid for an order that ended.
func TestWhateverHappensInWhateverOrderTheInvariantsHold(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		rapid.Check(t, func(rt *rapid.T) {
			// Each fair has a payment provider of its own, which knows nothing of the payments before.
			for _, table := range []string{"idempotency_outcomes", "payment_events", "payments", "order_lines", "orders", "offerings", "market_days"} {
				_, err := s.DB().ExecContext(ctx(), "DELETE FROM "+table)
				require.NoError(rt, err)
			}
			m := &marketDrive{
				fair: markettest.NewFair(t, s, 6, 4, 9), states: map[string]market.OrderState{}, deleted: map[string]bool{},
			}
			rt.Repeat(map[string]func(*rapid.T){
				"one step":      func(rt *rapid.T) { m.run(rt, 1) },
				"steps at once": func(rt *rapid.T) { m.run(rt, rapid.IntRange(2, 5).Draw(rt, "steps")) },
				"":              m.check,
			})
			m.settle(rt)
		})
	})
}

// marketDrive is a fair and what the driver knows of it.
type marketDrive struct {
	fair *markettest.Fair

	mu         sync.Mutex
	placements []placed
	states     map[string]market.OrderState // as last seen
	deleted    map[string]bool              // products
}

// placed is a placement, who asked for it, and what it came to.
type placed struct {
	buyer     market.Actor
	placement market.Placement
	answered  bool
	order     market.Order // zero when it was refused
	refusal   string
}

// step is something that happens. Its error is one that must not.
type step func() error

// run lets n steps, drawn at random, happen at once.
func (m *marketDrive) run(rt *rapid.T, n int) {
	kinds := []func(*rapid.T) step{
		m.place, m.place, m.place, m.placeAgain, m.pay, m.pay, m.cancel, m.hand, m.wait, m.upkeep, m.upkeep, m.report, m.providerTrouble,
		m.moveWindow, m.deleteProduct, m.reportRefund, m.retryRefund,
	}
	steps := make([]step, n)
	for i := range steps {
		steps[i] = kinds[rapid.IntRange(0, len(kinds)-1).Draw(rt, "kind")](rt)
	}
	var group errgroup.Group
	for _, step := range steps {
		group.Go(step)
	}
	require.NoError(rt, group.Wait())
}

func (m *marketDrive) place(rt *rapid.T) step {
	quantity := rapid.Int64Range(0, 3)
	wanted := m.fair.Want(quantity.Draw(rt, "first"), quantity.Draw(rt, "second"), quantity.Draw(rt, "third"))
	return m.ask(placed{buyer: markettest.Buyer(), placement: wanted})
}

// placeAgain repeats a placement with its key.
func (m *marketDrive) placeAgain(rt *rapid.T) step {
	if len(m.placements) == 0 {
		return nothing
	}
	return m.ask(rapid.SampledFrom(m.placements).Draw(rt, "placement"))
}

func (m *marketDrive) ask(p placed) step {
	return func() error {
		gone := m.gone()
		order, replayed, err := m.fair.Checkout.Place(ctx(), p.buyer, p.placement)
		if !replayed && slices.ContainsFunc(order.Lines, func(line market.OrderLine) bool { return gone[line.ProductID] }) {
			return fmt.Errorf("order %s has a product that was deleted before: %v", order.ID, order.Lines)
		}
		again := placed{buyer: p.buyer, placement: p.placement, answered: true, order: order, refusal: fmt.Sprint(err)}
		if p.answered && (!replayed || !assert.ObjectsAreEqual(p, again)) {
			return fmt.Errorf("the key came to %v, and then to %v", p, again)
		}
		p = again
		m.mu.Lock()
		defer m.mu.Unlock()
		m.placements = append(m.placements, p)
		return allow(err, market.ErrConflict, market.ErrInvalid)
	}
}

// deleteProduct takes one of the fair's products out of the catalogue, which happens now and then.
func (m *marketDrive) deleteProduct(rt *rapid.T) step {
	product := rapid.SampledFrom(m.fair.Offerings).Draw(rt, "product").ProductID
	if rapid.IntRange(0, 3).Draw(rt, "deletes") > 0 {
		return nothing
	}
	return func() error {
		err := m.fair.Store.DeleteProduct(ctx(), product, market.AnyVersion, m.fair.Clock.Now())
		m.mu.Lock()
		defer m.mu.Unlock()
		m.deleted[product] = true
		return allow(err, market.ErrNotFound)
	}
}

// gone returns the products that are deleted by now.
func (m *marketDrive) gone() map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.deleted)
}

// order draws one of the orders placed.
func (m *marketDrive) order(rt *rapid.T) (placed, bool) {
	all := slices.DeleteFunc(slices.Clone(m.placements), func(p placed) bool { return p.order.ID == "" })
	if len(all) == 0 {
		return placed{}, false
	}
	return rapid.SampledFrom(all).Draw(rt, "order"), true
}

func (m *marketDrive) pay(rt *rapid.T) step {
	p, found := m.order(rt)
	if !found {
		return nothing
	}
	key := rapid.SampledFrom([]string{p.order.ID + "-1", p.order.ID + "-2", uuid.NewString()}).Draw(rt, "key")
	m.fair.Provider.Answer(rapid.SampledFrom(intentStates()).Draw(rt, "answer"))
	return func() error {
		_, _, _, err := m.fair.Checkout.Pay(ctx(), p.buyer, market.PayRequest{OrderID: p.order.ID, IdempotencyKey: key})
		return allow(err, market.ErrConflict, market.ErrPaymentDeclined, market.ErrProviderUnavailable)
	}
}

func intentStates() []market.PaymentState {
	return []market.PaymentState{
		market.PaymentRequiresAction, market.PaymentProcessing, market.PaymentSucceeded, market.PaymentFailed, market.PaymentCancelled,
	}
}

func (m *marketDrive) cancel(rt *rapid.T) step {
	p, found := m.order(rt)
	if !found {
		return nothing
	}
	actor := rapid.SampledFrom([]market.Actor{p.buyer, m.fair.Manager}).Draw(rt, "actor")
	return func() error {
		_, err := m.fair.Checkout.Cancel(ctx(), actor, p.order.ID)
		return allow(err, market.ErrConflict)
	}
}

// hand packs or collects an order.
func (m *marketDrive) hand(rt *rapid.T) step {
	p, found := m.order(rt)
	if !found {
		return nothing
	}
	hand := rapid.SampledFrom([]func() error{
		func() error { _, err := m.fair.Checkout.Pack(ctx(), m.fair.Manager, p.order.ID); return err },
		func() error { _, err := m.fair.Checkout.Collect(ctx(), m.fair.Manager, p.order.ID); return err },
	}).Draw(rt, "hand")
	return func() error { return allow(hand(), market.ErrConflict) }
}

// wait lets time pass: a moment, the length of a hold, or the rest of the window.
func (m *marketDrive) wait(rt *rapid.T) step {
	d := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 15 * time.Minute, 24 * time.Hour}).Draw(rt, "time")
	return func() error { m.fair.Clock.Advance(d); return nil }
}

// moveWindow lets the window close now, a little later, or when it would have closed in the beginning.
func (m *marketDrive) moveWindow(rt *rapid.T) step {
	later := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 10 * time.Minute, 48 * time.Hour}).Draw(rt, "closes in")
	return func() error {
		day, now := m.fair.Day, m.fair.Clock.Now()
		closes := now.Add(later)
		if closes.After(day.ClosesAt) {
			closes = day.ClosesAt
		}
		_, err := m.fair.Plan.MoveWindow(ctx(), m.fair.Manager, day.ID, nil, day.OpensAt, closes)
		return allow(err, market.ErrConflict, market.ErrInvalid)
	}
}

// upkeep does one of the background jobs.
func (m *marketDrive) upkeep(rt *rapid.T) step {
	checkout := m.fair.Checkout
	job := rapid.SampledFrom([]func() (int, error){
		func() (int, error) { return checkout.ExpireHolds(ctx()) },
		func() (int, error) { return checkout.CloseDays(ctx()) },
		func() (int, error) { return checkout.AttendPayments(ctx()) },
	}).Draw(rt, "job")
	return func() error {
		_, err := job()
		return allow(err, market.ErrProviderUnavailable)
	}
}

// report delivers an event: of a capture or another end that happens now at the provider, or of old news.
func (m *marketDrive) report(rt *rapid.T) step {
	intents := m.fair.Provider.Intents()
	if len(intents) == 0 {
		return nothing
	}
	intent := intents[rapid.IntRange(0, len(intents)-1).Draw(rt, "intent")]
	state := rapid.SampledFrom(intentStates()).Draw(rt, "state")
	twice := rapid.Bool().Draw(rt, "twice")
	return func() error {
		event := m.fair.Provider.Report(intent.ProviderRef, state)
		if state != market.PaymentSucceeded && intent.Captured {
			return nil
		}
		err := m.fair.Checkout.HandlePaymentEvent(ctx(), event)
		if err == nil && twice {
			err = allow(m.fair.Checkout.HandlePaymentEvent(ctx(), event), market.ErrEventSeen)
		}
		return err
	}
}

// reportRefund lets a refund end at the customer's bank, and decides what new ones are answered with. An event tells of it,
// but perhaps not of one that succeeds.
func (m *marketDrive) reportRefund(rt *rapid.T) step {
	states := rapid.SampledFrom([]market.PaymentState{refunding, refunded, refundFailed})
	m.fair.Provider.AnswerRefunds(states.Draw(rt, "answer"))
	all := m.fair.Provider.Refunds()
	if len(all) == 0 {
		return nothing
	}
	made, state, told := rapid.SampledFrom(all).Draw(rt, "refund"), states.Draw(rt, "state"), rapid.Bool().Draw(rt, "told")
	return func() error {
		told = told || state == refundFailed
		event := m.fair.Provider.ReportRefund(made.ProviderRef, state)
		if !told {
			return nil
		}
		return m.fair.Checkout.HandlePaymentEvent(ctx(), event)
	}
}

func (m *marketDrive) retryRefund(rt *rapid.T) step {
	p, found := m.order(rt)
	if !found {
		return nothing
	}
	return func() error {
		_, _, err := m.fair.Checkout.RetryRefund(ctx(), m.fair.Manager, p.order.ID, uuid.NewString())
		return allow(err, market.ErrConflict)
	}
}

// providerTrouble takes the provider away, or brings it back.
func (m *marketDrive) providerTrouble(rt *rapid.T) step {
	trouble := rapid.SampledFrom([]error{nil, nil, market.ErrProviderUnavailable}).Draw(rt, "trouble")
	lost, declines := rapid.Bool().Draw(rt, "lost"), rapid.SampledFrom([]string{"", "", "no money"}).Draw(rt, "declines")
	return func() error {
		m.fair.Provider.Fail(trouble, lost)
		m.fair.Provider.Decline(declines)
		return nil
	}
}

func nothing() error { return nil }

func allow(err error, kinds ...error) error {
	if slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) }) {
		return nil
	}
	return err
}

// check requires what must hold at every moment.
func (m *marketDrive) check(rt *rapid.T) {
	requireClean(rt, m.fair)
	day, err := m.fair.Plan.MarketDay(ctx(), m.fair.Day.ID)
	require.NoError(rt, err)
	for _, order := range m.orders(rt) {
		if order.State == market.OrderPendingPayment {
			require.False(rt, order.HoldExpiresAt.After(day.ClosesAt.Add(markettest.Rules().Grace)), "order %s is held too long", order.ID)
		}
		for _, payment := range order.Payments {
			if payment.State == market.PaymentSucceeded {
				require.True(rt, payment.UpdatedAt.Before(order.HoldExpiresAt), "order %s was paid when its hold had expired", order.ID)
			}
		}
		before, seen := m.states[order.ID]
		if !seen {
			before = market.OrderPendingPayment
		}
		require.True(rt, reachable(before, order.State), "order %s was %s and is %s", order.ID, before, order.State)
		m.states[order.ID] = order.State
	}
}

func (m *marketDrive) orders(rt *rapid.T) []market.Order {
	var all []market.Order
	for n := 1; ; n++ {
		page, err := m.fair.Checkout.Orders(ctx(), m.fair.Manager,
			market.OrderQuery{Paging: market.Paging{Page: n, Limit: market.MaxLimit}, MarketDayID: m.fair.Day.ID})
		require.NoError(rt, err)
		all = append(all, page.Items...)
		if len(page.Items) < market.MaxLimit { // a long list is counted only in part
			return all
		}
	}
}

// reachable reports whether the transitions lead from one state to the other.
func reachable(from, to market.OrderState) bool {
	return from == to || slices.ContainsFunc(market.OrderStates(), func(next market.OrderState) bool {
		return from.CanBecome(next) && reachable(next, to)
	})
}

func (m *marketDrive) captures() int {
	n := 0
	for _, intent := range m.fair.Provider.Intents() {
		if intent.Captured {
			n++
		}
	}
	return n
}

// settle lets the market finish what it has begun, and requires that nobody has paid for nothing, or twice.
func (m *marketDrive) settle(rt *rapid.T) {
	m.fair.Provider.Fail(nil, false)
	m.fair.Provider.Decline("")
	m.fair.Provider.Answer(market.PaymentSucceeded)
	captures := m.captures()
	m.fair.Provider.AnswerRefunds(refunded)
	for _, made := range m.fair.Provider.Refunds() {
		m.fair.Provider.ReportRefund(made.ProviderRef, refunded) // and no event tells of it
	}
	for range 4 {
		m.fair.Clock.Advance(24 * time.Hour)
		upkeep(rt, m.fair)
	}
	for _, order := range m.orders(rt) {
		_, _, err := m.fair.Checkout.RetryRefund(ctx(), m.fair.Manager, order.ID, uuid.NewString())
		require.NoError(rt, allow(err, market.ErrConflict))
	}
	upkeep(rt, m.fair)
	m.check(rt)
	require.Equal(rt, captures, m.captures(), "captures, before every order has ended or was paid, and after")
	kept := map[string]int{}
	for _, intent := range m.fair.Provider.Intents() {
		require.LessOrEqual(rt, intent.Refunds, 1)
		if intent.Captured && intent.Refunds == 0 {
			kept[intent.Request.OrderID]++
		}
	}
	for _, order := range m.orders(rt) {
		want := 0
		if order.State.HoldsStock() {
			want = 1
		}
		require.Equal(rt, want, kept[order.ID], "payments kept for order %s, which is %s", order.ID, order.State)
		for _, payment := range order.Payments {
			require.NotContains(rt, []market.PaymentState{refunding, refundFailed}, payment.State, "payment %s", payment.ID)
		}
	}
	day, err := m.fair.Plan.MarketDay(ctx(), m.fair.Day.ID)
	require.NoError(rt, err)
	require.Equal(rt, market.DayClosed, day.State(m.fair.Clock.Now()))
}
