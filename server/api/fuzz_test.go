package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/payments"
	"github.com/farmersmarket/platform/server/store"
)

const (
	// rounds is how often each operation is asked, by turns with a good request and with one that chance makes.
	rounds = 60
	// least is how often each operation must have succeeded in the end, lest the requests become bad ones unnoticed.
	least = 10
)

// fuzzSeed is where the random requests start: FUZZ_SEED, or always the same.
func fuzzSeed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("FUZZ_SEED")
	if text == "" {
		return 1
	}
	value, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, "FUZZ_SEED must be a number")
	return value
}

func TestNoRequestBreaksTheAPIOrItsDocument(t *testing.T) {
	eachMarket(t, func(t *testing.T, _ *fiber.App, s *store.Store) {
		seed := fuzzSeed(t)
		f := newFuzzer(t, s, seed)
		problems := map[string]string{} // the first of each operation
		for round := range rounds {
			for op, problem := range f.round(t, round) {
				if problems[op] == "" {
					problems[op] = problem
				}
			}
		}
		for _, op := range operationsOf(f.document) {
			if n := f.successes(op); n < least {
				problems[op.String()] += fmt.Sprintf("\nsucceeded %d times, and should at least %d: %v", n, least, f.answers[op.String()])
			}
			t.Logf("%-60s %v", op, f.answers[op.String()])
		}
		for op, problem := range problems {
			t.Errorf("%s\n%s\n", op, problem)
		}
		require.False(t, t.Failed(), "FUZZ_SEED=%d go test ./server/api -run %s repeats it", seed, t.Name())
	})
}

// withoutNulls leaves out fields that are null. Huma takes a field that need not be there as null as well, and the
// document has no way to say so of one that never is null in an answer.
func withoutNulls(body []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil || decoder.More() {
		return body
	}
	without, err := json.Marshal(dropNulls(value))
	if err != nil {
		return body
	}
	return without
}

func dropNulls(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = dropNulls(value[i])
		}
	case map[string]any:
		for key, field := range value {
			if field == nil {
				delete(value, key)
				continue
			}
			value[key] = dropNulls(field)
		}
	}
	return value
}

// endsMuch says whether the operation takes away what others need. It is asked less often.
func endsMuch(op operation) bool {
	return op.method == http.MethodDelete ||
		slices.Contains([]string{"set-role", "change-password", "move-market-day-window", "cancel-order", "logout"}, op.OperationID)
}

// fuzzer makes requests of the document, and judges the answers by it.
type fuzzer struct {
	t        *testing.T
	app      *fiber.App
	fair     *markettest.Fair // that the API sells at
	document *openapi3.T
	maker    *maker
	users    []user                 // one of each role
	answers  map[string]map[int]int // by operation and status
}

func newFuzzer(t *testing.T, s *store.Store, seed uint64) *fuzzer {
	t.Helper()
	fair := markettest.NewFair(t, s, 1000, 3, 1, 40)
	f := &fuzzer{
		t: t, fair: fair, document: loadDocument(t), answers: map[string]map[int]int{},
		maker: &maker{
			rand: rand.New(rand.NewPCG(seed, 0)), known: map[string][]string{"provider": {"sandbox"}}, now: fair.Clock.Now(),
			photograph: photograph(t, 100, 80), hook: newHook(t),
		},
	}
	f.app = newApp(t, s, func(o *api.Options) {
		o.Plan, o.Checkout, o.Reports = fair.Plan, fair.Checkout, fair.Reports
		o.Payments = newInbox(t, newTelemetry(t), fair.Checkout.HandlePaymentEvent)
		limits := auth.DefaultLimits()
		limits.PerClient = 100 * rounds // all come from one
		o.Sessions = newSessions(t, s, newTelemetry(t), limits)
	})
	return f
}

// round asks for every operation once, and returns what is wrong.
func (f *fuzzer) round(t *testing.T, round int) map[string]string {
	t.Helper()
	var good map[string]func() goodRequest
	if round%2 == 0 {
		w := f.newWorld(t)
		good, f.users = w.makers(), []user{w.customer, w.farmer, w.manager, w.admin}
	}
	f.logIn(f.fair.Store)
	problems := map[string]string{}
	for _, op := range operationsOf(f.document) {
		problem := ""
		switch made := good[op.OperationID]; {
		case made != nil:
			problem = f.succeed(op, made())
		case !endsMuch(op) || round%10 == 9: // at the end of what the others need
			problem = f.try(op)
		}
		if problem != "" {
			problems[op.String()] = problem
		}
	}
	return problems
}

// successes is how often the operation was answered with a 2xx.
func (f *fuzzer) successes(op operation) int {
	n := 0
	for status, answers := range f.answers[op.String()] {
		if status/100 == 2 {
			n += answers
		}
	}
	return n
}

// logIn has an account of each role at hand: requests that have been carried out end sessions and change roles.
func (f *fuzzer) logIn(s *store.Store) {
	for i, role := range market.Roles() {
		me := send(f.t, f.app, f.users[i], http.MethodGet, "/api/v1/auth/me", nil)
		if me.status != http.StatusOK || f.users[i].Role != role || !bytes.Contains(me.body, []byte(`"`+role+`"`)) {
			f.users[i] = as(f.t, s, role)
		}
	}
}

// try sends a request that chance makes and returns what is wrong with the answer, or with taking the request.
func (f *fuzzer) try(op operation) string {
	request, params, body := f.maker.request(op, f.users)
	_, problem := f.exchange(op, request, params, body)
	return problem
}

// exchange sends the request and returns the status of the answer and what is wrong with it, or with taking the request.
func (f *fuzzer) exchange(op operation, request *http.Request, params map[string]string, body []byte) (status int, problem string) {
	described := describeRequest(request, body)
	input := &openapi3filter.RequestValidationInput{
		Request: request.Clone(f.t.Context()), PathParams: params,
		Route: &routers.Route{Spec: f.document, Path: op.path, Method: op.method, Operation: op.Operation, PathItem: f.document.Paths.Value(op.path)},
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, MultiError: true,
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		},
	}
	input.Request.Body = io.NopCloser(bytes.NewReader(withoutNulls(body)))
	broken := openapi3filter.ValidateRequest(f.t.Context(), input)

	response, err := f.app.Test(request, -1)
	if err != nil {
		return 0, fmt.Sprintf("%s\nno answer: %v", described, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, fmt.Sprintf("%s\nno whole answer: %v", described, err)
	}
	if f.answers[op.String()] == nil {
		f.answers[op.String()] = map[int]int{}
	}
	f.answers[op.String()][response.StatusCode]++
	answered := fmt.Sprintf("%s\n→ %d %s\n%s", described, response.StatusCode, response.Header.Get("Content-Type"), content)
	switch {
	case response.StatusCode >= http.StatusInternalServerError:
		return response.StatusCode, answered
	case broken != nil && !hasEmpty(request.URL.Query()) && response.StatusCode < http.StatusBadRequest:
		return response.StatusCode, fmt.Sprintf("%s\nbut the document does not allow the request: %v", answered, broken)
	}
	if err := f.judge(input, response, content); err != nil {
		return response.StatusCode, fmt.Sprintf("%s\nbut the document does not allow the answer: %v", answered, err)
	}
	f.maker.learn(op.path, content)
	if key := request.Header.Get("Idempotency-Key"); response.StatusCode == http.StatusCreated && key != "" {
		f.maker.keep("key", key)
	}
	if tag := response.Header.Get("ETag"); tag != "" {
		f.maker.known["tag of "+request.URL.Path] = []string{tag}
	}
	return response.StatusCode, ""
}

// hasEmpty says whether a parameter is empty, which the API takes for one that is left out.
func hasEmpty(query url.Values) bool {
	for _, values := range query {
		if slices.Contains(values, "") {
			return true
		}
	}
	return false
}

// judge compares an answer with the document: status, headers, content type and body.
func (f *fuzzer) judge(input *openapi3filter.RequestValidationInput, response *http.Response, content []byte) error {
	if response.StatusCode == http.StatusNotModified && len(content) == 0 {
		return nil
	}
	return openapi3filter.ValidateResponse(context.WithoutCancel(f.t.Context()), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: response.StatusCode, Header: response.Header,
		Body: io.NopCloser(bytes.NewReader(content)), Options: input.Options,
	})
}

func describeRequest(request *http.Request, body []byte) string {
	const enough = 2000
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s\n", request.Method, request.URL.RequestURI())
	for name, values := range request.Header {
		fmt.Fprintf(&text, "%s: %.80q\n", name, values)
	}
	fmt.Fprintf(&text, "%.*q", enough, body)
	return text.String()
}

// maker makes up requests: mostly good ones, of which some are then spoiled.
type maker struct {
	rand  *rand.Rand
	known map[string][]string // ids that answers had, by what they are of
	now   time.Time

	photograph []byte
	hook       payments.Webhook
}

// chance is true once in n times.
func (m *maker) chance(n int) bool { return m.rand.IntN(n) == 0 }

func pick[T any](m *maker, of []T) T { return of[m.rand.IntN(len(of))] }

func (m *maker) request(op operation, users []user) (request *http.Request, params map[string]string, body []byte) {
	path, query, params := op.path, url.Values{}, map[string]string{}
	header := http.Header{}
	for _, p := range op.Parameters {
		value := m.parameter(p.Value, op.path)
		switch {
		case p.Value.In == "path":
			if value == "" {
				value = "0"
			}
			params[p.Value.Name] = value
			path = strings.ReplaceAll(path, "{"+p.Value.Name+"}", url.PathEscape(value))
		case !p.Value.Required && m.chance(2):
		case m.chance(40): // leaves it out even where it is required
		case p.Value.In == "query":
			query.Add(p.Value.Name, value)
		case p.Value.In == "header" && !strings.ContainsAny(value, "\r\n\x00"):
			header.Set(p.Value.Name, value)
		}
	}
	if m.chance(30) {
		query.Set(m.text(8), m.text(20))
	}
	if tag := m.tag(path); tag != "" && header.Get("If-Match") != "" && !m.chance(4) {
		header.Set("If-Match", tag)
	}
	if op.RequestBody != nil {
		var contentType string
		contentType, body = m.body(op)
		header.Set("Content-Type", contentType)
	}
	if header.Get(payments.SignatureHeader) != "" && !m.chance(6) {
		header.Set(payments.SignatureHeader, m.hook.Sign(body, time.Now()))
	}
	if token := m.token(op, users); token != "" {
		header.Set("Authorization", token)
	}
	target := path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	request = httptest.NewRequest(op.method, target, bytes.NewReader(body))
	request.Header = header
	return request, params, body
}

// tag is that of what the path is about: /products/{id}/image is about /products/{id}.
func (m *maker) tag(path string) string {
	for _, of := range []string{path, path[:strings.LastIndexByte(path, '/')]} {
		if tag := m.known["tag of "+of]; len(tag) > 0 {
			return tag[0]
		}
	}
	return ""
}

// token is mostly that of an account that may ask for the operation.
func (m *maker) token(op operation, users []user) string {
	switch m.rand.IntN(20) {
	case 0:
		return ""
	case 1:
		return pick(m, []string{"Bearer", "Bearer x.y.z", "Basic bm9yYTpub3Jh", "Bearer " + users[0].token + "x", "\xff"})
	}
	access := fmt.Sprint(op.Extensions["x-access"])
	for range 8 {
		if u := pick(m, users); strings.Contains(access, string(u.Role)) {
			return "Bearer " + u.token
		}
	}
	return "Bearer " + pick(m, users).token
}

func (m *maker) parameter(p *openapi3.Parameter, path string) string {
	name := p.Name
	if p.In == "path" && name == "id" {
		name = resourceOf(path)
	}
	value := m.value(p.Schema.Value, name, 0)
	if m.chance(12) {
		value = m.oddity()
	}
	switch value := value.(type) {
	case string:
		return value
	case []any:
		texts := make([]string, len(value))
		for i := range value {
			texts[i] = fmt.Sprint(value[i])
		}
		return strings.Join(texts, ",")
	default:
		return fmt.Sprint(value)
	}
}

// body makes a request body and its content type.
func (m *maker) body(op operation) (contentType string, body []byte) {
	described := op.RequestBody.Value
	types := make([]string, 0, len(described.Content))
	for name := range described.Content {
		types = append(types, name)
	}
	slices.Sort(types)
	contentType = pick(m, types)
	schema := described.Content[contentType].Schema
	switch {
	case strings.HasPrefix(contentType, "image/") && !m.chance(4):
		body = m.damaged(m.photograph)
	case !strings.Contains(contentType, "json") || schema == nil:
		body = []byte(m.text(200))
	default:
		value := m.value(schema.Value, "", 0)
		if op.OperationID == "take-payment-event" {
			value = m.event()
		}
		if m.chance(4) {
			value = m.spoil(value)
		}
		encoded, err := json.Marshal(value)
		if err != nil {
			encoded = []byte("{")
		}
		body = encoded
	}
	switch m.rand.IntN(40) {
	case 0:
		body = body[:m.rand.IntN(len(body)+1)]
	case 1:
		if slices.Contains([]string{"put-product-image", "take-payment-event"}, op.OperationID) {
			break // these look at the bytes, whatever the header says
		}
		contentType = pick(m, []string{"text/plain", "application/xml", "multipart/form-data", "application/json; charset=utf-16"})
	case 2:
		body = nil
	case 3:
		body = append(body, '}', 0, 0xff)
	case 4:
		body = []byte(strings.Repeat("[", 2000))
	}
	return contentType, body
}

// spoil breaks one thing in a value.
func (m *maker) spoil(value any) any {
	switch value := value.(type) {
	case map[string]any:
		keys := slices.Sorted(mapsKeys(value))
		if len(keys) == 0 || m.chance(6) {
			value[m.text(10)] = m.oddity()
			return value
		}
		key := pick(m, keys)
		if m.chance(4) {
			delete(value, key)
			return value
		}
		value[key] = m.spoil(value[key])
		return value
	case []any:
		if len(value) == 0 || m.chance(3) {
			return pick(m, []any{[]any{}, slices.Repeat([]any{m.oddity()}, 150), nil, m.oddity()})
		}
		value[m.rand.IntN(len(value))] = m.spoil(value[0])
		return value
	default:
		return m.oddity()
	}
}

// oddity is a value that somebody will send some day.
func (m *maker) oddity() any {
	return pick(m, []any{
		nil, true, false, 0, -1, 1, 0.5, -0.1, 1e308, int64(1) << 53, -(int64(1) << 62), "", " ", "\x00", "\u202e", "\xff\xfe", "null", "NaN",
		"a\r\nb", "'; drop table products; --", "%00", "../../etc/passwd", "%", "_", "é", "\U0001F955", strings.Repeat("a", 5000),
		"9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11", "9F3C0D546F0A5C619A500A5A3C1C7A11", "urn:uuid:9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11",
		"0000-00-00", "9999-12-31T23:59:60Z", "99999999999999999999", "1e9", "0x10", "-0", "+1",
		[]any{},
		map[string]any{},
		[]any{nil},
		map[string]any{"a": map[string]any{"b": []any{1}}},
	})
}

// learn remembers the ids of an answer.
func (m *maker) learn(path string, content []byte) {
	var answer struct {
		Data any `json:"data"`
	}
	if json.Unmarshal(content, &answer) == nil {
		m.remember(resourceOf(path), answer.Data)
	}
}

func (m *maker) remember(of string, value any) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			m.remember(of, item)
		}
	case map[string]any:
		for _, key := range slices.Sorted(mapsKeys(value)) {
			name := strings.TrimSuffix(key, "_id")
			if text, isText := value[key].(string); isText && (key == "id" || key == "refresh_token" || name != key) {
				if key == "id" {
					name = of
				}
				m.keep(name, text)
			}
			m.remember(strings.TrimSuffix(key, "s"), value[key])
		}
	}
}

// keep remembers an id. It keeps the first and the latest ones: the latest are of what other requests have made.
func (m *maker) keep(of, id string) {
	const enough = 12
	ids := m.known[of]
	if slices.Contains(ids, id) {
		return
	}
	if len(ids) >= enough {
		ids = slices.Delete(ids, enough/2, enough/2+1)
	}
	m.known[of] = append(ids, id)
}

// resourceOf names what the path is about: /api/v1/market-days/{id}/window is about a market_day.
func resourceOf(path string) string {
	segment, _, _ := strings.Cut(strings.TrimPrefix(path, "/api/v1/"), "/")
	return strings.ReplaceAll(strings.TrimSuffix(segment, "s"), "-", "_")
}
