package api_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
)

// changeOf is the fair's market under another name, with the slots.
func changeOf(slots ...api.SlotChange) api.MarketChange {
	return api.MarketChange{MarketDetails: api.MarketDetails{Name: "River Market", Place: "Galway", Country: "IE"}, Slots: slots}
}

func slotChange(id, label, starts, ends string) api.SlotChange {
	return api.SlotChange{ID: id, NewPickupSlot: api.NewPickupSlot{Label: label, StartsAt: starts, EndsAt: ends}}
}

func TestAManagerChangesAMarketAndItsSlots(t *testing.T) {
	eachShop(t, []int64{9}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		manager, customer, path := as(t, fair.Store, market.MarketManager), as(t, fair.Store, market.Customer), "/api/v1/markets/"+fair.Market.ID
		early, late := fair.Market.Slots[0].ID, fair.Market.Slots[1].ID
		wanted := changeOf(slotChange("", "Noon", "12:00", "13:00"), slotChange(early, "Dawn", "07:00", "08:00"))
		seen := send(t, app, manager, http.MethodGet, path, nil).header.Get("ETag")
		require.NotEmpty(t, seen)
		requireProblem(t, send(t, app, manager, http.MethodPut, path, wanted), 428)

		changed := send(t, app, manager, http.MethodPut, path, wanted, "If-Match", seen)
		require.Equal(t, 200, changed.status, string(changed.body))
		found := send(t, app, user{}, http.MethodGet, path, nil)
		require.JSONEq(t, string(changed.body), string(found.body))
		require.Equal(t, changed.header.Get("ETag"), found.header.Get("ETag"))
		m := decode[item[api.Market]](t, found.body).Data
		require.Equal(t, []string{"River Market", "Galway", "Europe/Dublin", "EUR"}, []string{m.Name, m.Place, m.TimeZone, m.Currency})
		require.Len(t, m.Slots, 2)
		require.Equal(t, api.PickupSlot{ID: early, Label: "Dawn", StartsAt: "07:00", EndsAt: "08:00"}, m.Slots[0], "the same slot, at another time")
		require.Equal(t, "Noon", m.Slots[1].Label)
		require.Contains(t, string(send(t, app, user{}, http.MethodGet, "/api/v1/markets", nil).body), "River Market")

		requireProblem(t, send(t, app, manager, http.MethodPut, path, changeOf(slotChange(early, "A", "09:00", "10:00")), "If-Match", seen), 412)

		order := func(slot string) answer {
			body := orderFor(fair, 1)
			body.SlotID = slot
			return send(t, app, customer, http.MethodPost, "/api/v1/orders", body, "Idempotency-Key", uuid.NewString())
		}
		require.Equal(t, 201, order(m.Slots[1].ID).status, "for the new slot")
		require.Contains(t, requireProblem(t, order(late), 404).Detail, "pick-up slot")
		again := send(t, app, manager, http.MethodPut, path, changeOf(slotChange(late, "Late", "10:30", "12:00")), "If-Match", "*")
		require.Equal(t, "slots[0].id", requireProblem(t, again, 422).Errors[0].Location, "a slot that was removed does not come back")
	})
}

func TestASlotIsRemovedOnceNoOrderWaitsForIt(t *testing.T) {
	manage := func(do func(*market.Checkout, context.Context, market.Actor, string) (market.Order, error)) func(*testing.T, *markettest.Fair, market.Order) {
		return func(t *testing.T, fair *markettest.Fair, order market.Order) {
			t.Helper()
			_, err := do(fair.Checkout, t.Context(), fair.Manager, order.ID)
			require.NoError(t, err)
		}
	}
	pay := func(t *testing.T, fair *markettest.Fair, order market.Order) {
		t.Helper()
		buyer := market.Actor{ID: order.CustomerID, Role: market.Customer}
		_, _, _, err := fair.Checkout.Pay(t.Context(), buyer, market.PayRequest{OrderID: order.ID, IdempotencyKey: order.ID})
		require.NoError(t, err)
	}
	pack := manage((*market.Checkout).Pack)
	collect := manage((*market.Checkout).Collect)
	cancel := manage((*market.Checkout).Cancel)
	for name, c := range map[string]struct {
		steps  []func(*testing.T, *markettest.Fair, market.Order)
		status int
	}{
		"one that is not paid":   {nil, 409},
		"one that is paid":       {[]func(*testing.T, *markettest.Fair, market.Order){pay}, 409},
		"one that is packed":     {[]func(*testing.T, *markettest.Fair, market.Order){pay, pack}, 409},
		"one that is collected":  {[]func(*testing.T, *markettest.Fair, market.Order){pay, pack, collect}, 200},
		"one that was cancelled": {[]func(*testing.T, *markettest.Fair, market.Order){cancel}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			eachShop(t, []int64{9}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
				order, _, err := fair.Checkout.Place(t.Context(), markettest.Buyer(), fair.Want(1))
				require.NoError(t, err)
				for _, step := range c.steps {
					step(t, fair, order)
				}
				manager, path := as(t, fair.Store, market.MarketManager), "/api/v1/markets/"+fair.Market.ID
				before := send(t, app, manager, http.MethodGet, path, nil)
				got := send(t, app, manager, http.MethodPut, path, changeOf(slotChange(fair.Market.Slots[1].ID, "Late", "10:30", "12:00")), "If-Match", "*")
				require.Equal(t, c.status, got.status, string(got.body))
				if c.status == 409 {
					require.Contains(t, requireProblem(t, got, 409).Detail, "pick-up slot "+fair.Market.Slots[0].ID+" cannot be removed")
					require.Equal(t, before.body, send(t, app, manager, http.MethodGet, path, nil).body, "nothing has changed")
				}
				found := send(t, app, manager, http.MethodGet, "/api/v1/orders/"+order.ID, nil)
				require.Equal(t, fair.Market.Slots[0].ID, decode[item[api.Order]](t, found.body).Data.SlotID, "the order keeps its slot")
			})
		})
	}
}

func TestAMarketIsNotChangedToWhatItCannotBe(t *testing.T) {
	eachShop(t, []int64{9}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		manager, path, early := as(t, fair.Store, market.MarketManager), "/api/v1/markets/"+fair.Market.ID, fair.Market.Slots[0].ID
		good := slotChange(early, "Early", "09:00", "10:30")
		for name, c := range map[string]struct {
			change api.MarketChange
			where  string
		}{
			"with no slot":                      {changeOf(), "body.slots"},
			"with the slot of another market":   {changeOf(good, slotChange(uuid.NewString(), "A", "09:00", "10:00")), "slots[1].id"},
			"with one slot twice":               {changeOf(good, good), "slots[1].id"},
			"with a slot that ends too soon":    {changeOf(slotChange("", "A", "11:00", "10:00"), good), "slots[0].ends_at"},
			"with a slot that has no such time": {changeOf(good, slotChange("", "A", "09:00", "26:00")), "body.slots[1].ends_at"},
		} {
			got := send(t, app, manager, http.MethodPut, path, c.change, "If-Match", "*")
			require.Equal(t, c.where, requireProblem(t, got, 422).Errors[0].Location, name)
		}
		requireProblem(t, send(t, app, manager, http.MethodPut, "/api/v1/markets/"+uuid.NewString(), changeOf(slotChange("", "A", "09:00", "10:00")), "If-Match", "*"), 404)
	})
}
