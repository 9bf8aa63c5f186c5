package api_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// TestBadInputOfEveryKindGetsAPreciseProblem sends requests byte for byte, as no decent client would.
func TestBadInputOfEveryKindGetsAPreciseProblem(t *testing.T) {
	storetest.Each(t, refuseBadInput)
}

func refuseBadInput(t *testing.T, s *store.Store) {
	t.Helper()
	fair := markettest.NewFair(t, s, 5)
	owner, customer := as(t, s, market.FarmOwner), as(t, s, market.Customer)
	address := serve(t, newApp(t, s, func(o *api.Options) { o.Plan, o.Checkout = fair.Plan, fair.Checkout }))

	order := fmt.Sprintf(`{"market_day_id":%q,"slot_id":%q,"lines":[{"offering_id":%q,"quantity":%%s}]}`,
		fair.Day.ID, fair.Market.Slots[0].ID, fair.Offerings[0].ID)
	product := fmt.Sprintf(`{"farm_id":%q,"name":"A","description":"","category":"eggs","unit":{"kind":"item","size":1,"label":"a"},`+
		`"price":{"amount":1,"currency":"EUR"},"season":[1]}`, fair.Farms[0].ID)
	farm := `{"name":%q,"description":"","place":"Sligo","region":"","country":"IE"}`
	for name, c := range map[string]struct {
		user    user
		path    string
		headers string
		body    string
		status  int
		says    string
	}{
		"a body that is too large": {owner, "/api/v1/farms", "", strings.Repeat("x", 1<<20+1), 413, "Too Large"},
		"half a JSON":              {owner, "/api/v1/farms", "", `{"name":`, 400, "unexpected end of JSON input"},
		"no body":                  {owner, "/api/v1/farms", "", "", 400, "body is required"},
		"a body of another type":   {owner, "/api/v1/farms", "Content-Type: application/xml\r\n", "<farm/>", 415, "unknown content type"},
		"a compressed body":        {owner, "/api/v1/farms", "Content-Encoding: gzip\r\n", zipped(t, fmt.Sprintf(farm, "A")), 415, "Content-Encoding must be identity"},
		"a body compressed twice":  {owner, "/api/v1/farms", "Content-Encoding: gzip, gzip\r\n", zipped(t, zipped(t, fmt.Sprintf(farm, "A"))), 415, "Content-Encoding must be identity"},
		"a second Content-Encoding": {
			owner, "/api/v1/farms", "Content-Encoding: gzip\r\nContent-Encoding: identity\r\n", zipped(t, fmt.Sprintf(farm, "A")), 415, "Content-Encoding must be identity",
		},
		"an encoding that nobody knows": {owner, "/api/v1/farms", "Content-Encoding: snow\r\n", fmt.Sprintf(farm, "A"), 415, "Content-Encoding must be identity"},
		"a compressed login, of nobody": {
			user{}, "/api/v1/auth/login", "Content-Encoding: gzip\r\n", zipped(t, strings.Repeat("x", 2<<20)), 415, "Content-Encoding must be identity",
		},
		"bytes that are not UTF-8": {owner, "/api/v1/farms", "", strings.Replace(fmt.Sprintf(farm, "X"), "X", "\xff\xfe", 1), 400, "UTF-8"},
		"a control character":      {owner, "/api/v1/farms", "", strings.Replace(fmt.Sprintf(farm, "X"), "X", `A\u0000B`, 1), 422, "name must"},
		"JSON a thousand deep":     {owner, "/api/v1/farms", "", strings.Repeat(`[`, 20_000), 400, ""},
		"a field that there is not": {
			owner, "/api/v1/farms", "", strings.Replace(fmt.Sprintf(farm, "A"), "{", `{"verified":true,`, 1), 422, "validation failed",
		},
		"a quantity below nothing":         {customer, "/api/v1/orders", "Idempotency-Key: a\r\n", fmt.Sprintf(order, "-1"), 422, "validation failed"},
		"a quantity with a fraction":       {customer, "/api/v1/orders", "Idempotency-Key: b\r\n", fmt.Sprintf(order, "1.5"), 422, "validation failed"},
		"a quantity beyond 64 bits":        {customer, "/api/v1/orders", "Idempotency-Key: c\r\n", fmt.Sprintf(order, "1e30"), 422, "validation failed"},
		"a quantity with an exponent":      {customer, "/api/v1/orders", "Idempotency-Key: i\r\n", fmt.Sprintf(order, "1e2"), 422, "body lines.quantity must be a whole number of at most 64 bits, written in digits alone"},
		"a whole quantity with a fraction": {customer, "/api/v1/orders", "Idempotency-Key: j\r\n", fmt.Sprintf(order, "2.0"), 422, "got the number 2.0"},
		"a size beyond 64 bits":            {owner, "/api/v1/products", "", strings.Replace(product, `"size":1`, `"size":9223372036854775808`, 1), 422, "body unit.size must be a whole number"},
		"half of a surrogate pair":         {owner, "/api/v1/farms", "", strings.Replace(fmt.Sprintf(farm, "X"), "X", `A\ud800`, 1), 400, "half of a surrogate pair"},
		"the other half":                   {owner, "/api/v1/farms", "", strings.Replace(fmt.Sprintf(farm, "X"), "X", `\uDC00B`, 1), 400, "half of a surrogate pair"},
		"a pair the wrong way round":       {owner, "/api/v1/farms", "", strings.Replace(fmt.Sprintf(farm, "X"), "X", `\ude00\ud83d`, 1), 400, "half of a surrogate pair"},
		"half a pair before a letter":      {owner, "/api/v1/farms", "", strings.Replace(fmt.Sprintf(farm, "X"), "X", `\ud83d\u0041`, 1), 400, "half of a surrogate pair"},
		"half a pair at the body's end":    {owner, "/api/v1/farms", "", `{"name":"\ud83d`, 400, "half of a surrogate pair"},
		"half an escape at the body's end": {owner, "/api/v1/farms", "", `{"name":"\u00`, 400, "invalid character"},
		"headers that are too large":       {owner, "/api/v1/farms", "X-Filler: " + strings.Repeat("x", 16<<10) + "\r\n", "", 431, "Too Large"},
		"a quantity as a text":             {customer, "/api/v1/orders", "Idempotency-Key: d\r\n", fmt.Sprintf(order, `"1"`), 422, "validation failed"},
		"an id that is none":               {customer, "/api/v1/orders", "Idempotency-Key: e\r\n", strings.Replace(fmt.Sprintf(order, "1"), fair.Day.ID, "1", 1), 422, "validation failed"},
		"an id that is not percent-encoded": {
			customer, "/api/v1/orders/%zz/cancel", "", "", 422, "path.id must be percent-encoded",
		},
		"half a percent-encoding":   {customer, "/api/v1/orders/" + fair.Day.ID + "%2/cancel", "", "", 422, "path.id must be percent-encoded"},
		"an id with a slash in it":  {customer, "/api/v1/orders/" + fair.Day.ID + "%2F/cancel", "", "", 422, "path.id"},
		"a key with a space in it":  {customer, "/api/v1/orders", "Idempotency-Key: a b\r\n", fmt.Sprintf(order, "1"), 422, "validation failed"},
		"two keys":                  {customer, "/api/v1/orders", "Idempotency-Key: f\r\nIdempotency-Key: g\r\n", fmt.Sprintf(order, "1"), 422, "Idempotency-Key"},
		"a token of another market": {user{token: "eyJhbGciOiJub25lIn0.e30."}, "/api/v1/orders", "Idempotency-Key: h\r\n", fmt.Sprintf(order, "1"), 401, "token"},
	} {
		t.Run(name, func(t *testing.T) {
			got := sendRaw(t, address, c.user, c.path, c.headers, c.body)
			require.Equal(t, c.status, got.status, string(got.body))
			require.Equal(t, "application/problem+json", got.contentType)
			require.Equal(t, "private, no-store", got.header.Get("Cache-Control"))
			require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
			problem := decode[api.Problem](t, got.body)
			said := problem.Detail + " " + problem.Title
			for _, e := range problem.Errors {
				said += " " + e.Location + " " + e.Message
			}
			require.Contains(t, said, c.says)
			require.NotContains(t, said, "\ufffd")
			require.NotContains(t, said, "REDACTED")
			require.NotContains(t, said, "Go ")
			require.Len(t, problem.TraceID, 32)
		})
	}
}

// zipped is the text as Content-Encoding: gzip has it.
func zipped(t *testing.T, text string) string {
	t.Helper()
	var zipped strings.Builder
	w := gzip.NewWriter(&zipped)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return zipped.String()
}

func TestABodyWithoutAnEncodingSaysSoOrNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		app := newApp(t, s)
		login := map[string]string{"email": "nobody@example.org", "password": password}
		for name, c := range map[string]struct {
			encoding string
			status   int
		}{
			"nothing": {"", 401}, "identity": {"identity", 401}, "identity in capitals": {"IDENTITY", 401}, "brotli": {"br", 415},
		} {
			t.Run(name, func(t *testing.T) {
				got := send(t, app, user{}, http.MethodPost, "/api/v1/auth/login", login, "Content-Encoding", c.encoding)
				requireProblem(t, got, c.status)
				if c.status == http.StatusUnsupportedMediaType {
					require.Equal(t, "identity", got.header.Get("Accept-Encoding"))
				}
			})
		}
	})
}

// sendRaw writes a POST to a connection of its own and reads the answer.
func sendRaw(t *testing.T, address string, u user, path, headers, body string) answer {
	t.Helper()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer connection.Close()
	require.NoError(t, connection.SetDeadline(time.Now().Add(time.Minute)))
	if !strings.Contains(headers, "Content-Type") {
		headers += "Content-Type: application/json\r\n"
	}
	go func() { // a server that refuses a body does not read all of it
		_, _ = fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%sContent-Length: %d\r\n\r\n%s",
			path, address, u.token, headers, len(body), body)
	}()
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	return read(t, response)
}

func TestEveryEscapeThatIsACharacterIsTaken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		app, owner := newApp(t, s), as(t, s, market.FarmOwner)
		for escaped, name := range map[string]string{
			`\ud83d\ude00`: "😀", `\uD83D\uDE00!`: "😀!", `\u00e9`: "é", `\ufffd`: "\ufffd", `\\ud800`: `\ud800`, `A\"\/B\\`: `A"/B\`, `\ue000`: "\ue000",
		} {
			body := `{"name":"` + escaped + `","description":"","place":"Sligo","region":"","country":"IE"}`
			got := send(t, app, owner, http.MethodPost, "/api/v1/farms", body)
			require.Equal(t, http.StatusCreated, got.status, "%s: %s", escaped, got.body)
			require.Equal(t, name, decode[item[api.Farm]](t, got.body).Data.Name)
		}
	})
}
