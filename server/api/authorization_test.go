package api_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// What a caller is answered, as far as authorisation goes.
const (
	in = 0                       // let in: anything else than the others
	no = http.StatusUnauthorized // who are you?
	ff = http.StatusForbidden    // you may not
	nf = http.StatusNotFound     // there is no such thing, to you
)

// outcomes has one for each kind of caller.
type outcomes struct{ anonymous, customer, owner, otherOwner, manager, admin int }

func (o outcomes) byCaller() map[string]int {
	return map[string]int{
		"anonymous": o.anonymous, "customer": o.customer, "owner": o.owner, "other owner": o.otherOwner,
		"manager": o.manager, "admin": o.admin,
	}
}

func everyone() outcomes { return outcomes{in, in, in, in, in, in} }
func account() outcomes  { return outcomes{no, in, in, in, in, in} }
func managers() outcomes { return outcomes{no, ff, ff, ff, in, in} }
func admins() outcomes   { return outcomes{no, ff, ff, ff, ff, in} }

// request is how an operation is called. {farm} and the like stand for what the fixture has; etag is that of the path.
type request struct {
	path string
	body string
	want outcomes
}

const (
	farmBody    = `{"name":"A","description":"B","place":"C","region":"D","country":"IE"}`
	productBody = `"name":"A","description":"B","category":"fruit","unit":{"kind":"item","size":1,"label":"piece"},` +
		`"price":{"amount":100,"currency":"EUR"},"season":[1]}`
	marketBody = `{"name":"A","place":"B","country":"IE","time_zone":"Europe/Dublin","currency":"EUR",` +
		`"slots":[{"label":"A","starts_at":"09:00","ends_at":"10:00"}]}`
	window = `"opens_at":"2026-11-20T12:00:00Z","closes_at":"2026-11-21T12:00:00Z"}`
)

// requests has every operation by its id. The customer is the one whose order {order} is; the owner is the one whose
// farm {farm} is.
func requests() map[string]request {
	const farms, products, markets, days = "/api/v1/farms", "/api/v1/products", "/api/v1/markets", "/api/v1/market-days"
	const offerings, orders, authPath = "/api/v1/offerings", "/api/v1/orders", "/api/v1/auth"
	//                                       anonymous, customer, owner, other owner, manager, admin
	return map[string]request{
		"get-health": {"/api/health", "", everyone()},
		"get-live":   {"/api/live", "", everyone()},
		"get-ready":  {"/api/ready", "", everyone()},

		"register":        {authPath + "/register", `{"email":"a@example.org","name":"A","password":"` + password + `"}`, everyone()},
		"login":           {authPath + "/login", `{"email":"` + strings.Repeat("x", 400) + `","password":"x"}`, everyone()},
		"refresh":         {authPath + "/refresh", `{"refresh_token":7}`, everyone()},
		"logout":          {authPath + "/logout", `{"refresh_token":"x"}`, everyone()},
		"get-me":          {authPath + "/me", "", account()},
		"change-password": {authPath + "/password", `{"current_password":"x","new_password":"x"}`, account()},
		"list-accounts":   {"/api/v1/accounts", "", admins()},
		"get-account":     {"/api/v1/accounts/{customer}", "", admins()},
		"set-role":        {"/api/v1/accounts/{customer}/role", `{"role":"customer"}`, admins()},

		"list-farms":  {farms, "", everyone()},
		"get-farm":    {farms + "/{farm}", "", everyone()},
		"create-farm": {farms, farmBody, outcomes{no, ff, in, in, ff, ff}},
		"update-farm": {farms + "/{farm}", farmBody, outcomes{no, ff, in, ff, ff, ff}},
		"verify-farm": {farms + "/{farm}/verification", "", managers()},

		"list-managed-farms":    {"/api/v1/manage/farms", "", outcomes{no, ff, in, in, in, in}}, // their own; all for who runs the markets
		"get-managed-farm":      {"/api/v1/manage/farms/{farm}", "", outcomes{no, ff, in, nf, in, in}},
		"list-managed-products": {"/api/v1/manage/products", "", outcomes{no, ff, in, in, in, in}},
		"get-managed-product":   {"/api/v1/manage/products/{product}", "", outcomes{no, ff, in, nf, in, in}},

		"list-categories": {"/api/v1/categories", "", everyone()},
		"list-products":   {products, "", everyone()},
		"get-product":     {products + "/{product}", "", everyone()},
		"create-product":  {products, `{"farm_id":"{farm}",` + productBody, outcomes{no, ff, in, ff, ff, ff}},
		"update-product":  {products + "/{product}", `{` + productBody, outcomes{no, ff, in, ff, ff, ff}},
		"delete-product":  {products + "/{product}", "", outcomes{no, ff, in, ff, ff, ff}},

		"put-product-image":    {products + "/{product}/image", `{}`, outcomes{no, ff, in, ff, ff, ff}},
		"delete-product-image": {products + "/{product}/image", "", outcomes{no, ff, in, ff, ff, ff}},

		"list-markets":           {markets, "", everyone()},
		"get-market":             {markets + "/{market}", "", everyone()},
		"create-market":          {markets, marketBody, managers()},
		"list-market-days":       {days, "", everyone()},
		"get-market-day":         {days + "/{day}", "", everyone()},
		"create-market-day":      {days, `{"market_id":"{market}","date":"2026-11-22",` + window, managers()},
		"move-market-day-window": {days + "/{day}/window", "{" + window, managers()},
		"delete-market-day":      {days + "/{day}", "", managers()},
		"get-harvest":            {days + "/{day}/harvest", "", outcomes{no, ff, in, in, in, in}}, // owners see their own farms' only
		"get-harvest-csv":        {days + "/{day}/harvest.csv", "", outcomes{no, ff, in, in, in, in}},
		"get-packing-list":       {days + "/{day}/packing-list", "", managers()},
		"get-packing-list-csv":   {days + "/{day}/packing-list.csv", "", managers()},

		"list-offerings": {offerings + "?market_day={day}", "", everyone()},
		"get-offering":   {offerings + "/{offering}", "", everyone()},
		"create-offering": {
			offerings, `{"market_day_id":"{day}","product_id":"{product}","price":{"amount":1,"currency":"EUR"},"quantity":1}`,
			outcomes{no, ff, in, ff, in, in},
		},
		"change-offering": {offerings + "/{offering}", `{"quantity":50}`, outcomes{no, ff, in, ff, in, in}},

		"list-orders": {orders, "", account()}, // their own; all for who runs the markets
		"place-order": {
			orders, `{"market_day_id":"{day}","slot_id":"{slot}","lines":[{"offering_id":"{offering}","quantity":1}]}`, account(),
		},
		"get-order":        {orders + "/{order}", "", outcomes{no, in, nf, nf, in, in}},
		"get-order-by-key": {orders + "/by-key/{key}", "", outcomes{no, in, nf, nf, nf, nf}},
		"pay-order":        {orders + "/{order}/pay", `{}`, outcomes{no, in, nf, nf, nf, nf}},
		"pack-order":       {orders + "/{order}/packed", "", managers()},
		"collect-order":    {orders + "/{order}/collected", "", managers()},
		"retry-refund":     {orders + "/{order}/refund", "", managers()},
		"cancel-order":     {orders + "/{order}/cancel", "", outcomes{no, in, nf, nf, in, in}},

		"take-payment-event": {"/api/v1/payments/webhook/sandbox", `{}`, everyone()}, // the signature is the authentication

		"report-browser": {"/api/v1/rum", `{"app":"shop"}`, everyone()},
	}
}

// scene is a market day with an order, and one caller of each kind.
type scene struct {
	app     *fiber.App
	callers map[string]user
	names   *strings.Replacer
}

func setScene(t *testing.T, s *store.Store) scene {
	t.Helper()
	fair := markettest.NewFair(t, s, 100)
	app := newApp(t, s, func(o *api.Options) { o.Plan, o.Checkout, o.Reports = fair.Plan, fair.Checkout, fair.Reports })
	callers := map[string]user{
		"anonymous": {}, "customer": as(t, s, market.Customer), "owner": as(t, s, market.FarmOwner),
		"other owner": as(t, s, market.FarmOwner), "manager": as(t, s, market.MarketManager), "admin": as(t, s, market.Admin),
	}
	_, err := s.DB().ExecContext(t.Context(), "UPDATE farms SET owner_id = ?", callers["owner"].ID)
	require.NoError(t, err)
	placement := fair.Want(1)
	order, _, err := fair.Checkout.Place(t.Context(), market.Actor{ID: callers["customer"].ID, Role: market.Customer}, placement)
	require.NoError(t, err)
	return scene{app: app, callers: callers, names: strings.NewReplacer(
		"{customer}", callers["customer"].ID, "{farm}", fair.Offerings[0].FarmID, "{product}", fair.Offerings[0].ProductID,
		"{market}", fair.Market.ID, "{day}", fair.Day.ID, "{slot}", fair.Market.Slots[0].ID,
		"{offering}", fair.Offerings[0].ID, "{order}", order.ID, "{key}", placement.IdempotencyKey,
	)}
}

func (s scene) ask(t *testing.T, caller user, method string, r request) answer {
	t.Helper()
	path := s.names.Replace(r.path)
	var body any
	if r.body != "" {
		body = s.names.Replace(r.body)
	}
	return send(t, s.app, caller, method, path, body, "If-Match", "*", "Idempotency-Key", uuid.NewString())
}

func TestEveryOperationLetsInWhomItsRowSays(t *testing.T) {
	table := requests()
	methods := operationMethods(t)
	require.ElementsMatch(t, slices.Collect(maps.Keys(methods)), slices.Collect(maps.Keys(table)),
		"every operation has a row, and every row an operation")
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, id := range slices.Sorted(maps.Keys(table)) {
			t.Run(id, func(t *testing.T) {
				sc := setScene(t, s)
				for _, refused := range []bool{true, false} { // those let in may use up what there is
					for caller, want := range table[id].want.byCaller() {
						if (want != in) == refused {
							requireOutcome(t, caller, want, sc.ask(t, sc.callers[caller], methods[id], table[id]))
						}
					}
				}
				// What the others were answered is not kept for everyone.
				requireOutcome(t, "anonymous", table[id].want.anonymous, sc.ask(t, user{}, methods[id], table[id]))
			})
		}
	})
}

func requireOutcome(t *testing.T, caller string, want int, got answer) {
	t.Helper()
	said := fmt.Sprintf("%s: %d %s", caller, got.status, got.body)
	if want == in {
		require.NotContains(t, []int{no, ff, http.StatusTooManyRequests}, got.status, said)
		require.Less(t, got.status, 500, said)
		return
	}
	require.Equal(t, want, got.status, said)
	requireProblem(t, got, want)
	require.Equal(t, want == no, got.header.Get("WWW-Authenticate") != "", said)
}

// operationMethods returns the method of every operation in the document by its id.
func operationMethods(t *testing.T) map[string]string {
	t.Helper()
	raw, err := api.OpenAPI()
	require.NoError(t, err)
	document := decode[struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		} `json:"paths"`
	}](t, raw)
	methods := map[string]string{}
	for _, item := range document.Paths {
		for method, operation := range item {
			methods[operation.OperationID] = strings.ToUpper(method)
		}
	}
	return methods
}

func TestEveryProtectedOperationRefusesEveryBadToken(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t), store.Options{})
	migrateStore(t, s)
	sc := setScene(t, s)
	gone := as(t, s, market.Admin)
	_, err := s.DB().ExecContext(t.Context(), "DELETE FROM accounts WHERE id = ?", gone.ID)
	require.NoError(t, err)
	parts := strings.Split(sc.callers["admin"].token, ".")
	methods := operationMethods(t)
	for name, header := range map[string]string{
		"another scheme":         "Basic bm9yYTp3YWxudXQ=",
		"no token":               "Bearer ",
		"no signature":           "Bearer " + parts[0] + "." + parts[1] + ".",
		"another's payload":      "Bearer " + parts[0] + "." + strings.Split(sc.callers["manager"].token, ".")[1] + "." + parts[2],
		"an account that's gone": "Bearer " + gone.token,
	} {
		t.Run(name, func(t *testing.T) {
			for id, r := range requests() {
				if r.want.anonymous != no {
					continue
				}
				got := send(t, sc.app, user{}, methods[id], sc.names.Replace(r.path), nil, "Authorization", header)
				requireProblem(t, got, http.StatusUnauthorized)
				require.Contains(t, got.header.Get("WWW-Authenticate"), `error="invalid_token"`, id)
			}
			got := send(t, sc.app, user{}, http.MethodGet, "/api/v1/categories", nil, "Authorization", header)
			require.Equal(t, http.StatusOK, got.status, "what is public stays so")
		})
	}
}

func TestAnOperationWithoutARuleStopsTheStart(t *testing.T) {
	open := huma.Operation{OperationID: "open", Method: http.MethodGet, Path: "/open"}
	document := &huma.OpenAPI{Paths: map[string]*huma.PathItem{"/open": {Get: &open}}}
	require.ErrorContains(t, api.CheckAccess(document), "GET /open has no access rule")
}

func TestAnOperationWithoutARuleLetsNobodyIn(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t), store.Options{})
	migrateStore(t, s)
	app := api.NewWithoutRule(newSessions(t, s, newTelemetry(t), auth.DefaultLimits()))
	require.Equal(t, http.StatusUnauthorized, send(t, app, user{}, http.MethodGet, "/open", nil).status)
	require.Equal(t, http.StatusForbidden, send(t, app, as(t, s, market.Admin), http.MethodGet, "/open", nil).status)
}

func migrateStore(t *testing.T, s *store.Store) {
	t.Helper()
	_, err := migrations.Migrate(t.Context(), s.DB())
	require.NoError(t, err)
}
