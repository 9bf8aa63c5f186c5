package api_test

import (
	"net/http"
	"strings"
)

// What a caller is refused with, as far as authorisation goes.
const (
	no = http.StatusUnauthorized // who are you?
	ff = http.StatusForbidden    // you may not
	nf = http.StatusNotFound     // there is no such thing, to you
)

// outcomes has the status for each kind of caller. The customer is the one whose order it is, the owner the one whose farm it is;
// the others have the same role, and nothing of what is asked for.
type outcomes struct{ anonymous, customer, otherCustomer, owner, otherOwner, manager, admin int }

func (o outcomes) byCaller() map[string]int {
	return map[string]int{
		"anonymous": o.anonymous, "customer": o.customer, "other customer": o.otherCustomer, "owner": o.owner, "other owner": o.otherOwner,
		"manager": o.manager, "admin": o.admin,
	}
}

// callers are all kinds. Those who may do less come first.
func callers() []string {
	return []string{"anonymous", "other customer", "other owner", "customer", "owner", "manager", "admin"}
}

// Rows that many operations have, with the status of success.
//
//	anonymous, customer, other customer, owner, other owner, manager, admin
func everyone(ok int) outcomes   { return outcomes{ok, ok, ok, ok, ok, ok, ok} }
func account(ok int) outcomes    { return outcomes{no, ok, ok, ok, ok, ok, ok} }
func managers(ok int) outcomes   { return outcomes{no, ff, ff, ff, ff, ok, ok} }
func admins(ok int) outcomes     { return outcomes{no, ff, ff, ff, ff, ff, ok} }
func farmOwner(ok int) outcomes  { return outcomes{no, ff, ff, ok, ff, ff, ff} } // of this farm alone
func sellers(ok int) outcomes    { return outcomes{no, ff, ff, ok, ff, ok, ok} } // for this farm
func producers() outcomes        { return outcomes{no, ff, ff, 200, 200, 200, 200} }
func managed(ok int) outcomes    { return outcomes{no, ff, ff, ok, nf, ok, ok} }
func orderer(ok int) outcomes    { return outcomes{no, ok, nf, nf, nf, nf, nf} } // who placed this order alone
func orderSeers(ok int) outcomes { return outcomes{no, ok, nf, nf, nf, ok, ok} }

// request is how an operation is called. What is in braces stands for what the scene has, or makes for each call.
type request struct {
	path string
	body string
	want outcomes
	// shows is what only the answers to some callers have in them.
	shows string
	to    []string
}

const (
	farmBody    = `{"name":"A","description":"B","place":"C","region":"D","country":"IE"}`
	productBody = `"name":"A","description":"B","category":"fruit","unit":{"kind":"item","size":1,"label":"piece"},` +
		`"price":{"amount":100,"currency":"EUR"},"season":[1]}`
	marketBody = `{"name":"A","place":"B","country":"IE","time_zone":"Europe/Dublin","currency":"EUR",` +
		`"slots":[{"label":"A","starts_at":"09:00","ends_at":"10:00"}]}`
	marketChangeBody = `{"name":"A","place":"B","country":"IE","slots":[{"id":"{slot}","label":"A","starts_at":"09:00","ends_at":"10:00"}]}`
	window           = `"opens_at":"2026-11-20T12:00:00Z","closes_at":"2026-11-21T12:00:00Z"}`
	delivery         = `{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1700000000,` +
		`"data":{"object":{"id":"pi_1","object":"payment_intent","status":"succeeded"}}}`
	report = `{"app":"shop","measurements":[{"name":"lcp","value":1.8,"page":"/products/{id}"}]}`
)

// requests has every operation by its id.
func requests() map[string]request {
	const farms, products, markets, days = "/api/v1/farms", "/api/v1/products", "/api/v1/markets", "/api/v1/market-days"
	const offerings, orders, authPath, manage = "/api/v1/offerings", "/api/v1/orders", "/api/v1/auth", "/api/v1/manage"
	ofFarm, ofOrder := []string{"owner", "manager", "admin"}, []string{"customer", "manager", "admin"}
	return map[string]request{
		"get-health": {path: "/api/health", want: everyone(200)},
		"get-live":   {path: "/api/live", want: everyone(200)},
		"get-ready":  {path: "/api/ready", want: everyone(200)},

		"register":        {path: authPath + "/register", body: `{"email":"{new email}","name":"A","password":"` + password + `"}`, want: everyone(202)},
		"login":           {path: authPath + "/login", body: `{"email":"{email}","password":"` + password + `"}`, want: everyone(200)},
		"refresh":         {path: authPath + "/refresh", body: `{"refresh_token":"{refresh token}"}`, want: everyone(200)},
		"logout":          {path: authPath + "/logout", body: `{"refresh_token":"{refresh token}"}`, want: everyone(204)},
		"get-me":          {path: authPath + "/me", want: account(200)},
		"change-password": {path: authPath + "/password", body: `{"current_password":"` + password + `","new_password":"hazel-Sunday-medlar"}`, want: account(200)},
		"list-accounts":   {path: "/api/v1/accounts", want: admins(200)},
		"get-account":     {path: "/api/v1/accounts/{account}", want: admins(200)},
		"set-role":        {path: "/api/v1/accounts/{account}/role", body: `{"role":"farm_owner"}`, want: admins(200)},

		"list-farms":   {path: farms, want: everyone(200)},
		"get-farm":     {path: farms + "/{farm}", want: everyone(200)},
		"create-farm":  {path: farms, body: farmBody, want: outcomes{no, ff, ff, 201, 201, ff, ff}},
		"update-farm":  {path: farms + "/{unverified farm}", body: farmBody, want: farmOwner(200)},
		"verify-farm":  {path: farms + "/{unverified farm}/verification", want: managers(200)},
		"suspend-farm": {path: farms + "/{farm}/verification", want: managers(200)},

		"list-managed-farms":    {path: manage + "/farms?owner={owner}", want: producers(), shows: "{farm}", to: ofFarm},
		"get-managed-farm":      {path: manage + "/farms/{unverified farm}", want: managed(200)},
		"list-managed-products": {path: manage + "/products?farm={farm}", want: producers(), shows: "{product}", to: ofFarm},
		"get-managed-product":   {path: manage + "/products/{product}", want: managed(200)},

		"list-categories": {path: "/api/v1/categories", want: everyone(200)},
		"list-products":   {path: products, want: everyone(200)},
		"get-product":     {path: products + "/{product}", want: everyone(200)},
		"create-product":  {path: products, body: `{"farm_id":"{farm}",` + productBody, want: farmOwner(201)},
		"update-product":  {path: products + "/{product}", body: `{` + productBody, want: farmOwner(200)},
		"delete-product":  {path: products + "/{new product}", want: farmOwner(204)},

		"put-product-image":    {path: products + "/{product}/image", body: "{photograph}", want: farmOwner(200)},
		"delete-product-image": {path: products + "/{product}/image", want: farmOwner(204)},

		"list-markets":           {path: markets, want: everyone(200)},
		"get-market":             {path: markets + "/{market}", want: everyone(200)},
		"create-market":          {path: markets, body: marketBody, want: managers(201)},
		"update-market":          {path: markets + "/{market}", body: marketChangeBody, want: managers(200)},
		"list-market-days":       {path: days, want: everyone(200)},
		"get-market-day":         {path: days + "/{day}", want: everyone(200)},
		"create-market-day":      {path: days, body: `{"market_id":"{market}","date":"{new date}",` + window, want: managers(201)},
		"move-market-day-window": {path: days + "/{new day}/window", body: "{" + window, want: managers(200)},
		"delete-market-day":      {path: days + "/{new day}", want: managers(204)},
		"get-harvest":            {path: days + "/{day}/harvest", want: producers(), shows: "{harvested farm}", to: ofFarm},
		"get-harvest-csv":        {path: days + "/{day}/harvest.csv", want: producers(), shows: "{harvested farm}", to: ofFarm},
		"get-packing-list":       {path: days + "/{day}/packing-list", want: managers(200)},
		"get-packing-list-csv":   {path: days + "/{day}/packing-list.csv", want: managers(200)},

		"list-offerings": {path: offerings + "?market_day={day}", want: everyone(200)},
		"get-offering":   {path: offerings + "/{offering}", want: everyone(200)},
		"create-offering": {
			path: offerings, body: `{"market_day_id":"{day}","product_id":"{new product}","price":{"amount":1,"currency":"EUR"},"quantity":1}`,
			want: sellers(201),
		},
		"change-offering": {path: offerings + "/{offering}", body: `{"quantity":50}`, want: sellers(200)},

		"list-orders": {path: orders, want: account(200), shows: "{order}", to: ofOrder},
		"place-order": {
			path: orders, body: `{"market_day_id":"{day}","slot_id":"{slot}","lines":[{"offering_id":"{offering}","quantity":1}]}`,
			want: account(201),
		},
		"get-order":        {path: orders + "/{order}", want: orderSeers(200)},
		"get-order-by-key": {path: orders + "/by-key/{key}", want: orderer(200)},
		"pay-order":        {path: orders + "/{order}/pay", body: `{}`, want: orderer(200)},
		"pack-order":       {path: orders + "/{paid order}/packed", want: managers(200)},
		"collect-order":    {path: orders + "/{packed order}/collected", want: managers(200)},
		"retry-refund":     {path: orders + "/{order not refunded}/refund", want: managers(200)},
		"cancel-order":     {path: orders + "/{order}/cancel", want: orderSeers(200)},

		"take-payment-event": {path: webhookPath, body: delivery, want: everyone(200)}, // the signature is the authentication

		"report-browser": {path: "/api/v1/rum", body: report, want: everyone(204)},
	}
}

// placeholders returns what in braces the row names.
func (r request) placeholders() []string {
	return noNames.FindAllString(strings.Join([]string{r.path, r.body, r.shows}, " "), -1)
}
