package stripe_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the fake accepts.
const (
	secretKey     = "sk_test_51FakeKeyOfTheTests"
	webhookSecret = "whsec_fake"
	apiVersion    = "2025-08-27.basil" // that of stripe-go v82.5
)

// The fake's payment methods, named as Stripe's test cards are.
const (
	methodVisa       = "pm_card_visa"
	methodDeclined   = "pm_card_visa_chargeDeclined"
	methodThreeDS    = "pm_card_threeDSecureRequired"
	methodProcessing = "pm_usBankAccount_processing"
)

// fakeStripe behaves as Stripe's API does, as far as the adapter uses it. It fails the test when it is asked in a way that
// Stripe would not understand.
type fakeStripe struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	intents  map[string]*fakeIntent
	saved    map[string]*savedAnswer // by idempotency key
	events   []fakeEvent
	captures map[string]int // by payment id
	refunds  []*fakeRefund
	slow     bool // refunds are pending until settle is called
	disturb  func(operation string) disturbance
	entered  chan struct{} // told when a request that is held has come in
	release  chan struct{} // a request waits for it before it is answered, when it is not nil
}

type fakeIntent struct {
	id, status, paymentID string
	amount                string
	currency              string
	metadata              map[string]string
}

// savedAnswer is what a key was answered with; done is false while the request is under way.
type savedAnswer struct {
	request string
	done    bool
	status  int
	body    []byte
}

type fakeEvent struct {
	id, kind string
	created  time.Time
	object   map[string]any
}

type fakeRefund struct {
	id, status, failure string
	intent              *fakeIntent
	metadata            map[string]string
}

// disturbance is what goes wrong with a request.
type disturbance int

const (
	undisturbed disturbance = iota
	lostRequest             // the connection ends before Stripe has seen it
	lostAnswer              // Stripe acts, and the connection ends before the answer
	overloaded              // 429
	broken                  // 500, and nothing done
	garbled                 // a proxy's page instead of an answer, and nothing done
)

func newFake(t *testing.T) *fakeStripe {
	t.Helper()
	f := &fakeStripe{
		t: t, intents: map[string]*fakeIntent{}, saved: map[string]*savedAnswer{}, captures: map[string]int{},
	}
	f.server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.server.Close)
	return f
}

func (f *fakeStripe) serve(w http.ResponseWriter, r *http.Request) {
	operation := r.Method + " " + r.URL.Path
	switch f.disturbanceOf(operation) {
	case lostRequest:
		panic(http.ErrAbortHandler)
	case overloaded:
		f.answer(w, 429, failure("invalid_request_error", "rate_limit", "Too many requests."))
	case broken:
		f.answer(w, 500, failure("api_error", "", "An unknown error occurred."))
	case garbled:
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprint(w, "<html>Bad gateway</html>")
	case lostAnswer:
		f.handle(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	default:
		f.handle(w, r)
	}
}

func (f *fakeStripe) disturbanceOf(operation string) disturbance {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.disturb == nil {
		return undisturbed
	}
	return f.disturb(operation)
}

func (f *fakeStripe) handle(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+secretKey {
		f.answer(w, 401, failure("invalid_request_error", "", "Invalid API Key provided: sk_test_****ests"))
		return
	}
	if got := r.Header.Get("Stripe-Version"); got != apiVersion {
		f.t.Errorf("the request's Stripe-Version is %q", got)
	}
	form, ok := f.form(w, r)
	if !ok {
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if r.Method != http.MethodPost || key == "" {
		status, body := f.act(r, form)
		f.answer(w, status, body)
		return
	}
	f.once(w, r, key, form)
}

// once is Stripe's idempotency: https://docs.stripe.com/api/idempotent_requests.
func (f *fakeStripe) once(w http.ResponseWriter, r *http.Request, key string, form url.Values) {
	request := r.URL.Path + "?" + form.Encode()
	f.mu.Lock()
	before, known := f.saved[key]
	if !known {
		before = &savedAnswer{request: request}
		f.saved[key] = before
	}
	done, entered, release := before.done, f.entered, f.release
	f.mu.Unlock()
	switch {
	case known && before.request != request:
		f.answer(w, 400, failure("idempotency_error", "", "Keys for idempotent requests can only be used with the same parameters."))
		return
	case known && !done:
		f.answer(w, 409, failure("idempotency_error", "idempotency_key_in_use", "There is currently another in-progress request using this key."))
		return
	case known:
		w.Header().Set("Idempotent-Replayed", "true")
		w.WriteHeader(before.status)
		_, _ = w.Write(before.body)
		return
	}
	if release != nil {
		entered <- struct{}{}
		<-release
	}
	status, body := f.act(r, form)
	encoded, _ := json.Marshal(body)
	f.mu.Lock()
	before.done, before.status, before.body = true, status, encoded
	f.mu.Unlock()
	w.WriteHeader(status)
	_, _ = w.Write(encoded)
}

// parameters are those that each endpoint takes of us.
func parameters(path string) []string {
	switch path {
	case "/v1/payment_intents":
		return []string{
			"amount", "currency", "payment_method", "confirm", "automatic_payment_methods[enabled]",
			"automatic_payment_methods[allow_redirects]", "metadata[order_id]", "metadata[payment_id]",
		}
	case "/v1/refunds":
		return []string{"payment_intent", "amount", "metadata[payment_id]", "metadata[refund_key]"}
	}
	return nil
}

func (f *fakeStripe) form(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, false
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); len(body) > 0 && kind != "application/x-www-form-urlencoded" {
		f.t.Errorf("%s %s has the content type %q", r.Method, r.URL.Path, kind)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		f.t.Errorf("%s %s: the body %q is not a form: %v", r.Method, r.URL.Path, body, err)
	}
	for name := range form {
		if !slices.Contains(parameters(r.URL.Path), name) {
			f.t.Errorf("%s %s has the unknown parameter %s", r.Method, r.URL.Path, name)
			f.answer(w, 400, failure("invalid_request_error", "parameter_unknown", "Received unknown parameter: "+name))
			return nil, false
		}
	}
	return form, true
}

func (f *fakeStripe) act(r *http.Request, form url.Values) (int, any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if strings.HasPrefix(r.URL.Path, "/v1/refunds") && r.Method == http.MethodGet {
		return f.readRefunds(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/v1/refunds"), "/"), r.URL.Query())
	}
	id, action, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/v1/payment_intents"), "/"), "/")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/v1/payment_intents":
		return f.create(form)
	case r.Method == http.MethodPost && r.URL.Path == "/v1/refunds":
		return f.refund(form)
	case f.intents[id] == nil:
		return 404, failure("invalid_request_error", "resource_missing", "No such payment_intent: '"+id+"'")
	case r.Method == http.MethodGet && action == "":
		return 200, f.intents[id].json()
	case r.Method == http.MethodPost && action == "cancel":
		return f.cancel(f.intents[id])
	}
	f.t.Errorf("there is no %s %s", r.Method, r.URL.Path)
	return 404, failure("invalid_request_error", "", "Unrecognized request URL")
}

func (f *fakeStripe) create(form url.Values) (int, any) {
	if form.Get("amount") == "" || form.Get("currency") == "" || strings.ToLower(form.Get("currency")) != form.Get("currency") {
		f.t.Errorf("amount %q, currency %q", form.Get("amount"), form.Get("currency"))
	}
	intent := &fakeIntent{
		id: fmt.Sprintf("pi_%d", len(f.intents)+1), status: "requires_payment_method",
		amount: form.Get("amount"), currency: form.Get("currency"), paymentID: form.Get("metadata[payment_id]"),
		metadata: map[string]string{"order_id": form.Get("metadata[order_id]"), "payment_id": form.Get("metadata[payment_id]")},
	}
	if len(intent.amount) < 2 {
		return 400, withParam(failure("invalid_request_error", "amount_too_small", "Amount must be at least €0.50"), "amount")
	}
	method := form.Get("payment_method")
	if (method != "") != (form.Get("confirm") == "true") {
		f.t.Errorf("payment_method %q comes with confirm %q", method, form.Get("confirm"))
	}
	outcome, known := map[string]string{
		"": "requires_payment_method", methodVisa: "succeeded", methodDeclined: "requires_payment_method",
		methodThreeDS: "requires_action", methodProcessing: "processing",
	}[method]
	if !known {
		return 400, withParam(failure("invalid_request_error", "resource_missing", "No such PaymentMethod: '"+method+"'"), "payment_method")
	}
	f.intents[intent.id] = intent
	f.become(intent, outcome)
	if method == methodDeclined {
		answer := failure("card_error", "card_declined", "Your card was declined.")
		answer["error"].(map[string]any)["payment_intent"] = intent.json()
		return 402, answer
	}
	return 200, intent.json()
}

func (f *fakeStripe) cancel(intent *fakeIntent) (int, any) {
	switch intent.status {
	case "succeeded", "canceled", "processing":
		answer := failure("invalid_request_error", "payment_intent_unexpected_state",
			"You cannot cancel this PaymentIntent because it has a status of "+intent.status+".")
		answer["error"].(map[string]any)["payment_intent"] = intent.json()
		return 400, answer
	}
	f.become(intent, "canceled")
	return 200, intent.json()
}

func (f *fakeStripe) refund(form url.Values) (int, any) {
	intent := f.intents[form.Get("payment_intent")]
	switch {
	case intent == nil:
		return 404, failure("invalid_request_error", "resource_missing", "No such payment_intent")
	case intent.status != "succeeded":
		return 400, failure("invalid_request_error", "payment_intent_unexpected_state", "This PaymentIntent has no successful charge.")
	case slices.ContainsFunc(f.refunds, func(r *fakeRefund) bool { return r.intent == intent && r.status != "failed" }):
		return 400, failure("invalid_request_error", "charge_already_refunded", "Charge has already been refunded.")
	case form.Get("amount") != intent.amount:
		f.t.Errorf("refund of %s for an intent over %s", form.Get("amount"), intent.amount)
	}
	refund := &fakeRefund{
		id: fmt.Sprintf("re_%d", len(f.refunds)+1), status: "succeeded", intent: intent,
		metadata: map[string]string{"payment_id": form.Get("metadata[payment_id]"), "refund_key": form.Get("metadata[refund_key]")},
	}
	if f.slow {
		refund.status = "pending"
	}
	f.refunds = append(f.refunds, refund)
	f.tell(refund, "refund.created")
	return 200, refund.json()
}

// readRefunds is the API's GET of one refund, or of those of an intent, the newest first.
func (f *fakeStripe) readRefunds(id string, query url.Values) (int, any) {
	found := []any{}
	for _, refund := range slices.Backward(f.refunds) {
		switch {
		case refund.id == id:
			return 200, refund.json()
		case id == "" && refund.intent.id == query.Get("payment_intent"):
			found = append(found, refund.json())
		}
	}
	if id != "" {
		return 404, failure("invalid_request_error", "resource_missing", "No such refund: '"+id+"'")
	}
	return 200, map[string]any{"object": "list", "url": "/v1/refunds", "has_more": false, "data": found}
}

// settle is what becomes of a refund at the customer's bank. Stripe tells of it by several events.
func (f *fakeStripe) settle(id, status, failure string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	refund := f.refunds[slices.IndexFunc(f.refunds, func(r *fakeRefund) bool { return r.id == id })]
	refund.status, refund.failure = status, failure
	f.tell(refund, "refund.updated")
	f.tell(refund, "charge.refund.updated")
	if status == "failed" {
		f.tell(refund, "refund.failed")
	}
}

func (f *fakeStripe) tell(refund *fakeRefund, kind string) {
	f.events = append(f.events, fakeEvent{id: fmt.Sprintf("evt_%d", len(f.events)+1), kind: kind, created: time.Now(), object: refund.json()})
}

// refundsOf counts those of the payment that have not failed.
func (f *fakeStripe) refundsOf(paymentID string) int {
	n := 0
	for _, refund := range f.refunds {
		if refund.intent.paymentID == paymentID && refund.status != "failed" {
			n++
		}
	}
	return n
}

func (r *fakeRefund) json() map[string]any {
	object := map[string]any{
		"id": r.id, "object": "refund", "status": r.status, "payment_intent": r.intent.id, "charge": "ch_" + r.intent.id,
		"amount": json.RawMessage(r.intent.amount), "currency": r.intent.currency, "metadata": r.metadata,
	}
	if r.failure != "" {
		object["failure_reason"] = r.failure
	}
	return object
}

// become moves the intent on, as when the customer's bank has decided, and notes the event.
func (f *fakeStripe) become(intent *fakeIntent, status string) {
	kinds := map[string]string{
		"succeeded": "succeeded", "canceled": "canceled", "processing": "processing", "requires_action": "requires_action",
		"requires_payment_method": "created",
	}
	intent.status = status
	if status == "succeeded" {
		f.captures[intent.paymentID]++
	}
	f.events = append(f.events, fakeEvent{
		id: fmt.Sprintf("evt_%d", len(f.events)+1), kind: "payment_intent." + kinds[status], created: time.Now(), object: intent.json(),
	})
}

// confirm is the customer's browser, with the client secret.
func (f *fakeStripe) confirm(id string) (confirmed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	intent := f.intents[id]
	if intent.status == "succeeded" || intent.status == "canceled" {
		return false
	}
	f.become(intent, "succeeded")
	return true
}

// delivery is the body and the signature header of an event, as Stripe sends it at the time.
func (e fakeEvent) delivery(at time.Time, secret string) (body []byte, signature string) {
	body, _ = json.Marshal(map[string]any{
		"id": e.id, "object": "event", "api_version": apiVersion, "created": e.created.Unix(), "type": e.kind, "livemode": false,
		"pending_webhooks": 1, "data": map[string]any{"object": e.object},
	})
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return body, fmt.Sprintf("t=%d,v1=%s,v0=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)), strings.Repeat("0", 64))
}

func (i *fakeIntent) json() map[string]any {
	return map[string]any{
		"id": i.id, "object": "payment_intent", "status": i.status, "client_secret": i.id + "_secret_hidden",
		"amount": json.RawMessage(i.amount), "currency": i.currency, "metadata": i.metadata,
	}
}

func (f *fakeStripe) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", "req_fake")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func failure(kind, code, message string) map[string]any {
	return map[string]any{"error": map[string]any{"type": kind, "code": code, "message": message}}
}

func withParam(body map[string]any, name string) map[string]any {
	body["error"].(map[string]any)["param"] = name
	return body
}
