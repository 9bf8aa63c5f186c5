package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	stripego "github.com/stripe/stripe-go/v82"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/payments"
)

// goodRequest is what a client asks that knows what it does. It must succeed.
type goodRequest struct {
	user   user
	param  string // the value of the path parameter
	query  string
	header []string
	body   any // nil: none; bytes are sent as they are, others as JSON
}

// world is a fair with people, in which each operation has something of its own to work on, so that none is in another's
// way.
type world struct {
	t    *testing.T
	f    *fuzzer
	fair *markettest.Fair

	customer, farmer, manager, admin user
}

// newWorld adds a world to those that the store has.
func (f *fuzzer) newWorld(t *testing.T) *world {
	t.Helper()
	s := f.fair.Store
	w := &world{
		t: t, f: f, fair: markettest.NewFair(t, s, 1000, 1000, 1000, 1000, 1000, 1000),
		customer: as(t, s, market.Customer), farmer: as(t, s, market.FarmOwner),
		manager: as(t, s, market.MarketManager), admin: as(t, s, market.Admin),
	}
	for _, farm := range w.fair.Farms {
		_, err := s.DB().ExecContext(t.Context(), "UPDATE farms SET owner_id = ? WHERE id = ?", w.farmer.ID, farm.ID)
		require.NoError(t, err)
	}
	return w
}

// makers of good requests, by operation. Those that need nothing but an id or less are made by chance often enough.
func (w *world) makers() map[string]func() goodRequest {
	all := w.writes()
	for operation, good := range map[string]goodRequest{
		"list-products":         {query: "q=product&sort=-price&limit=5"},
		"list-farms":            {query: "q=farm&page=2&limit=1"},
		"list-markets":          {query: "limit=100"},
		"list-market-days":      {query: "state=open&market=" + w.fair.Market.ID},
		"list-offerings":        {query: "limit=2&market_day=" + w.fair.Day.ID},
		"list-accounts":         {user: w.admin, query: "role=customer&limit=5"},
		"list-orders":           {user: w.customer, query: "state=paid"},
		"list-managed-farms":    {user: w.farmer, query: "verified=true"},
		"list-managed-products": {user: w.farmer, query: "category=vegetables&limit=3"},
		"get-product":           {param: w.fair.Offerings[0].ProductID},
		"get-managed-product":   {user: w.farmer, param: w.fair.Offerings[0].ProductID},
		"get-managed-farm":      {user: w.farmer, param: w.fair.Farms[0].ID},
	} {
		all[operation] = func() goodRequest { return good }
	}
	return all
}

// writes are those that change something, and the reads of what they have made.
func (w *world) writes() map[string]func() goodRequest {
	return map[string]func() goodRequest{
		"register": func() goodRequest {
			return goodRequest{body: map[string]any{"email": uuid.NewString() + "@example.org", "name": w.f.maker.word(), "password": password}}
		},
		"login": func() goodRequest {
			return goodRequest{body: map[string]any{"email": w.customer.Email, "password": password}}
		},
		"refresh": func() goodRequest { return goodRequest{body: w.refreshToken()} },
		"logout":  func() goodRequest { return goodRequest{body: w.refreshToken()} },
		"change-password": func() goodRequest {
			return goodRequest{user: as(w.t, w.fair.Store, market.Customer), body: map[string]any{
				"current_password": password, "new_password": "hazel-Sunday-medlar",
			}}
		},
		"set-role": func() goodRequest {
			return goodRequest{user: w.admin, param: as(w.t, w.fair.Store, market.Customer).ID, body: map[string]any{"role": "farm_owner"}}
		},

		"create-farm": func() goodRequest { return goodRequest{user: w.farmer, body: w.farm()} },
		"update-farm": func() goodRequest {
			return w.changing("/api/v1/manage/farms/", w.create("/api/v1/farms", w.farm()), w.farm())
		},
		"verify-farm":    func() goodRequest { return goodRequest{user: w.manager, param: w.create("/api/v1/farms", w.farm())} },
		"suspend-farm":   func() goodRequest { return goodRequest{user: w.manager, param: w.create("/api/v1/farms", w.farm())} },
		"create-product": func() goodRequest { return goodRequest{user: w.farmer, body: w.product()} },
		"update-product": func() goodRequest { return w.changing("/api/v1/products/", w.fair.Offerings[1].ProductID, w.details()) },
		"put-product-image": func() goodRequest {
			return w.changing("/api/v1/products/", w.fair.Offerings[2].ProductID, w.f.maker.photograph)
		},
		"delete-product-image": func() goodRequest { return goodRequest{user: w.farmer, param: w.fair.Offerings[3].ProductID} },
		"delete-product": func() goodRequest {
			return goodRequest{user: w.farmer, param: w.create("/api/v1/products", w.product())}
		},

		"create-market": func() goodRequest { return goodRequest{user: w.manager, body: w.market()} },
		"update-market": func() goodRequest {
			good := w.changing("/api/v1/markets/", w.fair.Market.ID, w.marketChange())
			good.user = w.manager
			return good
		},
		"create-market-day":      func() goodRequest { return goodRequest{user: w.manager, body: w.day(3)} },
		"move-market-day-window": func() goodRequest { return w.moving(w.addDay(4)) },
		"delete-market-day":      func() goodRequest { return goodRequest{user: w.manager, param: w.addDay(5)} },
		"create-offering": func() goodRequest {
			return goodRequest{user: w.farmer, body: map[string]any{
				"market_day_id": w.fair.Day.ID, "product_id": w.create("/api/v1/products", w.product()), "price": w.price(), "quantity": w.f.maker.upTo(100),
			}}
		},
		"change-offering": func() goodRequest {
			return goodRequest{user: w.farmer, param: w.fair.Offerings[4].ID, body: map[string]any{"quantity": w.f.maker.upTo(100)}}
		},

		"place-order": func() goodRequest {
			return goodRequest{user: w.customer, header: []string{"Idempotency-Key", uuid.NewString()}, body: orderFor(w.fair, w.f.maker.upTo(3), 1)}
		},
		"get-order": func() goodRequest {
			return goodRequest{user: w.customer, param: w.order(market.OrderPendingPayment).ID}
		},
		"get-order-by-key": func() goodRequest {
			return goodRequest{user: w.customer, param: w.order(market.OrderPendingPayment).IdempotencyKey}
		},
		"pay-order": func() goodRequest {
			return goodRequest{
				user: w.customer, param: w.order(market.OrderPendingPayment).ID, header: []string{"Idempotency-Key", uuid.NewString()}, body: map[string]any{},
			}
		},
		"cancel-order":  func() goodRequest { return goodRequest{user: w.customer, param: w.order(market.OrderPaid).ID} },
		"pack-order":    func() goodRequest { return goodRequest{user: w.manager, param: w.order(market.OrderPaid).ID} },
		"collect-order": func() goodRequest { return goodRequest{user: w.manager, param: w.order(market.OrderPacked).ID} },
		"retry-refund": func() goodRequest {
			w.fair.Provider.AnswerRefunds(market.PaymentRefundFailed)
			order := w.order(market.OrderPaid)
			_, err := w.fair.Checkout.Cancel(w.t.Context(), w.fair.Manager, order.ID)
			require.NoError(w.t, err)
			_, _ = w.fair.Checkout.AttendPayments(w.t.Context()) // it fails for payments that only an event has told to be captured
			return goodRequest{user: w.manager, param: order.ID, header: []string{"Idempotency-Key", uuid.NewString()}}
		},
		"take-payment-event": w.delivery,
	}
}

// create makes something as the farmer and returns its id.
func (w *world) create(path string, body any) string {
	w.t.Helper()
	got := send(w.t, w.f.app, w.farmer, http.MethodPost, path, body)
	require.Equal(w.t, http.StatusCreated, got.status, string(got.body))
	return decode[item[struct {
		ID string `json:"id"`
	}]](w.t, got.body).Data.ID
}

// changing is a change by the farmer of what the path and the id lead to, in the state that it has.
func (w *world) changing(path, id string, body any) goodRequest {
	w.t.Helper()
	got := send(w.t, w.f.app, w.farmer, http.MethodGet, path+id, nil)
	require.Equal(w.t, http.StatusOK, got.status, string(got.body))
	return goodRequest{user: w.farmer, param: id, header: []string{"If-Match", got.header.Get("ETag")}, body: body}
}

func (w *world) refreshToken() map[string]any {
	got := send(w.t, w.f.app, user{}, http.MethodPost, "/api/v1/auth/login", map[string]any{"email": w.admin.Email, "password": password})
	require.Equal(w.t, http.StatusOK, got.status, string(got.body))
	return map[string]any{"refresh_token": decode[item[api.Grant]](w.t, got.body).Data.RefreshToken}
}

func (w *world) farm() map[string]any {
	return map[string]any{"name": w.f.maker.word(), "description": w.f.maker.word(), "place": "Sligo", "region": "", "country": "IE"}
}

func (w *world) price() map[string]any {
	return map[string]any{"amount": w.f.maker.upTo(10_000), "currency": "EUR"}
}

func (w *world) details() map[string]any {
	return map[string]any{
		"name": w.f.maker.word(), "description": "", "category": pick(w.f.maker, market.Categories()), "price": w.price(),
		"unit": map[string]any{"kind": "weight", "size": w.f.maker.upTo(1000), "label": w.f.maker.word()}, "season": []int{1, int(w.f.maker.upTo(11)) + 1},
	}
}

func (w *world) product() map[string]any {
	product := w.details()
	product["farm_id"] = w.fair.Farms[0].ID
	return product
}

func (w *world) market() map[string]any {
	return map[string]any{
		"name": w.f.maker.word(), "place": "Sligo", "country": "IE", "time_zone": "Europe/Dublin", "currency": "EUR",
		"slots": []map[string]any{{"label": w.f.maker.word(), "starts_at": "09:00", "ends_at": "10:30"}},
	}
}

func (w *world) marketChange() map[string]any {
	kept := map[string]any{"id": w.fair.Market.Slots[0].ID, "label": w.f.maker.word(), "starts_at": "09:00", "ends_at": "10:30"}
	return map[string]any{"name": w.f.maker.word(), "place": "Sligo", "country": "IE", "slots": []map[string]any{kept}}
}

// day is one that the fair's market has not yet, so many days from now.
func (w *world) day(days int) map[string]any {
	now := w.fair.Clock.Now()
	return map[string]any{
		"market_id": w.fair.Market.ID, "date": now.AddDate(0, 0, days).Format(time.DateOnly),
		"opens_at": now.Format(time.RFC3339), "closes_at": now.AddDate(0, 0, days-1).Format(time.RFC3339),
	}
}

func (w *world) addDay(days int) string {
	w.t.Helper()
	now := w.fair.Clock.Now()
	day, err := w.fair.Plan.AddMarketDay(w.t.Context(), w.fair.Manager, market.MarketDay{
		MarketID: w.fair.Market.ID, Date: now.AddDate(0, 0, days).Format(time.DateOnly), OpensAt: now, ClosesAt: now.AddDate(0, 0, days-1),
	})
	require.NoError(w.t, err)
	return day.ID
}

func (w *world) moving(day string) goodRequest {
	now := w.fair.Clock.Now()
	return goodRequest{user: w.manager, param: day, body: map[string]any{
		"opens_at": now.Format(time.RFC3339), "closes_at": now.Add(time.Duration(w.f.maker.upTo(48)) * time.Hour).Format(time.RFC3339),
	}}
}

// order is a new one of the customer's, brought to the state.
func (w *world) order(state market.OrderState) market.Order {
	w.t.Helper()
	customer, manager := market.Actor{ID: w.customer.ID, Role: market.Customer}, w.fair.Manager
	order, _, err := w.fair.Checkout.Place(w.t.Context(), customer, w.fair.Want(1))
	require.NoError(w.t, err)
	if state != market.OrderPendingPayment {
		_, _, _, err = w.fair.Checkout.Pay(w.t.Context(), customer, market.PayRequest{OrderID: order.ID, IdempotencyKey: order.ID})
		require.NoError(w.t, err)
	}
	if state == market.OrderPacked {
		_, err = w.fair.Checkout.Pack(w.t.Context(), manager, order.ID)
		require.NoError(w.t, err)
	}
	return order
}

// delivery is a notice of a payment that the provider has made meanwhile.
func (w *world) delivery() goodRequest {
	w.fair.Provider.Answer(market.PaymentProcessing)
	defer w.fair.Provider.Answer(market.PaymentSucceeded)
	order := w.order(market.OrderPaid)
	order, err := w.fair.Checkout.Order(w.t.Context(), market.Actor{ID: w.customer.ID}, order.ID)
	require.NoError(w.t, err)
	body := event(order.Payments[0], stripego.PaymentIntentStatusSucceeded)
	return goodRequest{param: "sandbox", header: []string{payments.SignatureHeader, newHook(w.t).Sign(body, time.Now())}, body: body}
}

// succeed asks for the operation as a client that knows what it does, and returns what is wrong with the answer.
func (f *fuzzer) succeed(op operation, good goodRequest) string {
	path, params := op.path, map[string]string{}
	for _, p := range op.Parameters {
		if p.Value.In == "path" {
			params[p.Value.Name] = good.param
			path = strings.ReplaceAll(path, "{"+p.Value.Name+"}", url.PathEscape(good.param))
		}
	}
	body, isBytes := good.body.([]byte)
	contentType := "application/json"
	switch {
	case isBytes && op.OperationID == "put-product-image":
		contentType = "image/jpeg"
	case !isBytes && good.body != nil:
		var err error
		body, err = json.Marshal(good.body)
		require.NoError(f.t, err)
	}
	request := httptest.NewRequest(op.method, path+"?"+good.query, bytes.NewReader(body))
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	if good.user.token != "" {
		request.Header.Set("Authorization", "Bearer "+good.user.token)
	}
	for i := 0; i+1 < len(good.header); i += 2 {
		request.Header.Set(good.header[i], good.header[i+1])
	}
	status, problem := f.exchange(op, request, params, body)
	if problem == "" && status/100 != 2 {
		return describeRequest(request, body) + "\n→ " + http.StatusText(status) + "\nbut it is a good request"
	}
	return problem
}
