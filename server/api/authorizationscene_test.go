package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/payments"
	"github.com/farmersmarket/platform/server/store"
)

// scene is a market day, and one caller of each kind. What a call uses up is made anew for each.
type scene struct {
	app       *fiber.App
	fair      *markettest.Fair
	producers *market.Producers
	sessions  *auth.Sessions
	callers   map[string]user
	dates     int // made so far
}

func setScene(t *testing.T, s *store.Store) *scene {
	t.Helper()
	fair := markettest.NewFair(t, s, 100)
	sc := &scene{
		app:  newApp(t, s, func(o *api.Options) { o.Plan, o.Checkout, o.Reports = fair.Plan, fair.Checkout, fair.Reports }),
		fair: fair, producers: market.NewProducers(s, fair.Clock), sessions: newSessions(t, s, newTelemetry(t), auth.DefaultLimits()),
		callers: map[string]user{
			"anonymous": {}, "customer": as(t, s, market.Customer), "other customer": as(t, s, market.Customer),
			"owner": as(t, s, market.FarmOwner), "other owner": as(t, s, market.FarmOwner),
			"manager": as(t, s, market.MarketManager), "admin": as(t, s, market.Admin),
		},
	}
	_, err := s.DB().ExecContext(t.Context(), "UPDATE farms SET owner_id = ? WHERE id IN (?, ?)", sc.callers["owner"].ID, fair.Farms[0].ID, fair.Farms[1].ID)
	require.NoError(t, err)
	return sc
}

func (s *scene) ask(t *testing.T, caller user, method string, r request, names *strings.Replacer) answer {
	t.Helper()
	header := []string{"If-Match", "*", "Idempotency-Key", uuid.NewString()}
	var body any
	switch r.body {
	case "":
	case "{photograph}":
		body, header = string(photograph(t, 64, 64)), append(header, "Content-Type", "image/jpeg")
	default:
		text := names.Replace(r.body)
		body, header = text, append(header, payments.SignatureHeader, newHook(t).Sign([]byte(text), time.Now()))
	}
	return send(t, s.app, caller, method, names.Replace(r.path), body, header...)
}

// fill makes what the row's request is about.
func (s *scene) fill(t *testing.T, r request) *strings.Replacer {
	t.Helper()
	names := []string{"{day}", s.fair.Day.ID}
	for _, name := range r.placeholders() {
		if name != "{day}" && name != "{id}" && name != "{photograph}" {
			names = append(names, name, s.make(t, name))
		}
	}
	return strings.NewReplacer(names...)
}

// make returns what the name stands for.
func (s *scene) make(t *testing.T, name string) string {
	t.Helper()
	switch offering := s.fair.Offerings[0]; name {
	case "{email}":
		return s.callers["customer"].Email
	case "{new email}":
		return uuid.NewString() + "@example.org"
	case "{account}":
		return as(t, s.fair.Store, market.Customer).ID
	case "{refresh token}":
		grant, err := s.sessions.Login(t.Context(), s.callers["customer"].Email, password, uuid.NewString())
		require.NoError(t, err)
		return grant.RefreshToken
	case "{owner}":
		return s.callers["owner"].ID
	case "{farm}":
		return offering.FarmID
	case "{product}":
		return offering.ProductID
	case "{market}":
		return s.fair.Market.ID
	case "{slot}":
		return s.fair.Market.Slots[0].ID
	case "{offering}":
		return offering.ID
	case "{unverified farm}", "{new product}":
		return s.makeSupply(t, name)
	case "{new date}", "{new day}":
		return s.makeDay(t, name)
	}
	return s.makeOrder(t, name)
}

// makeSupply makes something of the owner's.
func (s *scene) makeSupply(t *testing.T, name string) string {
	t.Helper()
	owner := s.callers["owner"].actor()
	if name == "{unverified farm}" {
		farm, err := s.producers.CreateFarm(t.Context(), owner, market.FarmDetails{Name: "New Farm", Place: "Sligo", Country: "IE"})
		require.NoError(t, err)
		return farm.ID
	}
	product, err := s.producers.CreateProduct(t.Context(), owner, s.fair.Offerings[0].FarmID, market.ProductDetails{
		Name: "Kale", Category: market.Vegetables, Season: market.AllYear, Unit: market.Unit{Kind: market.Item, Size: 1, Label: "bunch"},
		Price: market.Money{Amount: 100, Currency: market.EUR},
	})
	require.NoError(t, err)
	return product.ID
}

// makeDay makes a market day that nobody has ordered from, or only a date that has none.
func (s *scene) makeDay(t *testing.T, name string) string {
	t.Helper()
	s.dates++
	date := s.fair.Clock.Now().AddDate(0, 0, 2+s.dates).Format(time.DateOnly)
	if name == "{new date}" {
		return date
	}
	day, err := s.fair.Plan.AddMarketDay(t.Context(), s.fair.Manager, market.MarketDay{
		MarketID: s.fair.Market.ID, Date: date, OpensAt: s.fair.Clock.Now(), ClosesAt: s.fair.Clock.Now().AddDate(0, 0, 1),
	})
	require.NoError(t, err)
	return day.ID
}

// makeOrder makes an order of the customer's, and takes it as far as the name says.
func (s *scene) makeOrder(t *testing.T, name string) string {
	t.Helper()
	customer, checkout := s.callers["customer"].actor(), s.fair.Checkout
	placement := s.fair.Want(1)
	order, _, err := checkout.Place(t.Context(), customer, placement)
	require.NoError(t, err)
	switch name {
	case "{order}":
		return order.ID
	case "{key}":
		return placement.IdempotencyKey
	}
	_, _, _, err = checkout.Pay(t.Context(), customer, market.PayRequest{OrderID: order.ID, IdempotencyKey: placement.IdempotencyKey})
	require.NoError(t, err)
	switch name {
	case "{paid order}":
	case "{harvested farm}":
		return s.fair.Farms[0].Name
	case "{packed order}":
		_, err = checkout.Pack(t.Context(), s.fair.Manager, order.ID)
	case "{order not refunded}":
		s.fair.Provider.AnswerRefunds(market.PaymentRefundFailed)
		_, err = checkout.Cancel(t.Context(), s.fair.Manager, order.ID)
		require.NoError(t, err)
		_, err = checkout.AttendPayments(t.Context())
	default:
		require.Fail(t, "the scene has no "+name)
	}
	require.NoError(t, err)
	return order.ID
}

// actor is who the user is to the market.
func (u user) actor() market.Actor { return market.Actor{ID: u.ID, Role: u.Role} }
