package main_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	neturl "net/url"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/redis/redistest"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// What is planted: in the configuration, and by Jane. None of it may come out anywhere.
const (
	plantedDatabasePassword = "planted-of-the-database"
	plantedRedisPassword    = "planted-of-redis"
	plantedStripeKey        = "sk_live_planted0OfStripe"
	plantedWebhookSecret    = "whsec_planted0OfTheWebhook"
	plantedSentryKey        = "plantedofsentry"
	plantedEmail            = "jane.planted@example.org"
	plantedName             = "Jane Planted-Doe"
	plantedPassword         = "planted walnut of Jane"
	plantedWrongPassword    = "planted but wrong walnut"
	plantedCard             = "4242424242424242"
	plantedToken            = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJwbGFudGVkIn0.cGxhbnRlZC1zaWduYXR1cmU"
	plantedValue            = "planted-value"     // of headers and parameters that are secret by their names
	plantedSignature        = "planted0signature" // of Stripe
	plantedKey              = "planted-idempotency-key"
	plantedWords            = "the planted order of Finn" // that no pattern takes for personal
)

// plantedAuthKey is 32 bytes.
var plantedAuthKey = base64.StdEncoding.EncodeToString([]byte("planted key that signs all token"))

// TestNoSecretComesOut drives a real server through all that takes a secret or personal data, on good days and on bad
// ones, and searches everything that it puts out.
func TestNoSecretComesOut(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := plant(t, url)
		s.signUpAndIn()
		s.sendWhereItDoesNotBelong()
		s.payWithAStripeThatTalks()
		s.deliverEvents()
		s.reportAnErrorInAPage()
		s.breakTheProtocol()
		s.loseTheDatabase()
		s.search()
	})
}

// leakTest is a server with secrets in it, and all that it put out.
type leakTest struct {
	*process

	shop      *crashTest
	collector *telemetrytest.Collector
	sentry    *telemetrytest.Sentry
	settings  []string
	cut       func() // the connection to the database; nil for SQLite

	planted []string

	mu      sync.Mutex
	outputs map[string]string // by where they came out
}

func plant(t *testing.T, url string) *leakTest {
	t.Helper()
	s := &leakTest{
		shop: newPayingTest(t, url), collector: telemetrytest.NewCollector(t), sentry: telemetrytest.NewSentry(t),
		planted: []string{
			plantedDatabasePassword, plantedRedisPassword, plantedStripeKey, plantedWebhookSecret, plantedSentryKey, plantedEmail,
			plantedName, plantedPassword, plantedWrongPassword, plantedCard, plantedToken, plantedValue, plantedSignature,
			plantedKey, plantedAuthKey, plantedWords,
		},
		outputs: map[string]string{},
	}
	if address, err := neturl.Parse(url); err == nil && strings.HasPrefix(url, "postgres") {
		proxy := storetest.NewProxy(t, address.Host)
		address.Host, s.cut = proxy.Addr(), proxy.Cut
		address.User = neturl.UserPassword(address.User.Username(), plantedDatabasePassword) // the test's server trusts it
		url = address.String()
	}
	redis := redistest.URL(t)
	redis.User = neturl.UserPassword("", plantedRedisPassword) // the test's server refuses it
	s.settings = []string{
		"DATABASE_URL=" + url, "REDIS_URL=" + redis.String(), "AUTH_KEYS=planted:" + plantedAuthKey, "SEED=off",
		"OTLP_ENDPOINT=" + s.collector.Addr, "OTLP_LOGS=on", "LOG_LEVEL=debug", "AUDIT_INTERVAL=50ms", "RATE_LIMITS=on",
		"SENTRY_DSN=" + strings.Replace(s.sentry.DSN, "0123456789abcdef", plantedSentryKey, 1),
		"PAYMENTS=stripe", "STRIPE_SECRET_KEY=" + plantedStripeKey, "STRIPE_WEBHOOK_SECRET=" + plantedWebhookSecret,
		"STRIPE_BASE_URL=" + talkativeStripe(t), "REQUEST_TIMEOUT=2s", "PAYMENT_INTERVAL=50ms",
	}
	s.sentry.Key = plantedSentryKey
	s.process = start(t, s.settings...)
	return s
}

// talkativeStripe is a Stripe that repeats in its errors what it was given.
func talkativeStripe(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":{"type":"invalid_request_error","message":"Invalid API Key provided: %s for card %s of %s",
			"payment_intent":{"id":"pi_1","client_secret":"pi_1_secret_%s"}}}`,
			strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), plantedCard, plantedEmail, plantedValue)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// keep takes an output to be searched.
func (s *leakTest) keep(where, output string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outputs[where] += output + "\n"
}

// request sends one; what is answered with an error is an output, and what succeeds is Jane's own.
func (s *leakTest) request(method, path, body string, headers ...string) (int, []byte) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.api+path, strings.NewReader(body))
	require.NoError(s.t, err)
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	if response.StatusCode >= http.StatusBadRequest {
		s.keep(fmt.Sprintf("problem of %s %s", method, path), fmt.Sprint(response.Header, string(answer)))
	}
	return response.StatusCode, answer
}

func (s *leakTest) signUpAndIn() {
	s.t.Helper()
	account := func(password string) string {
		body, err := json.Marshal(map[string]string{"email": plantedEmail, "name": plantedName, "password": password})
		require.NoError(s.t, err)
		return string(body)
	}
	login := func(password string) (int, []byte) {
		return s.request(http.MethodPost, "/api/v1/auth/login", fmt.Sprintf(`{"email":%q,"password":%q}`, plantedEmail, password))
	}
	status, body := s.request(http.MethodPost, "/api/v1/auth/register", account(plantedPassword))
	require.Less(s.t, status, 300, string(body))
	status, _ = s.request(http.MethodPost, "/api/v1/auth/register", account(plantedPassword))
	require.Equal(s.t, http.StatusAccepted, status, "the address is taken, a unique violation, and nobody is told")
	status, _ = s.request(http.MethodPost, "/api/v1/auth/register", account("short"))
	require.Equal(s.t, http.StatusUnprocessableEntity, status)
	status, _ = login(plantedWrongPassword)
	require.Equal(s.t, http.StatusUnauthorized, status)
	status, body = login(plantedPassword)
	require.Equal(s.t, http.StatusOK, status, string(body))

	var grant struct {
		Data struct {
			AccessToken  string `json:"access_token"`
			RefreshToken string `json:"refresh_token"`
		} `json:"data"`
	}
	require.NoError(s.t, json.Unmarshal(body, &grant))
	access, refresh := grant.Data.AccessToken, grant.Data.RefreshToken
	s.planted = append(s.planted, access, refresh, strings.SplitN(refresh, ".", 2)[1])
	s.shop.tokens = []string{access}
	use := func(token string) (int, []byte) {
		return s.request(http.MethodPost, "/api/v1/auth/refresh", fmt.Sprintf(`{"refresh_token":%q}`, token))
	}
	status, _ = use(refresh)
	require.Equal(s.t, http.StatusOK, status)
	status, _ = use(refresh)
	require.Equal(s.t, http.StatusUnauthorized, status, "it is good for one refresh: this is a theft")
	status, _ = use(plantedToken)
	require.GreaterOrEqual(s.t, status, 400)
	s.request(http.MethodGet, "/api/v1/auth/me", "", "Authorization", "Bearer "+access)
	s.request(http.MethodGet, "/api/v1/auth/me", "", "Authorization", "Bearer "+plantedToken)
	s.request(http.MethodGet, "/api/v1/auth/me", "", "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(plantedEmail+":"+plantedPassword)))
	s.request(http.MethodPost, "/api/v1/auth/password", fmt.Sprintf(`{"current_password":%q,"new_password":%q}`, plantedWrongPassword, plantedPassword),
		"Authorization", "Bearer "+access)
}

// sendWhereItDoesNotBelong sends secrets in every part of a request.
func (s *leakTest) sendWhereItDoesNotBelong() {
	s.t.Helper()
	for _, secret := range []string{plantedEmail, plantedToken, plantedStripeKey, plantedCard} {
		s.request(http.MethodGet, "/api/v1/farms/"+secret, "")
		s.request(http.MethodGet, "/"+neturl.PathEscape(secret)+"/x", "")
		s.request(http.MethodGet, "/api/v1/farms?sort="+neturl.QueryEscape(secret), "")
		s.request(http.MethodGet, "/api/v1/farms?"+neturl.QueryEscape(secret), "")
		s.request(http.MethodGet, "/api/v1/farms", "", "User-Agent", "shop/1 ("+secret+")")
		s.request(http.MethodGet, "/api/v1/farms", "", "X-Forwarded-For", secret, "X-Request-Id", secret)
		s.request(http.MethodPut, "/api/v1/farms/"+uuid.NewString(), `{}`, "If-Match", secret, "Authorization", "Bearer "+s.shop.tokens[0])
		s.request(http.MethodPost, "/api/v1/orders", `{}`, "Idempotency-Key", secret, "Authorization", "Bearer "+s.shop.tokens[0])
	}
	for _, body := range []string{`{"lines":[{"quantity":%s}]}`, `{"lines":[{"offering_id":%s}]}`, `{"slot_id":%s}`, `%s`, `{"lines":%s}`} {
		s.request(http.MethodPost, "/api/v1/orders", fmt.Sprintf(body, plantedCard), "Authorization", "Bearer "+s.shop.tokens[0], "Idempotency-Key", uuid.NewString())
	}
	query := neturl.Values{"token": {plantedValue}, "api_key": {plantedValue}, "email": {plantedEmail}, "name": {plantedName}, "q": {plantedName}}
	s.request(http.MethodGet, "/api/v1/farms?"+query.Encode(), "")
	s.request(http.MethodGet, "/nowhere?"+query.Encode(), "")
	s.request(http.MethodGet, "/api/v1/farms", "",
		"Cookie", "session="+plantedValue, "Idempotency-Key", plantedKey, "X-Api-Key", plantedValue, "Proxy-Authorization", plantedValue,
		"Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "Tracestate", "shop="+plantedValue, "Baggage", "user="+plantedValue)
	s.request(http.MethodGet, "/nowhere", "", "Traceparent", plantedValue)
	for _, secret := range []string{plantedPassword, plantedName, plantedToken} {
		for _, body := range []string{
			`{"email":%q,"name":"x","password":"x"}`, `{"email":"x","name":["%[1]s"],"password":1}`, `{"email":"x","password":"x","role":%q}`,
			`{%q:1}`, `[%q]`, `%q`, `{"password":{"is":%q}}`, `{"password":%q`, "%s", `{"lines":%q,"market_day_id":%[1]q}`,
		} {
			s.request(http.MethodPost, "/api/v1/auth/register", fmt.Sprintf(body, secret))
			s.request(http.MethodPost, "/api/v1/auth/refresh", fmt.Sprintf(body, secret))
			s.request(http.MethodPost, "/api/v1/orders", fmt.Sprintf(body, secret), "Authorization", "Bearer "+s.shop.tokens[0], "Idempotency-Key", uuid.NewString())
		}
	}
}

func (s *leakTest) payWithAStripeThatTalks() {
	s.t.Helper()
	order := s.shop.buy(s.process)
	status, body := s.request(http.MethodPost, "/api/v1/orders/"+order+"/pay", `{"method":"pm_card_visa"}`,
		"Authorization", "Bearer "+s.shop.tokens[0], "Idempotency-Key", uuid.NewString())
	require.GreaterOrEqual(s.t, status, 500, "Stripe does not know us: %s", body)
}

func (s *leakTest) deliverEvents() {
	s.t.Helper()
	event := fmt.Sprintf(`{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":%q,"receipt_email":%q}}}`, plantedToken, plantedEmail)
	for _, provider := range []string{"stripe", plantedToken} {
		status, _ := s.request(http.MethodPost, "/api/v1/payments/webhook/"+provider, event, "Stripe-Signature", "t=1700000000,v1="+plantedSignature)
		require.GreaterOrEqual(s.t, status, 400)
	}
}

// reportAnErrorInAPage says in every text of a browser's error what somebody typed.
func (s *leakTest) reportAnErrorInAPage() {
	s.t.Helper()
	for _, secret := range []string{plantedWords, plantedName, plantedEmail, plantedPassword, plantedToken} {
		stack := "at " + secret + " (https://jane:" + plantedValue + "@shop.example/a.js?of=" + secret + "#" + secret + ":1:2)\n" + secret
		body, err := json.Marshal(map[string]any{"app": "shop", "errors": []any{
			map[string]any{"kind": "exception", "page": "/" + secret, "type": "TypeError", "message": secret, "stack": stack},
		}})
		require.NoError(s.t, err)
		status, _ := s.request(http.MethodPost, "/api/v1/rum", string(body))
		require.Equal(s.t, http.StatusNoContent, status)
	}
	s.waitForLine("error in a page")
}

// breakTheProtocol sends what is no HTTP, or too much of it, with secrets in it.
func (s *leakTest) breakTheProtocol() {
	s.t.Helper()
	headers := "Host: x\r\nAuthorization: Bearer " + plantedValue + "\r\nCookie: session=" + plantedValue + "\r\n"
	for _, raw := range []string{
		"GET /api/v1/farms HTTP/1.1\r\n" + headers + plantedValue + "\r\n\r\n",
		"GET /api/v1/farms HTTP/1.1\r\n" + headers + "X-Large: " + strings.Repeat(plantedValue, 10_000) + "\r\n\r\n",
		plantedValue + " /api/v1/farms HTTP/1.1\r\n" + headers + "\r\n",
		"POST /api/v1/auth/login HTTP/1.1\r\n" + headers + "Content-Length: " + plantedValue + "\r\n\r\n" + plantedPassword,
		"POST /api/v1/auth/login HTTP/1.1\r\n" + headers + "Transfer-Encoding: chunked\r\n\r\n" + plantedValue + "\r\n",
		plantedValue + "\r\n\r\n",
		"GET http://jane:" + plantedValue + "@x/api/v1/farms HTTP/1.1\r\n" + headers + "\r\n",
	} {
		conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", strings.TrimPrefix(s.api, "http://"))
		require.NoError(s.t, err)
		_, err = io.WriteString(conn, raw)
		require.NoError(s.t, err)
		if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
			body, _ := io.ReadAll(response.Body) // what there is of it
			s.keep("answer to what is no HTTP", fmt.Sprint(response.Header, string(body)))
			response.Body.Close()
		}
		require.NoError(s.t, conn.Close())
	}
}

// loseTheDatabase makes requests with secrets fail through a fault of ours.
func (s *leakTest) loseTheDatabase() {
	s.t.Helper()
	if s.cut == nil {
		return
	}
	s.cut()
	status, _ := s.request(http.MethodPost, "/api/v1/auth/login", fmt.Sprintf(`{"email":%q,"password":%q}`, plantedEmail, plantedPassword))
	require.GreaterOrEqual(s.t, status, 500)
	status, _ = s.request(http.MethodPost, "/api/v1/auth/register", fmt.Sprintf(`{"email":%q,"password":%q,"name":%q}`, "2"+plantedEmail, plantedPassword, plantedName))
	require.GreaterOrEqual(s.t, status, 500)
}

// recipient is whom an envelope is for, which its header has to say with the key.
var recipient = regexp.MustCompile(`"dsn":"[^"]*"`)

// search stops the server and looks through everything.
func (s *leakTest) search() {
	s.t.Helper()
	for _, page := range []string{
		"/metrics", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=1", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1",
		"/debug/pprof/", "/admin/faults",
	} {
		status, body := ask(s.t, http.MethodGet, s.admin+page, "")
		require.Equal(s.t, http.StatusOK, status)
		s.keep("admin port, "+page, body)
	}
	for _, arguments := range [][]string{{"config"}, {"migrate"}} {
		cmd := exec.CommandContext(context.WithoutCancel(s.t.Context()), program, arguments...)
		cmd.Env = append(environment(s.t), s.settings...)
		output, _ := cmd.CombinedOutput() // without its database one of them fails
		s.keep("server "+arguments[0], string(output))
	}
	require.Zero(s.t, s.stop(syscall.SIGTERM))
	s.keep("standard output and error", s.logs.String())
	for _, spans := range s.collector.ResourceSpans() {
		s.keep("spans", spans.String())
	}
	for _, record := range s.collector.ResourceLogs() {
		s.keep("log records", record.String())
	}
	for line := range strings.Lines(s.sentry.Received()) {
		s.keep("Sentry", recipient.ReplaceAllString(line, ""))
	}
	require.NotEmpty(s.t, s.sentry.Events(), "failures were reported")
	for _, secret := range s.planted {
		for where, output := range s.outputs {
			if form, at := find(output, secret); at >= 0 {
				s.t.Errorf("%q came out %s in %s: …%s…", secret, form, where, output[max(0, at-300):min(len(output), at+200)])
			}
		}
	}
	for _, where := range []string{"standard output and error", "spans", "log records"} {
		require.Contains(s.t, s.outputs[where], "/api/v1/auth/login", where)
		require.Contains(s.t, s.outputs[where], "REDACTED", where)
	}
}

// find looks for a secret in an output, as it is and in the forms that it may have there.
func find(output, secret string) (form string, at int) {
	for form, text := range map[string]string{
		"as it is":   secret,
		"in JSON":    strings.Trim(jsonOf(secret), `"`),
		"in a path":  neturl.PathEscape(secret),
		"in a query": neturl.QueryEscape(secret),
		"in base64":  strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "="),
	} {
		if at := strings.Index(output, text); at >= 0 {
			return form, at
		}
	}
	return "", -1
}

func jsonOf(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		panic(err) // text can be written
	}
	return string(encoded)
}
