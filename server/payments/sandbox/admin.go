package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/stripe/stripe-go/v82"

	"github.com/farmersmarket/platform/server/market"
)

// Bounds of what the admin port takes.
const (
	maxBody     = 64 << 10 // bytes
	maxDuration = time.Hour
	maxDelay    = 30 * time.Second
)

// request is an order as a client describes it.
type request struct {
	Behaviour Behaviour `json:"behaviour"`
	Delay     string    `json:"delay"`
	Duration  string    `json:"duration"`
}

// Routes adds the sandbox to the admin port:
//
//	GET    /admin/sandbox                        what it is told, and what it can do
//	POST   /admin/sandbox                        treat all payments in one way for a while
//	DELETE /admin/sandbox                        treat each payment by its method again
//	GET    /admin/sandbox/intents/{ref}          one payment
//	POST   /admin/sandbox/intents/{ref}/confirm  be the customer who confirms it
//	POST   /admin/sandbox/intents/{ref}/decline  be the bank that declines it; the customer may try again
func (s *Sandbox) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /admin/sandbox", s.describe)
	mux.HandleFunc("POST /admin/sandbox", s.tell)
	mux.HandleFunc("DELETE /admin/sandbox", func(w http.ResponseWriter, _ *http.Request) {
		s.obey(Order{})
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /admin/sandbox/intents/{ref}", func(w http.ResponseWriter, r *http.Request) {
		intent, err := s.ledger.SandboxIntent(r.Context(), r.PathValue("ref"))
		intent.settle(s.clock.Now())
		answerIntent(w, intent, err)
	})
	mux.HandleFunc("POST /admin/sandbox/intents/{ref}/confirm", func(w http.ResponseWriter, r *http.Request) {
		intent, err := s.decide(r.Context(), r.PathValue("ref"), (*Intent).capture)
		answerIntent(w, intent, err)
	})
	mux.HandleFunc("POST /admin/sandbox/intents/{ref}/decline", func(w http.ResponseWriter, r *http.Request) {
		intent, err := s.decide(r.Context(), r.PathValue("ref"), func(i *Intent) {
			i.Status = stripe.PaymentIntentStatusRequiresPaymentMethod
		})
		answerIntent(w, intent, err)
	})
}

func (s *Sandbox) describe(w http.ResponseWriter, r *http.Request) {
	deliveries, err := s.ledger.SandboxDeliveries(r.Context(), batch)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	body := map[string]any{"sandbox": true, "notice": Notice, "methods": Methods(), "deliveries": deliveries}
	if order, told := s.told(); told {
		body["told"] = map[string]any{"behaviour": order.Behaviour, "delay": order.Delay.String(), "expires_at": order.ExpiresAt}
	}
	answer(w, http.StatusOK, body)
}

func (s *Sandbox) tell(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Errorf("read what the sandbox is to do: %w", err))
		return
	}
	order, err := s.parse(body)
	if err != nil {
		refuse(w, http.StatusUnprocessableEntity, err)
		return
	}
	s.obey(order)
	s.logger.WarnContext(r.Context(), "sandbox told", "behaviour", order.Behaviour, "delay", order.Delay.String(),
		"expires_at", order.ExpiresAt.Format(time.RFC3339))
	answer(w, http.StatusCreated, map[string]any{
		"sandbox": true, "behaviour": order.Behaviour, "delay": order.Delay.String(), "expires_at": order.ExpiresAt,
	})
}

func (s *Sandbox) obey(order Order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order = order
}

func (s *Sandbox) parse(body []byte) (Order, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	var in request
	if err := decoder.Decode(&in); err != nil {
		return Order{}, fmt.Errorf("read what the sandbox is to do: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Order{}, errors.New("read what the sandbox is to do: there is more after the JSON object")
	}
	if _, known := behaviourOf(Prefix + string(in.Behaviour)); !known {
		return Order{}, fmt.Errorf("behaviour %q is none of those that GET /admin/sandbox lists, without %q", in.Behaviour, Prefix)
	}
	duration, err := parseDuration("duration", in.Duration, maxDuration)
	if err != nil {
		return Order{}, err
	}
	order := Order{Behaviour: in.Behaviour, Delay: slowness, ExpiresAt: s.clock.Now().Add(duration)}
	if in.Delay != "" {
		if order.Delay, err = parseDuration("delay", in.Delay, maxDelay); err != nil {
			return Order{}, err
		}
	}
	return order, nil
}

func parseDuration(field, value string, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 || d > most {
		return 0, fmt.Errorf("%s is %q: give a duration such as 500ms or 2m, above 0 and at most %s", field, value, most)
	}
	return d, nil
}

// decide is what the customer or the bank does with a payment that waits for them.
func (s *Sandbox) decide(ctx context.Context, ref string, do func(*Intent)) (Intent, error) {
	intent, err := s.ledger.ChangeSandboxIntent(ctx, ref, func(i *Intent) ([]Delivery, error) {
		now := s.clock.Now()
		i.settle(now)
		switch {
		case i.Ref == "":
			return nil, &market.NotFoundError{Kind: "payment intent", ID: ref}
		case i.settled() || i.Answer == "":
			return nil, &market.ConflictError{Kind: "payment intent", ID: ref, Reason: "is " + string(i.Status) + ": nothing is to be decided"}
		}
		do(i)
		d, err := i.event(i.Status, now, now)
		return []Delivery{d}, err
	})
	s.nudge()
	return intent, err
}

func answerIntent(w http.ResponseWriter, intent Intent, err error) {
	switch {
	case errors.Is(err, market.ErrNotFound):
		refuse(w, http.StatusNotFound, err)
	case errors.Is(err, market.ErrConflict):
		refuse(w, http.StatusConflict, err)
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, err)
	default:
		answer(w, http.StatusOK, map[string]any{"sandbox": true, "notice": Notice, "intent": intent})
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client went away: nobody is left to tell
}

func refuse(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client went away: nobody is left to tell
		"title": http.StatusText(status), "status": status, "detail": err.Error(),
	})
}
