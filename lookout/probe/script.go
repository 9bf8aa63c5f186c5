package probe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/farmersmarket/platform/sdk/go/market"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// scripted is one step of the script.
type scripted struct {
	name string
	do   func(*run, context.Context) error
}

// script is what a customer does. The names, with that of refund, which follows, are those of catalogue.ScriptedSteps.
var script = []scripted{
	{"sandbox", (*run).mustBeSandbox},
	{"login", (*run).login},
	{"tidy", (*run).tidy},
	{"days", (*run).chooseDay},
	{"offerings", (*run).chooseOffering},
	{"place", (*run).place},
	{"pay", (*run).pay},
	{"read", (*run).read},
	{"cancel", (*run).cancel},
}

// refund is what a customer does not wait for.
var refund = scripted{"refund", (*run).awaitRefund}

const (
	// windowLeft is how long the chosen day must still take orders: a customer can cancel until then, and so can whoever
	// cleans up after a probe that was killed.
	windowLeft = time.Hour
	// stockLeft is how many units the chosen offering must have, so that the probe never holds the last one.
	stockLeft = 2
	// sandboxMethod is a payment method that only the sandbox has: any other provider refuses it.
	sandboxMethod = "sandbox_ok"
	// pageLimit is how many items of a list are looked at.
	pageLimit = 100
	// refundLook is the time between two looks whether the money was given back.
	refundLook = time.Second
	// maxAdminAnswer bounds what is read of the admin port, in bytes.
	maxAdminAnswer = 1 << 20
)

// basket is what is ordered.
type basket struct {
	day      market.MarketDay
	offering market.Offering
	key      string // the Idempotency-Key
}

// mustBeSandbox asks the admin port, on which the sandbox has routes and no other provider does.
func (r *run) mustBeSandbox(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.AdminURL+"/admin/sandbox", http.NoBody)
	if err != nil {
		return fmt.Errorf("ask where payments go: %w", err)
	}
	response, err := (&http.Client{Transport: r.caller}).Do(request)
	if err != nil {
		return fmt.Errorf("ask the server's admin port where payments go: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAdminAnswer))
	if err != nil {
		return fmt.Errorf("ask the server's admin port where payments go: %w", err)
	}
	var answer struct {
		Sandbox bool `json:"sandbox"`
	}
	switch {
	case response.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%w: %s has no /admin/sandbox. Nothing was ordered, for it could be charged for real; run the probe where PAYMENTS=sandbox",
			ErrNotSandbox, r.AdminURL)
	case response.StatusCode != http.StatusOK || json.Unmarshal(body, &answer) != nil || !answer.Sandbox:
		return fmt.Errorf("%s/admin/sandbox answers %s, and does not say that payments go to the sandbox: nothing was ordered", r.AdminURL, response.Status)
	}
	return nil
}

// login opens a session. The first time ever it registers the account.
func (r *run) login(ctx context.Context) error {
	err := r.openSession(ctx)
	if problem := (*market.Problem)(nil); !errors.As(err, &problem) || problem.Status != http.StatusUnauthorized {
		return err
	}
	answer, err := r.api.RegisterWithResponse(ctx, market.RegisterInputBody{
		Email: r.Email, Name: "Synthetic customer", Password: r.Password,
	})
	if err != nil {
		return fmt.Errorf("register %s: %w", r.Email, err)
	}
	if err := market.Check(answer.HTTPResponse, answer.Body); err != nil {
		return fmt.Errorf("register %s: %w", r.Email, err)
	}
	if err := r.openSession(ctx); err != nil {
		return fmt.Errorf("log in as %s after registering; was the account registered with another password before? %w", r.Email, err)
	}
	return nil
}

func (r *run) openSession(ctx context.Context) error {
	answer, err := r.api.LoginWithResponse(ctx, market.LoginInputBody{Email: r.Email, Password: r.Password})
	if err != nil {
		return err
	}
	if err := market.Check(answer.HTTPResponse, answer.Body); err != nil {
		return err
	}
	if answer.JSON200 == nil || answer.JSON200.Data.AccessToken == "" {
		return unexpected(answer.HTTPResponse, "an access token")
	}
	r.session = &answer.JSON200.Data
	return nil
}

// chooseDay takes the day that takes orders the longest.
func (r *run) chooseDay(ctx context.Context) error {
	open, limit := market.ListMarketDaysParamsStateOpen, int64(pageLimit)
	answer, err := r.api.ListMarketDaysWithResponse(ctx, &market.ListMarketDaysParams{State: &open, Limit: &limit})
	if err != nil {
		return err
	}
	if err := market.Check(answer.HTTPResponse, answer.Body); err != nil {
		return err
	}
	if answer.JSON200 == nil {
		return unexpected(answer.HTTPResponse, "market days")
	}
	days := answer.JSON200.Data
	if len(days) == 0 {
		return errors.New("no market day takes orders")
	}
	r.basket.day = slices.MaxFunc(days, func(a, b market.MarketDay) int { return a.ClosesAt.Compare(b.ClosesAt) })
	if left := time.Until(r.basket.day.ClosesAt); left < windowLeft {
		return fmt.Errorf("no market day takes orders for another %s: what is ordered now might not be cancelled in time", windowLeft)
	}
	return nil
}

// chooseOffering takes that of which there is most, so that no customer misses what the probe holds for a moment.
func (r *run) chooseOffering(ctx context.Context) error {
	limit := int64(pageLimit)
	answer, err := r.api.ListOfferingsWithResponse(ctx, &market.ListOfferingsParams{MarketDay: r.basket.day.Id, Limit: &limit})
	if err != nil {
		return err
	}
	if err := market.Check(answer.HTTPResponse, answer.Body); err != nil {
		return err
	}
	if answer.JSON200 == nil {
		return unexpected(answer.HTTPResponse, "offerings")
	}
	offerings := answer.JSON200.Data
	if len(offerings) == 0 {
		return fmt.Errorf("nothing is on offer on market day %s", r.basket.day.Id)
	}
	r.basket.offering = slices.MaxFunc(offerings, func(a, b market.Offering) int { return cmp.Compare(a.Available, b.Available) })
	if r.basket.offering.Available < stockLeft {
		return fmt.Errorf("market day %s is sold out: no offering has %d units left", r.basket.day.Id, stockLeft)
	}
	return nil
}

// place orders one unit.
func (r *run) place(ctx context.Context) error {
	slot, err := r.slot(ctx)
	if err != nil {
		return err
	}
	r.basket.key = catalogue.SyntheticKeyPrefix + uuid.NewString()
	r.mayHold = true
	answer, err := r.api.PlaceOrderWithResponse(ctx, &market.PlaceOrderParams{IdempotencyKey: r.basket.key}, market.NewOrder{
		MarketDayId: r.basket.day.Id, SlotId: slot, Lines: []market.NewOrderLine{{OfferingId: r.basket.offering.Id, Quantity: 1}},
	})
	if err != nil {
		return err
	}
	if err := market.Check(answer.HTTPResponse, answer.Body); err != nil {
		return err
	}
	if answer.JSON201 == nil {
		return unexpected(answer.HTTPResponse, "an order")
	}
	order := &answer.JSON201.Data
	if len(order.Lines) != 1 || order.Lines[0].OfferingId != r.basket.offering.Id || order.Lines[0].Quantity != 1 {
		return fmt.Errorf("order %s does not hold the one unit of %s that was ordered", order.Id, r.basket.offering.Name)
	}
	if order.Total != order.Lines[0].UnitPrice {
		return fmt.Errorf("one unit for %d costs %d in order %s", order.Lines[0].UnitPrice.Amount, order.Total.Amount, order.Id)
	}
	r.order = order
	return r.mustBe(market.OrderStatePendingPayment)
}

// slot returns a pick-up slot of the day's market.
func (r *run) slot(ctx context.Context) (uuid.UUID, error) {
	answer, err := r.api.GetMarketWithResponse(ctx, r.basket.day.MarketId)
	if err != nil {
		return uuid.UUID{}, err
	}
	if err := market.Check(answer.HTTPResponse, answer.Body); err != nil {
		return uuid.UUID{}, err
	}
	if answer.JSON200 == nil || len(answer.JSON200.Data.Slots) == 0 {
		return uuid.UUID{}, unexpected(answer.HTTPResponse, "a market with pick-up slots")
	}
	return answer.JSON200.Data.Slots[0].Id, nil
}

// pay pays in the sandbox.
func (r *run) pay(ctx context.Context) error {
	method := sandboxMethod
	answer, err := r.api.PayOrderWithResponse(ctx, r.order.Id,
		&market.PayOrderParams{IdempotencyKey: r.basket.key + "-pay"}, market.NewPayment{Method: &method})
	if err != nil {
		return err
	}
	if err := market.Check(answer.HTTPResponse, answer.Body); err != nil {
		return err
	}
	if answer.JSON200 == nil {
		return unexpected(answer.HTTPResponse, "an order")
	}
	r.order = &answer.JSON200.Data
	return r.mustBe(market.OrderStatePaid, market.PaymentStateSucceeded)
}

// read reads the order back, as a customer does who looks whether all is well.
func (r *run) read(ctx context.Context) error {
	if err := r.look(ctx); err != nil {
		return err
	}
	return r.mustBe(market.OrderStatePaid, market.PaymentStateSucceeded)
}

// look asks how the order is.
func (r *run) look(ctx context.Context) error {
	answer, err := r.api.GetOrderWithResponse(ctx, r.order.Id)
	if err != nil {
		return err
	}
	if err := market.Check(answer.HTTPResponse, answer.Body); err != nil {
		return err
	}
	if answer.JSON200 == nil {
		return unexpected(answer.HTTPResponse, "an order")
	}
	r.order = &answer.JSON200.Data
	return nil
}

// cancel gives the unit back, and asks for the money. The refund itself is made by a job of the server soon after.
func (r *run) cancel(ctx context.Context) error {
	order, err := r.cancelOrder(ctx, r.order.Id)
	if err != nil {
		return err
	}
	r.order = order
	if err := r.mustBe(market.OrderStateCancelled, market.PaymentStateRefunding, market.PaymentStateRefunded); err != nil {
		return err
	}
	r.mayHold = false
	return nil
}

// awaitRefund looks again and again until the money was given back.
func (r *run) awaitRefund(ctx context.Context) error {
	ticker := time.NewTicker(refundLook)
	defer ticker.Stop()
	for {
		if err := r.look(ctx); err != nil {
			return err
		}
		err := r.mustBe(market.OrderStateCancelled, market.PaymentStateRefunded)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", err, ctx.Err())
		case <-ticker.C:
		}
	}
}

func (r *run) cancelOrder(ctx context.Context, id uuid.UUID) (*market.Order, error) {
	answer, err := r.api.CancelOrderWithResponse(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := market.Check(answer.HTTPResponse, answer.Body); err != nil {
		return nil, err
	}
	if answer.JSON200 == nil {
		return nil, unexpected(answer.HTTPResponse, "an order")
	}
	return &answer.JSON200.Data, nil
}

// mustBe checks the state that the order, and its payment if states of one are given, has come to.
func (r *run) mustBe(state market.OrderState, payment ...market.PaymentState) error {
	if r.order.State != state {
		return fmt.Errorf("order %s is %s, want %s", r.order.Id, r.order.State, state)
	}
	if len(payment) == 0 {
		return nil
	}
	if len(r.order.Payments) != 1 || !slices.Contains(payment, r.order.Payments[0].State) {
		return fmt.Errorf("order %s is %s, but its %d payments are not one that is %s", r.order.Id, state, len(r.order.Payments), payment[0])
	}
	return nil
}

// unexpected is an answer of success that does not hold what it should.
func unexpected(response *http.Response, want string) error {
	return fmt.Errorf("%s %s answers %s with %q, which is not %s", response.Request.Method, response.Request.URL.Path,
		response.Status, response.Header.Get("Content-Type"), want)
}
