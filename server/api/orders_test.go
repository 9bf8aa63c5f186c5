package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// eachShop runs the test against the API of a fair with these quantities, once per kind of database.
func eachShop(t *testing.T, quantities []int64, test func(t *testing.T, app *fiber.App, fair *markettest.Fair)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fair := markettest.NewFair(t, s, quantities...)
		app := newApp(t, s, func(o *api.Options) {
			o.Plan, o.Checkout, o.Reports = fair.Plan, fair.Checkout, fair.Reports
		})
		test(t, app, fair)
	})
}

func orderFor(fair *markettest.Fair, quantities ...int64) api.NewOrder {
	order := api.NewOrder{MarketDayID: fair.Day.ID, SlotID: fair.Market.Slots[0].ID}
	for i, quantity := range quantities {
		if quantity > 0 {
			order.Lines = append(order.Lines, api.NewOrderLine{OfferingID: fair.Offerings[i].ID, Quantity: quantity})
		}
	}
	return order
}

func TestAnOrderGoesFromBeingPlacedToBeingCollected(t *testing.T) {
	eachShop(t, []int64{9, 9}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		customer, manager := as(t, fair.Store, market.Customer), as(t, fair.Store, market.MarketManager)
		step := func(u user, method, path string, status int, state market.OrderState, body any, header ...string) api.Order {
			t.Helper()
			got := send(t, app, u, method, path, body, header...)
			require.Equal(t, status, got.status, string(got.body))
			order := decode[item[api.Order]](t, got.body).Data
			require.EqualValues(t, state, order.State)
			return order
		}
		const orders, key = "/api/v1/orders", "Idempotency-Key"
		order := step(customer, http.MethodPost, orders, 201, market.OrderPendingPayment, orderFor(fair, 2, 1), key, "k-1")
		require.Equal(t, api.Money{Amount: 850, Currency: "EUR"}, order.Total)
		path := orders + "/" + order.ID
		step(customer, http.MethodGet, path, 200, market.OrderPendingPayment, nil)
		step(customer, http.MethodGet, orders+"/by-key/k-1", 200, market.OrderPendingPayment, nil)
		step(customer, http.MethodPost, path+"/pay", 200, market.OrderPaid, api.NewPayment{Method: "card"}, key, "p-1")
		step(manager, http.MethodPost, path+"/packed", 200, market.OrderPacked, nil)
		step(manager, http.MethodPost, path+"/collected", 200, market.OrderCollected, nil)
		listed := send(t, app, customer, http.MethodGet, orders+"?state=collected", nil)
		require.Equal(t, 1, decode[list[api.Order]](t, listed.body).Pagination.Total)
	})
}

func TestAMarketManagerSeesWhichRefundsHaveFailedAndTriesThemAgain(t *testing.T) {
	eachShop(t, []int64{9}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		customer, manager := as(t, fair.Store, market.Customer), as(t, fair.Store, market.MarketManager)
		fair.Provider.AnswerRefunds(market.PaymentRefunding)
		placed := send(t, app, customer, http.MethodPost, "/api/v1/orders", orderFor(fair, 1), "Idempotency-Key", "k")
		path := "/api/v1/orders/" + decode[item[api.Order]](t, placed.body).Data.ID
		require.Equal(t, 200, send(t, app, customer, http.MethodPost, path+"/pay", `{}`, "Idempotency-Key", "k").status)
		require.Equal(t, 200, send(t, app, customer, http.MethodPost, path+"/cancel", nil).status)
		_, err := fair.Checkout.AttendPayments(t.Context())
		require.NoError(t, err)
		failed := func() []api.Order {
			listed := send(t, app, manager, http.MethodGet, "/api/v1/orders?refund=failed", nil)
			require.Equal(t, 200, listed.status, string(listed.body))
			return decode[list[api.Order]](t, listed.body).Data
		}
		require.Empty(t, failed())

		made := fair.Provider.Refunds()[0]
		require.NoError(t, fair.Checkout.HandlePaymentEvent(t.Context(), fair.Provider.ReportRefund(made.ProviderRef, market.PaymentRefundFailed)))
		orders := failed()
		require.Len(t, orders, 1)
		require.Equal(t, "refund_failed", orders[0].Payments[0].State)
		require.Equal(t, "the account is closed", orders[0].Payments[0].RefundFailure)

		again := send(t, app, manager, http.MethodPost, path+"/refund", nil, "Idempotency-Key", "again")
		require.Equal(t, 200, again.status, string(again.body))
		require.Equal(t, "refunding", decode[item[api.Order]](t, again.body).Data.Payments[0].State)
		require.Empty(t, failed())
		requireProblem(t, send(t, app, manager, http.MethodGet, "/api/v1/orders?refund=lost", nil), 422)
	})
}

func TestAnOrderIsFoundByItsKeyWhateverCharactersItHas(t *testing.T) {
	everything := ""
	for c := '!'; c <= '~'; c++ {
		everything += string(c)
	}
	eachShop(t, []int64{1000}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		customer := as(t, fair.Store, market.Customer)
		for _, key := range append(strings.Split(everything, ""), "order:1", "%41", "a%2Fb", "a+b", everything) {
			key = "k" + key // a path ends before a segment of dots alone
			placed := send(t, app, customer, http.MethodPost, "/api/v1/orders", orderFor(fair, 1), "Idempotency-Key", key)
			require.Equal(t, 201, placed.status, string(placed.body))
			for _, escaped := range []string{url.PathEscape(key), url.QueryEscape(key), escapeAll(key)} {
				found := send(t, app, customer, http.MethodGet, "/api/v1/orders/by-key/"+escaped, nil)
				require.Equal(t, 200, found.status, "%s: %s", key, found.body)
				require.JSONEq(t, string(placed.body), string(found.body))
			}
		}
	})
}

func TestAKeyThatAClientTakesForAStepInAPathIsRefused(t *testing.T) {
	eachShop(t, []int64{9}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		customer := as(t, fair.Store, market.Customer)
		placed := send(t, app, customer, http.MethodPost, "/api/v1/orders", orderFor(fair, 1), "Idempotency-Key", "...")
		require.Equal(t, 201, placed.status, string(placed.body))
		require.Equal(t, 200, send(t, app, customer, http.MethodGet, "/api/v1/orders/by-key/...", nil).status)
		pay := "/api/v1/orders/" + decode[item[api.Order]](t, placed.body).Data.ID + "/pay"
		for _, key := range []string{".", ".."} {
			for _, refused := range []answer{
				send(t, app, customer, http.MethodPost, "/api/v1/orders", orderFor(fair, 1), "Idempotency-Key", key),
				send(t, app, customer, http.MethodPost, pay, `{}`, "Idempotency-Key", key),
			} {
				require.Contains(t, requireProblem(t, refused, 422).Detail, "Idempotency-Key must be another than . and ..")
				require.Empty(t, refused.header.Get("Idempotency-Replayed"))
			}
		}
		require.EqualValues(t, 8, fair.Available(t, 0))
	})
}

// escapeAll percent-encodes every byte.
func escapeAll(text string) string {
	escaped := ""
	for i := range len(text) {
		escaped += fmt.Sprintf("%%%02x", text[i])
	}
	return escaped
}

func TestARepeatedRequestSaysThatItIsOne(t *testing.T) {
	eachShop(t, []int64{2}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		customer := as(t, fair.Store, market.Customer)
		first := send(t, app, customer, http.MethodPost, "/api/v1/orders", orderFor(fair, 2), "Idempotency-Key", "k")
		again := send(t, app, customer, http.MethodPost, "/api/v1/orders", orderFor(fair, 2), "Idempotency-Key", "k")
		require.Equal(t, 201, first.status, string(first.body))
		require.Equal(t, 201, again.status, string(again.body))
		require.JSONEq(t, string(first.body), string(again.body))
		require.Empty(t, first.header.Get("Idempotency-Replayed"))
		require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
		require.Zero(t, fair.Available(t, 0))
	})
}

func TestWhatCannotBeOrderedIsToldPrecisely(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*markettest.Fair, *api.NewOrder)
		key    string
		status int
		says   string
		where  string // the first of what is wrong
	}{
		"more than is left": {
			spoil: func(_ *markettest.Fair, o *api.NewOrder) { o.Lines[0].Quantity = 3 }, key: "k", status: 409,
			says: "2 of 3 Product 1 left", where: "body.lines[0].quantity",
		},
		"a window that has closed": {
			spoil: func(f *markettest.Fair, _ *api.NewOrder) { f.Clock.Set(f.Day.ClosesAt) }, key: "k", status: 409, says: "no more orders",
		},
		"a window that is to open": {
			spoil: func(f *markettest.Fair, _ *api.NewOrder) { f.Clock.Set(f.Day.OpensAt.Add(-time.Microsecond)) }, key: "k", status: 409, says: "takes orders from",
		},
		"no key":              {spoil: func(*markettest.Fair, *api.NewOrder) {}, status: 422, says: "validation failed"},
		"a key too long":      {spoil: func(*markettest.Fair, *api.NewOrder) {}, key: strings.Repeat("k", 256), status: 422, says: "validation failed"},
		"a negative quantity": {spoil: func(_ *markettest.Fair, o *api.NewOrder) { o.Lines[0].Quantity = -1 }, key: "k", status: 422, says: "validation failed"},
		"a key of another order": {
			spoil: func(_ *markettest.Fair, o *api.NewOrder) { o.Lines[0].Quantity = 1 }, key: "used", status: 422, says: "was used before",
		},
		"an offering that there is not": {
			spoil: func(_ *markettest.Fair, o *api.NewOrder) { o.Lines[0].OfferingID = uuid.NewString() }, key: "k", status: 404, says: "offering",
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachShop(t, []int64{2, 1}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
				customer := as(t, fair.Store, market.Customer)
				got := send(t, app, customer, http.MethodPost, "/api/v1/orders", orderFor(fair, 0, 1), "Idempotency-Key", "used")
				require.Equal(t, 201, got.status, string(got.body))
				order := orderFor(fair, 2)
				c.spoil(fair, &order)
				var header []string
				if c.key != "" {
					header = []string{"Idempotency-Key", c.key}
				}
				problem := requireProblem(t, send(t, app, customer, http.MethodPost, "/api/v1/orders", order, header...), c.status)
				require.Contains(t, problem.Detail, c.says)
				if c.where != "" {
					require.Equal(t, c.where, problem.Errors[0].Location)
				}
				require.EqualValues(t, 2, fair.Available(t, 0))
			})
		})
	}
}

func TestWhatItsOwnerDeletesIsNeitherListedNorSold(t *testing.T) {
	eachShop(t, []int64{2, 1}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		customer, farmer := as(t, fair.Store, market.Customer), as(t, fair.Store, market.FarmOwner)
		_, err := fair.Store.DB().ExecContext(t.Context(), "UPDATE farms SET owner_id = ?", farmer.ID)
		require.NoError(t, err)
		gone, offerings := fair.Offerings[0], "/api/v1/offerings?market_day="+fair.Day.ID
		require.Len(t, getList[api.Product](t, app, "/api/v1/products").Data, 2)
		require.Len(t, getList[api.Offering](t, app, offerings).Data, 2)

		got := send(t, app, farmer, http.MethodDelete, "/api/v1/products/"+gone.ProductID, nil)
		require.Equal(t, 204, got.status, string(got.body))
		require.Len(t, getList[api.Product](t, app, "/api/v1/products").Data, 1)
		require.Len(t, getList[api.Offering](t, app, offerings).Data, 1)
		requireProblem(t, get(t, app, "/api/v1/offerings/"+gone.ID), 404)
		got = send(t, app, customer, http.MethodPost, "/api/v1/orders", orderFor(fair, 1, 1), "Idempotency-Key", "k")
		problem := requireProblem(t, got, 409)
		require.Contains(t, problem.Detail, "not on sale any more: Product 1")
		require.Len(t, problem.Errors, 1)
		require.Equal(t, "body.lines[0].offering_id", problem.Errors[0].Location)
	})
}

func TestAnOrderIsKeptWhileThePaymentProviderIsAway(t *testing.T) {
	eachShop(t, []int64{2}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		customer := as(t, fair.Store, market.Customer)
		fair.Provider.Fail(market.ErrProviderUnavailable, true)
		placed := send(t, app, customer, http.MethodPost, "/api/v1/orders", orderFor(fair, 2), "Idempotency-Key", "k")
		pay := "/api/v1/orders/" + decode[item[api.Order]](t, placed.body).Data.ID + "/pay"
		got := send(t, app, customer, http.MethodPost, pay, api.NewPayment{}, "Idempotency-Key", "p")
		requireProblem(t, got, 503)
		require.NotEmpty(t, got.header.Get("Retry-After"))
		fair.Provider.Fail(nil, false)
		fair.Provider.Decline("never mind: the first call arrived")
		got = send(t, app, customer, http.MethodPost, pay, api.NewPayment{}, "Idempotency-Key", "p")
		require.Equal(t, "paid", decode[item[api.Order]](t, got.body).Data.State)
		require.Len(t, fair.Provider.Intents(), 1)
	})
}

func TestADeclinedPaymentIsA402(t *testing.T) {
	eachShop(t, []int64{2}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		customer := as(t, fair.Store, market.Customer)
		fair.Provider.Decline("the card has expired")
		placed := send(t, app, customer, http.MethodPost, "/api/v1/orders", orderFor(fair, 2), "Idempotency-Key", "k")
		pay := "/api/v1/orders/" + decode[item[api.Order]](t, placed.body).Data.ID + "/pay"
		problem := requireProblem(t, send(t, app, customer, http.MethodPost, pay, api.NewPayment{}, "Idempotency-Key", "p"), 402)
		require.Contains(t, problem.Detail, "the card has expired")
	})
}
