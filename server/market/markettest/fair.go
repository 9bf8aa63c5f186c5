package markettest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
)

// Fair is a market with one market day, whose window is open, on a store.
type Fair struct {
	Store    *store.Store
	Clock    *Clock
	Provider *Provider
	Observer *Observer
	Plan     *market.Plan
	Checkout *market.Checkout
	Reports  *market.Reports

	Manager   market.Actor
	Farms     []market.Farm // two
	Market    market.Market // with two slots
	Day       market.MarketDay
	Offerings []market.Offering // the farms' in turn
}

// Rules are those of the fair's checkout.
func Rules() market.CheckoutRules {
	return market.CheckoutRules{Hold: 15 * time.Minute, Grace: 10 * time.Minute}
}

// NewFair opens a fair with an offering for each quantity. It is noon of 20 November 2026; orders are taken from noon on,
// for two days.
func NewFair(tb testing.TB, s *store.Store, quantities ...int64) *Fair {
	tb.Helper()
	return NewFairAt(tb, s, time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), quantities...)
}

// NewFairAt opens a fair whose clock shows the time, from which on orders are taken, for two days.
func NewFairAt(tb testing.TB, s *store.Store, now time.Time, quantities ...int64) *Fair {
	tb.Helper()
	fair := &Fair{
		Store: s, Clock: NewClock(now), Provider: NewProvider(), Observer: &Observer{},
		Manager: market.Actor{ID: uuid.NewString(), Role: market.MarketManager},
	}
	fair.Plan = market.NewPlan(s, fair.Clock, Rules())
	fair.Checkout = market.NewCheckout(s, fair.Provider, fair.Clock, fair.Observer, Rules())
	fair.Reports = market.NewReports(s, fair.Clock)
	products := fair.stock(tb, len(quantities))

	var err error
	fair.Market, err = fair.Plan.AddMarket(tb.Context(), fair.Manager, market.Market{
		Name: "Quay Market", Place: "Sligo", Country: "IE", TimeZone: "Europe/Dublin", Currency: market.EUR,
		Slots: []market.PickupSlot{
			{Label: "Early", StartsAt: "09:00", EndsAt: "10:30"}, {Label: "Late", StartsAt: "10:30", EndsAt: "12:00"},
		},
	})
	require.NoError(tb, err)
	fair.Day, err = fair.Plan.AddMarketDay(tb.Context(), fair.Manager, market.MarketDay{
		MarketID: fair.Market.ID, Date: now.AddDate(0, 0, 2).Format(time.DateOnly), OpensAt: now, ClosesAt: now.AddDate(0, 0, 2),
	})
	require.NoError(tb, err)
	for i, quantity := range quantities {
		offering, err := fair.Plan.Offer(tb.Context(), fair.Manager, market.Offering{
			MarketDayID: fair.Day.ID, ProductID: products[i].ID, Price: products[i].Price, Quantity: quantity,
		})
		require.NoError(tb, err)
		fair.Offerings = append(fair.Offerings, offering)
	}
	return fair
}

func (f *Fair) stock(tb testing.TB, n int) []market.Product {
	tb.Helper()
	for _, name := range []string{"Alder Farm", "Birch Farm"} {
		f.Farms = append(f.Farms, market.Farm{
			ID: uuid.NewString(), Name: name, Place: "Sligo", Country: "IE", Verified: true, VerifiedAt: f.Clock.Now(),
			CreatedAt: f.Clock.Now(), UpdatedAt: f.Clock.Now(),
		})
	}
	products := make([]market.Product, n)
	for i := range products {
		products[i] = market.Product{
			ID: uuid.NewString(), FarmID: f.Farms[i%2].ID, Name: fmt.Sprintf("Product %d", i+1), Category: market.Vegetables,
			Unit: market.Unit{Kind: market.Weight, Size: 500, Label: "500 g"}, Season: market.AllYear,
			Price:     market.Money{Amount: int64(250 + 100*i), Currency: market.EUR},
			CreatedAt: f.Clock.Now(), UpdatedAt: f.Clock.Now(),
		}
	}
	_, err := f.Store.SaveCatalogue(tb.Context(), f.Farms, products)
	require.NoError(tb, err)
	return products
}

// Buyer returns a new customer.
func Buyer() market.Actor { return market.Actor{ID: uuid.NewString(), Role: market.Customer} }

// Want is a placement for the early slot, with a key of its own, of one line for each quantity that is not 0, of the
// fair's offerings from the first.
func (f *Fair) Want(quantities ...int64) market.Placement {
	placement := market.Placement{IdempotencyKey: uuid.NewString(), MarketDayID: f.Day.ID, SlotID: f.Market.Slots[0].ID}
	for i, quantity := range quantities {
		if quantity != 0 {
			placement.Lines = append(placement.Lines, market.WantedLine{OfferingID: f.Offerings[i].ID, Quantity: quantity})
		}
	}
	return placement
}

// Available returns what is available of the offering at the index.
func (f *Fair) Available(t require.TestingT, index int) int64 {
	offering, err := f.Store.Offering(context.Background(), f.Offerings[index].ID)
	require.NoError(t, err)
	return offering.Available
}

// Observer remembers what it is told. It is safe for concurrent use.
type Observer struct {
	mu       sync.Mutex
	became   map[market.OrderState]int
	payments map[market.PaymentState]int
	soldOut  int
}

// OrderBecame implements market.Observer.
func (o *Observer) OrderBecame(order market.Order) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.became == nil {
		o.became = map[market.OrderState]int{}
	}
	o.became[order.State]++
}

// PaymentBecame implements market.Observer.
func (o *Observer) PaymentBecame(_ context.Context, payment market.Payment) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.payments == nil {
		o.payments = map[market.PaymentState]int{}
	}
	o.payments[payment.State]++
}

// Attending implements market.Observer.
func (o *Observer) Attending(ctx context.Context, _ string) (context.Context, func(error)) {
	return ctx, func(error) {}
}

// Payments returns how many payments came into the state.
func (o *Observer) Payments(state market.PaymentState) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.payments[state]
}

// SoldOut implements market.Observer.
func (o *Observer) SoldOut(*market.SoldOutError) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.soldOut++
}

// Became returns how many orders came into the state.
func (o *Observer) Became(state market.OrderState) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.became[state]
}

// SoldOuts returns how many orders were refused because not enough was left.
func (o *Observer) SoldOuts() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.soldOut
}
