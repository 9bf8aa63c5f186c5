package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/farmersmarket/platform/server/market"
)

// Order is an order as the API shows it.
type Order struct {
	ID            string      `json:"id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a15"`
	CustomerID    string      `json:"customer_id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a16"`
	MarketDayID   string      `json:"market_day_id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a13"`
	SlotID        string      `json:"slot_id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a12" doc:"When it is collected."`
	State         string      `json:"state" enum:"pending_payment,paid,packed,collected,cancelled,expired"`
	Total         Money       `json:"total" doc:"The sum of the lines."`
	Lines         []OrderLine `json:"lines" nullable:"false"`
	Payments      []Payment   `json:"payments" nullable:"false" doc:"Every attempt to pay it, oldest first."`
	PlacedAt      time.Time   `json:"placed_at" example:"2026-11-22T10:30:00Z" doc:"UTC."`
	HoldExpiresAt time.Time   `json:"hold_expires_at" example:"2026-11-22T10:45:00Z" doc:"An order not paid by then expires, and its units can be ordered by others; UTC."`
	UpdatedAt     time.Time   `json:"updated_at" example:"2026-11-22T10:31:12Z" doc:"When its state last changed; UTC."`
}

// OrderLine is a product in an order, as it was when the order was placed.
type OrderLine struct {
	OfferingID string      `json:"offering_id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a14"`
	ProductID  string      `json:"product_id" format:"uuid" example:"9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11"`
	Farm       ProductFarm `json:"farm"`
	Name       string      `json:"name" example:"Bunched carrots"`
	UnitLabel  string      `json:"unit_label" example:"500 g bunch"`
	UnitPrice  Money       `json:"unit_price"`
	Quantity   int64       `json:"quantity" minimum:"1" example:"2" doc:"Units."`
	Total      Money       `json:"total" doc:"unit_price times quantity."`
}

// Payment is one attempt to pay an order.
type Payment struct {
	ID            string    `json:"id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a17"`
	State         string    `json:"state" enum:"created,requires_action,processing,succeeded,failed,cancelled,refunding,refunded,refund_failed" doc:"created: what the provider makes of it is not known yet. refunding: the refund is under way, which can take days."`
	Amount        Money     `json:"amount"`
	Method        string    `json:"method,omitempty" example:"card"`
	ClientSecret  string    `json:"client_secret,omitempty" example:"pi_3QKk_secret_Yh2b" doc:"Lets the customer confirm the payment with the provider; only while that is to be done."`
	Failure       string    `json:"failure,omitempty" example:"the card has expired" doc:"Why it failed."`
	RefundReason  string    `json:"refund_reason,omitempty" example:"the order was cancelled" doc:"Why the money is given back."`
	RefundFailure string    `json:"refund_failure,omitempty" example:"lost_or_stolen_card" doc:"Why it could not be given back, in the provider's words."`
	CreatedAt     time.Time `json:"created_at" example:"2026-11-22T10:31:00Z" doc:"UTC."`
	UpdatedAt     time.Time `json:"updated_at" example:"2026-11-22T10:31:12Z" doc:"UTC."`
}

// NewOrder is what a customer orders.
type NewOrder struct {
	MarketDayID string         `json:"market_day_id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a13"`
	SlotID      string         `json:"slot_id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a12" doc:"A pick-up slot of the market."`
	Lines       []NewOrderLine `json:"lines" nullable:"false" minItems:"1" maxItems:"100" doc:"Each offering at most once."`
}

// NewOrderLine is one product of a new order.
type NewOrderLine struct {
	OfferingID string `json:"offering_id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a14"`
	Quantity   int64  `json:"quantity" minimum:"1" maximum:"1000000" example:"2" doc:"Units."`
}

// NewPayment is how an order is to be paid.
type NewPayment struct {
	Method string `json:"method,omitempty" maxLength:"120" example:"card" doc:"In the payment provider's words; left out: the provider's default."`
}

func orderOf(o market.Order) Order {
	order := Order{
		ID: o.ID, CustomerID: o.CustomerID, MarketDayID: o.MarketDayID, SlotID: o.SlotID, State: string(o.State),
		Total: moneyOf(o.Total), Lines: make([]OrderLine, len(o.Lines)), Payments: make([]Payment, len(o.Payments)),
		PlacedAt: o.PlacedAt, HoldExpiresAt: o.HoldExpiresAt, UpdatedAt: o.UpdatedAt,
	}
	for i := range o.Lines {
		line := &o.Lines[i]
		order.Lines[i] = OrderLine{
			OfferingID: line.OfferingID, ProductID: line.ProductID, Farm: ProductFarm{ID: line.FarmID, Name: line.FarmName},
			Name: line.Name, UnitLabel: line.UnitLabel, UnitPrice: moneyOf(line.UnitPrice), Quantity: line.Quantity,
			Total: moneyOf(line.Total),
		}
	}
	for i := range o.Payments {
		order.Payments[i] = paymentOf(&o.Payments[i])
	}
	return order
}

func paymentOf(p *market.Payment) Payment {
	payment := Payment{
		ID: p.ID, State: string(p.State), Amount: moneyOf(p.Amount), Method: p.Method, Failure: p.Failure,
		RefundReason: p.RefundReason, RefundFailure: p.RefundFailure, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
	if p.State == market.PaymentRequiresAction {
		payment.ClientSecret = p.ClientSecret
	}
	return payment
}

// KeyParam is the header that makes an operation safe to repeat. Huma looks into embedded structs only when they are exported.
type KeyParam struct {
	Key string `header:"Idempotency-Key" required:"true" minLength:"1" maxLength:"255" pattern:"^[!-~]+$" example:"5f0c1f5e-3c1b-4b52-9a9c-0d6a0c0a7d11" doc:"A value of your own, new for each new request; not . or .., which no path can carry. The same request with the same key is carried out once; a repeat gets its outcome."`
}

// Resolve refuses a request with several keys: which of them was meant is not ours to guess.
func (KeyParam) Resolve(ctx huma.Context) []error {
	keys := 0
	ctx.EachHeader(func(name, _ string) {
		if strings.EqualFold(name, keyHeader) {
			keys++
		}
	})
	if keys > 1 {
		return []error{&huma.ErrorDetail{Location: "header." + keyHeader, Message: "must be sent once", Value: keys}}
	}
	return nil
}

const keyHeader = "Idempotency-Key"

// replayedHeader marks the answers to repeated requests.
const replayedHeader = "Idempotency-Replayed"

// repeatableAnswer answers with a resource, and says whether the request was carried out before.
type repeatableAnswer struct {
	Replayed string `header:"Idempotency-Replayed" doc:"true when the request had been carried out before, and this is what it was answered then; absent otherwise."`
	Body     itemBody[Order]
}

func answerRepeatable(order market.Order, replayed bool) *repeatableAnswer {
	answer := &repeatableAnswer{Body: itemBody[Order]{Success: true, Data: orderOf(order)}}
	if replayed {
		answer.Replayed = "true"
	}
	return answer
}

type ordersParams struct {
	PageParams
	MarketDay string `query:"market_day" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a13" doc:"Only orders for this market day."`
	State     string `query:"state" enum:"pending_payment,paid,packed,collected,cancelled,expired" doc:"Only orders in this state."`
	Refund    string `query:"refund" enum:"failed" example:"failed" doc:"Only orders of which a refund has failed."`
}

// repeats is what both operations with an idempotency key promise.
const repeats = "A repeat with the same key is answered as the request was, with the order as it was then or the same refusal " +
	"(402, 404, 409, 422), and with Idempotency-Replayed: true; only the trace_id of a problem is the repeat's. While the first is " +
	"being carried out, a repeat waits for some seconds and is then answered with 409 and Retry-After. The same key with another " +
	"body is a 422. Answers of 5xx, and those given before the order is looked at (400, 401, 413, 422 of the schema, 429), leave " +
	"the key free. What was refused is remembered for at least 24 hours, what was ordered or paid for good; keys belong to " +
	"an account and an operation. To see an order as it is now, get it."

// RegisterOrders adds the orders to the API.
func RegisterOrders(api huma.API, checkout *market.Checkout) {
	registerPlacing(api, checkout)
	registerOrderReads(api, checkout)
	registerPaying(api, checkout)
	manager := only(market.MarketManager, market.Admin)
	registerOrderStep(api, owner(market.Roles()...), "cancel-order", "cancel", "Cancel an order; what was paid is refunded", checkout.Cancel)
	registerOrderStep(api, manager, "pack-order", "packed", "Mark an order as packed", checkout.Pack)
	registerOrderStep(api, manager, "collect-order", "collected", "Mark an order as collected", checkout.Collect)
	registerRefundRetry(api, manager, checkout)
}

func registerPlacing(api huma.API, checkout *market.Checkout) {
	op := createOperation("place-order", "/api/v1/orders", "Place an order", "Orders",
		http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity)
	op.Description = "Holds the units until the order is paid or its hold expires. " + repeats
	huma.Register(api, protect(authenticated(), op),
		func(ctx context.Context, params *struct {
			KeyParam
			Body NewOrder
		},
		) (*repeatableAnswer, error) {
			placement := market.Placement{
				IdempotencyKey: params.Key, MarketDayID: params.Body.MarketDayID, SlotID: params.Body.SlotID,
				Lines: make([]market.WantedLine, len(params.Body.Lines)),
			}
			for i, line := range params.Body.Lines {
				placement.Lines[i] = market.WantedLine{OfferingID: line.OfferingID, Quantity: line.Quantity}
			}
			order, replayed, err := checkout.Place(ctx, actor(ctx), placement)
			if err != nil {
				return nil, refusedReplay(ctx, err, replayed)
			}
			return answerRepeatable(order, replayed), nil
		})
}

func registerOrderReads(api huma.API, checkout *market.Checkout) {
	answer := func(ctx context.Context, order market.Order, err error) (*itemAnswer[Order], error) {
		if err != nil {
			return nil, problemOf(ctx, err)
		}
		return answerItem(orderOf(order)), nil
	}
	huma.Register(api, protect(authenticated(), readOperation("list-orders", "/api/v1/orders",
		"List your orders, the newest first; all orders for market managers", "Orders", http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *ordersParams) (*listAnswer[Order], error) {
			page, err := checkout.Orders(ctx, actor(ctx), market.OrderQuery{
				Paging: params.paging(), MarketDayID: params.MarketDay, State: market.OrderState(params.State),
				RefundFailed: params.Refund == "failed",
			})
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerPage(page, orderOf), nil
		})
	huma.Register(api, protect(owner(market.Roles()...), readOperation("get-order", "/api/v1/orders/{id}", "Get an order", "Orders",
		http.StatusNotFound, http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *IDParam) (*itemAnswer[Order], error) {
			order, err := checkout.Order(ctx, actor(ctx), params.ID)
			return answer(ctx, order, err)
		})
	byKey := readOperation("get-order-by-key", "/api/v1/orders/by-key/{key}",
		"Get the order that you placed with an idempotency key; 404: nothing was ordered with it", "Orders",
		http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity)
	byKey.Description = "Waits for a request that is placing it. One that has not ended after some seconds is a 409 with Retry-After."
	huma.Register(api, protect(authenticated(), byKey),
		func(ctx context.Context, params *struct {
			Key string `path:"key" minLength:"1" maxLength:"255" pattern:"^[!-~]+$" example:"5f0c1f5e-3c1b-4b52-9a9c-0d6a0c0a7d11" doc:"The Idempotency-Key of the request, percent-encoded."`
		},
		) (*itemAnswer[Order], error) {
			order, err := checkout.OrderByKey(ctx, actor(ctx), params.Key)
			return answer(ctx, order, err)
		})
}

func registerPaying(api huma.API, checkout *market.Checkout) {
	op := operation(http.MethodPost, "pay-order", "/api/v1/orders/{id}/pay", "Pay an order", "Orders",
		http.StatusPaymentRequired, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity)
	op.Description = "Answers with the order and its payments. A payment that requires_action is confirmed with the provider by its " +
		"client_secret. After a 503 or no answer at all, repeat the request with the same key: nothing is charged twice. " + repeats
	huma.Register(api, protect(owner(market.Roles()...), op),
		func(ctx context.Context, params *struct {
			IDParam
			KeyParam
			Body NewPayment
		},
		) (*repeatableAnswer, error) {
			order, _, replayed, err := checkout.Pay(ctx, actor(ctx), market.PayRequest{
				OrderID: params.ID, IdempotencyKey: params.Key, Method: params.Body.Method,
			})
			if err != nil {
				return nil, refusedReplay(ctx, err, replayed)
			}
			return answerRepeatable(order, replayed), nil
		})
}

func registerRefundRetry(api huma.API, rule Access, checkout *market.Checkout) {
	op := operation(http.MethodPost, "retry-refund", "/api/v1/orders/{id}/refund", "Try a refund that has failed again", "Orders",
		http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity)
	op.Description = "While a refund is under way, nothing is changed. " + repeats
	huma.Register(api, protect(rule, op),
		func(ctx context.Context, params *struct {
			IDParam
			KeyParam
		},
		) (*repeatableAnswer, error) {
			order, replayed, err := checkout.RetryRefund(ctx, actor(ctx), params.ID, params.Key)
			if err != nil {
				return nil, refusedReplay(ctx, err, replayed)
			}
			return answerRepeatable(order, replayed), nil
		})
}

// registerOrderStep adds an operation that moves an order on.
func registerOrderStep(api huma.API, rule Access, id, path, summary string,
	step func(context.Context, market.Actor, string) (market.Order, error),
) {
	huma.Register(api, protect(rule, operation(http.MethodPost, id, "/api/v1/orders/{id}/"+path, summary, "Orders",
		http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *IDParam) (*itemAnswer[Order], error) {
			order, err := step(ctx, actor(ctx), params.ID)
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerItem(orderOf(order)), nil
		})
}
