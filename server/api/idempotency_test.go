package api_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// withoutTrace leaves out the id of a problem's request, the one thing in which a repeat differs.
func withoutTrace(body []byte) string {
	return regexp.MustCompile(`,"trace_id":"[0-9a-f]+"`).ReplaceAllString(string(body), "")
}

func TestARepeatIsAnsweredWithTheFirstStatusAndBody(t *testing.T) {
	type shop struct {
		app      *fiber.App
		fair     *markettest.Fair
		customer user
	}
	post := func(t *testing.T, s *shop, path string, body any, key string) answer {
		t.Helper()
		return send(t, s.app, s.customer, http.MethodPost, path, body, "Idempotency-Key", key)
	}
	ordered := func(t *testing.T, s *shop) string {
		t.Helper()
		got := post(t, s, "/api/v1/orders", orderFor(s.fair, 1), uuid.NewString())
		require.Equal(t, 201, got.status, string(got.body))
		return "/api/v1/orders/" + decode[item[api.Order]](t, got.body).Data.ID
	}
	for name, c := range map[string]struct {
		request func(*testing.T, *shop) (path string, body any)
		since   func(*testing.T, *shop, string)
		status  int
	}{
		"an order that was paid since": {
			request: func(_ *testing.T, s *shop) (string, any) { return "/api/v1/orders", orderFor(s.fair, 2) },
			since: func(t *testing.T, s *shop, path string) {
				page := send(t, s.app, s.customer, http.MethodGet, path, nil)
				order := decode[list[api.Order]](t, page.body).Data[0]
				require.Equal(t, 200, post(t, s, path+"/"+order.ID+"/pay", api.NewPayment{}, "p").status)
			},
			status: 201,
		},
		"an order that was sold out, when there is more": {
			request: func(_ *testing.T, s *shop) (string, any) { return "/api/v1/orders", orderFor(s.fair, 8) },
			since: func(t *testing.T, s *shop, _ string) {
				more := int64(50)
				_, err := s.fair.Plan.ChangeOffering(t.Context(), s.fair.Manager, s.fair.Offerings[0].ID, market.OfferingChange{Quantity: &more})
				require.NoError(t, err)
			},
			status: 409,
		},
		"an order for a slot that there is not": {
			request: func(_ *testing.T, s *shop) (string, any) {
				order := orderFor(s.fair, 1)
				order.SlotID = uuid.NewString()
				return "/api/v1/orders", order
			},
			status: 404,
		},
		"an order with one product in two lines": {
			request: func(_ *testing.T, s *shop) (string, any) {
				order := orderFor(s.fair, 1)
				order.Lines = append(order.Lines, order.Lines[0])
				return "/api/v1/orders", order
			},
			status: 422,
		},
		"a payment of an order that was cancelled since": {
			request: func(t *testing.T, s *shop) (string, any) {
				return ordered(t, s) + "/pay", api.NewPayment{Method: "card"}
			},
			since: func(t *testing.T, s *shop, path string) {
				got := send(t, s.app, s.customer, http.MethodPost, path[:len(path)-len("pay")]+"cancel", nil)
				require.Equal(t, 200, got.status, string(got.body))
			},
			status: 200,
		},
		"a declined payment, when the card is good again": {
			request: func(t *testing.T, s *shop) (string, any) {
				s.fair.Provider.Decline("the card has expired")
				return ordered(t, s) + "/pay", api.NewPayment{}
			},
			since:  func(_ *testing.T, s *shop, _ string) { s.fair.Provider.Decline("") },
			status: 402,
		},
		"a payment of an order that there is not": {
			request: func(*testing.T, *shop) (string, any) {
				return "/api/v1/orders/" + uuid.NewString() + "/pay", api.NewPayment{}
			},
			status: 404,
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachShop(t, []int64{5}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
				s := &shop{app: app, fair: fair, customer: as(t, fair.Store, market.Customer)}
				path, body := c.request(t, s)
				first := post(t, s, path, body, "the-key")
				require.Equal(t, c.status, first.status, string(first.body))
				require.Empty(t, first.header.Get("Idempotency-Replayed"))
				if c.since != nil {
					c.since(t, s, path)
				}
				again := post(t, s, path, body, "the-key")
				require.Equal(t, c.status, again.status, string(again.body))
				require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
				require.Equal(t, first.header.Get("Content-Type"), again.header.Get("Content-Type"))
				require.Equal(t, withoutTrace(first.body), withoutTrace(again.body))
			})
		})
	}
}

func TestWhatTheServiceCouldNotDoLeavesTheKeyFree(t *testing.T) {
	eachShop(t, []int64{5}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		customer := as(t, fair.Store, market.Customer)
		_, err := fair.Store.DB().ExecContext(t.Context(), "ALTER TABLE order_lines RENAME TO order_lines_away")
		require.NoError(t, err)
		got := send(t, app, customer, http.MethodPost, "/api/v1/orders", orderFor(fair, 1), "Idempotency-Key", "k")
		require.GreaterOrEqual(t, got.status, 500)
		_, err = fair.Store.DB().ExecContext(t.Context(), "ALTER TABLE order_lines_away RENAME TO order_lines")
		require.NoError(t, err)
		got = send(t, app, customer, http.MethodPost, "/api/v1/orders", orderFor(fair, 1), "Idempotency-Key", "k")
		require.Equal(t, 201, got.status, string(got.body))
		require.Empty(t, got.header.Get("Idempotency-Replayed"))
	})
}

func TestARepeatOfWhatIsStillUnderWayIsToldWhenToComeAgain(t *testing.T) {
	eachShop(t, []int64{5}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		customer := as(t, fair.Store, market.Customer)
		placed := send(t, app, customer, http.MethodPost, "/api/v1/orders", orderFor(fair, 1), "Idempotency-Key", "k")
		path := "/api/v1/orders/" + decode[item[api.Order]](t, placed.body).Data.ID + "/pay"
		fair.Provider.Fail(market.ErrProviderUnavailable, false)
		requireProblem(t, send(t, app, customer, http.MethodPost, path, api.NewPayment{}, "Idempotency-Key", "p"), 503)
		_, err := fair.Store.DB().ExecContext(t.Context(), "UPDATE payments SET lease_expires_at = ?", fair.Clock.Now().AddDate(0, 0, 1))
		require.NoError(t, err)
		got := send(t, app, customer, http.MethodPost, path, api.NewPayment{}, "Idempotency-Key", "p")
		require.Contains(t, requireProblem(t, got, 409).Detail, "still being carried out")
		require.Equal(t, "1", got.header.Get("Retry-After"))
		require.Empty(t, got.header.Get("Idempotency-Replayed"))
	})
}

func TestAskedByItsKeyAnOrderThatIsStillBeingPlacedIsToldWhenToComeAgain(t *testing.T) {
	url := storetest.PostgreSQL(t) // SQLite does not know who writes
	s := storetest.Open(t, url, store.Options{StatementTimeout: 100 * time.Millisecond})
	_, err := migrations.Migrate(t.Context(), s.DB())
	require.NoError(t, err)
	fair := markettest.NewFair(t, s, 5)
	app := newApp(t, s, func(o *api.Options) { o.Checkout = fair.Checkout })
	customer := as(t, s, market.Customer)

	held, err := storetest.Open(t, url, store.Options{}).DB().Begin()
	require.NoError(t, err)
	_, err = held.ExecContext(t.Context(), "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", customer.ID+" k")
	require.NoError(t, err)
	got := send(t, app, customer, http.MethodGet, "/api/v1/orders/by-key/k", nil)
	require.Contains(t, requireProblem(t, got, 409).Detail, "still being carried out")
	require.Equal(t, "1", got.header.Get("Retry-After"))
	require.NoError(t, held.Rollback())
	requireProblem(t, send(t, app, customer, http.MethodGet, "/api/v1/orders/by-key/k", nil), 404)
}
