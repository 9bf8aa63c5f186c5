package probe

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/servertest"
	"github.com/farmersmarket/platform/sdk/go/market"

	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

const (
	password = "walnut-Saturday-quince"
	soon     = 30 * time.Second
	patience = 6 * time.Second // of a run that gets no answer
)

// stage is the real server behind a proxy that can be told to break single requests.
type stage struct {
	server *servertest.Server
	proxy  *httptest.Server
	// All that the probe emits is compared with what it declares.
	contract *telemetrytest.Contract

	mu    sync.Mutex
	spoil func(w http.ResponseWriter, r *http.Request, forward http.Handler) bool // true: it answered
	seen  []string                                                                // requests, as "METHOD path"
	heads []http.Header
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{
		server:   servertest.Start(t, "PAYMENT_INTERVAL=50ms"), // so that refunds are made soon
		contract: telemetrytest.NewContract(catalogue.Probe(), telemetrytest.OfLibraries(t, "probe"), nil),
	}
	target, err := url.Parse(s.server.URL)
	require.NoError(t, err)
	forward := httputil.NewSingleHostReverseProxy(target)
	s.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen, s.heads = append(s.seen, r.Method+" "+r.URL.Path), append(s.heads, r.Header.Clone())
		spoil := s.spoil
		s.mu.Unlock()
		if spoil == nil || !spoil(w, r, forward) {
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.proxy.Close)
	return s
}

// breaks makes the proxy spoil requests from now on; nil: it spoils none.
func (s *stage) breaks(spoil func(w http.ResponseWriter, r *http.Request, forward http.Handler) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoil, s.seen, s.heads = spoil, nil, nil
}

func (s *stage) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.seen...)
}

func (s *stage) headers() []http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]http.Header(nil), s.heads...)
}

func (s *stage) config(t *testing.T) Config {
	t.Helper()
	return Config{
		URL: s.proxy.URL, AdminURL: s.server.AdminURL, Password: password, Timeout: soon,
		Email: regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(t.Name()[max(0, len(t.Name())-40):], "-") + "-p@synthetic.invalid",
	}
}

// customer is the synthetic customer as it meets the server itself, without proxy.
func (s *stage) customer(t *testing.T, config Config) *shopper {
	t.Helper()
	config.URL = s.server.URL
	prober, err := New(config)
	require.NoError(t, err)
	r, err := prober.newRun()
	require.NoError(t, err)
	require.NoError(t, r.login(t.Context()))
	return &shopper{r}
}

type shopper struct{ *run }

// open returns how many orders of the customer hold units.
func (r *shopper) open(t *testing.T) int {
	t.Helper()
	open := 0
	for _, state := range []market.ListOrdersParamsState{
		market.ListOrdersParamsStatePaid, market.ListOrdersParamsStatePendingPayment, market.ListOrdersParamsStatePacked,
	} {
		answer, err := r.api.ListOrdersWithResponse(t.Context(), &market.ListOrdersParams{State: &state})
		require.NoError(t, err)
		require.NotNil(t, answer.JSON200, "%s", answer.Body)
		open += len(answer.JSON200.Data)
	}
	return open
}

// shelf returns the units that can be ordered of what the probe orders.
func (r *shopper) shelf(t *testing.T) int64 {
	t.Helper()
	require.NoError(t, r.chooseDay(t.Context()))
	limit := int64(pageLimit)
	answer, err := r.api.ListOfferingsWithResponse(t.Context(), &market.ListOfferingsParams{MarketDay: r.basket.day.Id, Limit: &limit})
	require.NoError(t, err)
	var total int64
	for _, offering := range answer.JSON200.Data {
		total += offering.Available
	}
	return total
}

func is(method, pattern string) func(*http.Request) bool {
	path := regexp.MustCompile("^" + pattern + "$")
	return func(r *http.Request) bool { return r.Method == method && path.MatchString(r.URL.Path) }
}

const anID = "[0-9a-f-]{36}"

// answers gives an answer of its own to the requests that match.
func answers(match func(*http.Request) bool, status int, contentType, body string) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !match(r) {
			return false
		}
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
}

// rewrites lets the requests that match through and changes their answer.
func rewrites(match func(*http.Request) bool, pattern, with string) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	return func(w http.ResponseWriter, r *http.Request, forward http.Handler) bool {
		if !match(r) {
			return false
		}
		r.Header.Del("Accept-Encoding")
		answer := httptest.NewRecorder()
		forward.ServeHTTP(answer, r)
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(regexp.MustCompile(pattern).ReplaceAll(answer.Body.Bytes(), []byte(with)))
		return true
	}
}

// loses carries the requests that match out, and never answers them.
func loses(match func(*http.Request) bool) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	return func(_ http.ResponseWriter, r *http.Request, forward http.Handler) bool {
		if !match(r) {
			return false
		}
		forward.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
		<-r.Context().Done()
		return true
	}
}

func TestTheScriptedOrder(t *testing.T) {
	s := newStage(t)
	t.Run("goes through", func(t *testing.T) { goesThrough(t, s) })
	t.Run("fails", func(t *testing.T) { fails(t, s) })
	t.Run("does not begin where payments are real", func(t *testing.T) { refuses(t, s) })
	t.Run("cleans up", func(t *testing.T) { cleansUp(t, s) })
	t.Run("leaves a trace", func(t *testing.T) { leavesATrace(t, s) })
	t.Run("again and again", func(t *testing.T) { daemon(t, s) })
	t.Run("does not depend on the collector", func(t *testing.T) { collectorInTrouble(t, s) })
	s.contract.Check(t, neverSeen, nil)
}

func goesThrough(t *testing.T, s *stage) {
	s.breaks(nil)
	config := s.config(t)
	customer := s.customer(t, config)
	before := customer.shelf(t)
	for range 2 { // the account is new, then known
		result := s.order(t, config)
		require.NoError(t, result.Err())
		require.True(t, result.Success)
		require.Equal(t, http.StatusOK, result.Status)
		require.Zero(t, result.Cleaned)
		var names []string
		for _, step := range result.Steps {
			names = append(names, step.Name)
			require.Positive(t, step.Seconds)
		}
		require.Equal(t, catalogue.ScriptedSteps(), names)
		require.Contains(t, s.requests(), "POST /api/v1/auth/logout", "no session is left")
		require.Equal(t, before, customer.shelf(t), "no stock is used up")
		require.Zero(t, customer.open(t), "nothing is packed")
		traced := 0
		for i, head := range s.headers() {
			require.Equal(t, UserAgent, head.Get("User-Agent"))
			if strings.Contains(head.Get("Traceparent"), result.TraceID) {
				require.Regexp(t, "^00-[0-9a-f]{32}-[0-9a-f]{16}-01$", head.Get("Traceparent"))
				traced = i
			}
		}
		require.Regexp(t, "^POST /api/v1/orders/"+anID+"/cancel$", s.requests()[traced], "the trace ends with what a customer waits for")
		require.Regexp(t, "^GET /api/v1/orders/"+anID+"$", s.requests()[traced+1], "and then it looks for the refund")
		s.breaks(nil)
	}
	exposed := fetch(t, s.server.AdminURL+"/metrics")
	require.Regexp(t, `(?m)^market_views_total\{view="offerings"\} 0(\.0)?$`, exposed, "and what it looks at neither")
	require.Regexp(t, `(?m)^market_orders_total\{state="paid"\} 0(\.0)?$`, exposed, "a synthetic order is no business")
	require.Regexp(t, `(?m)^market_order_revenue_minor_units_total\{currency="EUR"\} 0(\.0)?$`, exposed)
}

func fails(t *testing.T, s *stage) {
	page := func(match func(*http.Request) bool) func(http.ResponseWriter, *http.Request, http.Handler) bool {
		return answers(match, http.StatusOK, "text/html", "<h1>Welcome to nginx!</h1>")
	}
	everything := func(*http.Request) bool { return true }
	for sentence, c := range map[string]struct {
		spoil  func(http.ResponseWriter, *http.Request, http.Handler) bool
		change func(*Config)
		step   string
		says   string
		clean  int // orders that the failed run cancels
	}{
		"the API is down": {
			change: func(c *Config) { c.URL = "http://127.0.0.1:1" }, step: "login", says: "connection refused",
		},
		"the admin port is down": {
			change: func(c *Config) { c.AdminURL = "http://127.0.0.1:1" }, step: "sandbox", says: "where payments go",
		},
		"every request fails": {
			spoil: answers(everything, http.StatusServiceUnavailable, "text/plain", "no"), step: "login", says: "503 Service Unavailable",
		},
		"another page answers the login": {spoil: page(is("POST", "/api/v1/auth/login")), step: "login", says: "is not an access token"},
		"what is open cannot be read": {
			spoil: answers(is("GET", "/api/v1/orders"), http.StatusServiceUnavailable, "text/plain", "no"), step: "tidy", says: "503 Service Unavailable",
		},
		"another page answers at all": {spoil: page(is("GET", "/api/v1/market-days")), step: "days", says: `"text/html", which is not market days`},
		"no day takes orders": {
			spoil: rewrites(is("GET", "/api/v1/market-days"), `"data":\[.*\],"pag`, `"data":[],"pag`), step: "days", says: "no market day takes orders",
		},
		"the window is about to close": {
			spoil: rewrites(is("GET", "/api/v1/market-days"), `"closes_at":"[^"]+"`, `"closes_at":"`+time.Now().Add(time.Minute).UTC().Format(time.RFC3339)+`"`),
			step:  "days", says: "might not be cancelled in time",
		},
		"all is sold out": {
			spoil: rewrites(is("GET", "/api/v1/offerings"), `"available":\d+`, `"available":1`), step: "offerings", says: "sold out",
		},
		"another customer was faster": {
			spoil: answers(is("POST", "/api/v1/orders"), http.StatusConflict, "application/problem+json", `{"status":409,"title":"Conflict","detail":"sold out"}`),
			step:  "place", says: "409 Conflict: sold out",
		},
		"the answer to the order is lost": {
			spoil: loses(is("POST", "/api/v1/orders")), change: func(c *Config) { c.Timeout = patience },
			step: "place", says: "not done within 6s", clean: 1,
		},
		"more is charged than was ordered": {
			spoil: rewrites(is("POST", "/api/v1/orders"), `"total":\{"amount":\d+`, `"total":{"amount":1`), step: "place", says: "costs 1 in order", clean: 1,
		},
		"the payment is declined": {
			spoil: answers(is("POST", "/api/v1/orders/"+anID+"/pay"), http.StatusPaymentRequired, "application/problem+json", `{"status":402,"title":"Payment Required"}`),
			step:  "pay", says: "402 Payment Required", clean: 1,
		},
		"the payment takes too long": {
			spoil: loses(is("POST", "/api/v1/orders/"+anID+"/pay")), change: func(c *Config) { c.Timeout = patience },
			step: "pay", says: "not done within 6s", clean: 1,
		},
		"the payment is forgotten": {
			spoil: rewrites(is("GET", "/api/v1/orders/"+anID), `"state":"succeeded"`, `"state":"processing"`),
			step:  "read", says: "its 1 payments are not one that is succeeded", clean: 1,
		},
		"the money is not given back": {
			spoil: rewrites(is("POST", "/api/v1/orders/"+anID+"/cancel"), `"state":"refund\w+"`, `"state":"succeeded"`),
			step:  "cancel", says: "not one that is refunding",
		},
		"the refund is promised and not made": {
			spoil:  rewrites(is("GET", "/api/v1/orders/"+anID), `"state":"refunded"`, `"state":"refunding"`),
			change: func(c *Config) { c.Timeout = patience },
			step:   "refund", says: "not done within 6s: order",
		},
	} {
		t.Run("where "+sentence, func(t *testing.T) {
			s.breaks(nil)
			config := s.config(t)
			customer := s.customer(t, config)
			before := customer.shelf(t)
			s.breaks(c.spoil)
			if c.change != nil {
				c.change(&config)
			}
			result := s.order(t, config)
			require.False(t, result.Success)
			require.Equal(t, c.step, result.FailedStep())
			require.ErrorContains(t, result.Err(), "step "+c.step+": ")
			require.ErrorContains(t, result.Err(), c.says)
			require.Equal(t, c.clean, result.Cleaned)
			require.Zero(t, result.LeftOver)
			require.Zero(t, customer.open(t), "nothing is left that could be packed")
			require.Equal(t, before, customer.shelf(t))
		})
	}
	t.Run("where the account has another password", func(t *testing.T) {
		s.breaks(nil)
		config := s.config(t)
		s.customer(t, config)
		config.Password = "hazel-Sunday-medlar"
		result := s.order(t, config)
		require.Equal(t, "login", result.FailedStep())
		require.ErrorContains(t, result.Err(), "registered with another password before?")
		require.NotContains(t, result.Err().Error(), config.Password)
	})
}

func refuses(t *testing.T, s *stage) {
	for sentence, c := range map[string]struct {
		status int
		body   string
		refuse bool
	}{
		"the admin port knows no sandbox":          {http.StatusNotFound, "404 page not found", true},
		"something else answers on the admin port": {http.StatusOK, "<html>", false},
		"the admin port denies it":                 {http.StatusOK, `{"sandbox":false}`, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			s.breaks(nil)
			admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer admin.Close()
			config := s.config(t)
			config.AdminURL = admin.URL
			result := s.order(t, config)
			require.Equal(t, "sandbox", result.FailedStep())
			require.Regexp(t, "[Nn]othing was ordered", result.Err().Error())
			if c.refuse {
				require.ErrorIs(t, result.Err(), ErrNotSandbox)
			}
			require.Empty(t, s.requests(), "the API is not even asked")
		})
	}
}

// abandon places an order, and pays it if asked to, as a run that is killed then does.
func abandon(t *testing.T, customer *shopper, paid bool) {
	t.Helper()
	require.NoError(t, customer.chooseDay(t.Context()))
	require.NoError(t, customer.chooseOffering(t.Context()))
	require.NoError(t, customer.place(t.Context()))
	if paid {
		require.NoError(t, customer.pay(t.Context()))
	}
}

func cleansUp(t *testing.T, s *stage) {
	t.Run("what killed runs left", func(t *testing.T) {
		s.breaks(nil)
		config := s.config(t)
		customer := s.customer(t, config)
		before := customer.shelf(t)
		abandon(t, customer, true)
		abandon(t, customer, false)
		require.Equal(t, before-2, customer.shelf(t))
		result := s.order(t, config)
		require.NoError(t, result.Err())
		require.Equal(t, 2, result.Cleaned)
		require.Zero(t, customer.open(t))
		require.Equal(t, before, customer.shelf(t))
	})
	t.Run("later, when the API is away", func(t *testing.T) {
		s.breaks(nil)
		config := s.config(t)
		customer := s.customer(t, config)
		cancelled := answers(is("POST", "/api/v1/orders/"+anID+"/cancel"), http.StatusServiceUnavailable, "text/plain", "no")
		s.breaks(cancelled)
		result := s.order(t, config)
		require.Equal(t, "cancel", result.FailedStep())
		require.ErrorContains(t, result.Err(), "the next run tries again")
		require.Equal(t, 1, result.LeftOver)
		require.Equal(t, 1, customer.open(t))
		s.breaks(nil)
		result = s.order(t, config)
		require.NoError(t, result.Err())
		require.Equal(t, 1, result.Cleaned)
		require.Zero(t, customer.open(t))
	})
	t.Run("not what cannot be cancelled any more, but says so", func(t *testing.T) {
		s.breaks(nil)
		config := s.config(t)
		abandon(t, s.customer(t, config), true)
		refused := false
		s.breaks(func(w http.ResponseWriter, r *http.Request, forward http.Handler) bool {
			if refused || !is("POST", "/api/v1/orders/"+anID+"/cancel")(r) {
				return false
			}
			refused = true
			return answers(func(*http.Request) bool { return true }, http.StatusConflict, "application/problem+json", `{"status":409,"title":"Conflict"}`)(w, r, forward)
		})
		result := s.order(t, config)
		require.NoError(t, result.Err(), "customers can order all the same")
		require.Equal(t, 1, result.LeftOver)
		var table bytes.Buffer
		require.NoError(t, result.WriteTable(&table))
		require.Contains(t, table.String(), "Left open because they could not be cancelled: 1.")
	})
	for sentence, stops := range map[string]func(stop func()) func(http.ResponseWriter, *http.Request, http.Handler) bool{
		"when it is stopped in the middle":                                                   stopsInThePayment,
		"when the payment that it was stopped in succeeds between two looks at what is open": paysAfterTheFirstLook,
	} {
		t.Run(sentence, func(t *testing.T) {
			s.breaks(nil)
			config := s.config(t)
			customer := s.customer(t, config)
			ctx, stop := context.WithCancel(t.Context())
			s.breaks(stops(stop))
			prober, err := New(config)
			require.NoError(t, err)
			defer prober.Close()
			result := prober.Run(ctx)
			require.ErrorIs(t, result.Err(), context.Canceled)
			require.Equal(t, 1, result.Cleaned)
			require.Zero(t, customer.open(t))
		})
	}
}

func stopsInThePayment(stop func()) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if is("POST", "/api/v1/orders/"+anID+"/pay")(r) {
			stop()
		}
		return false
	}
}

// paysAfterTheFirstLook stops the run in its payment, and lets the payment through when the run has looked once at what is open.
func paysAfterTheFirstLook(stop func()) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	stopped, looked, paid := make(chan struct{}), make(chan struct{}), make(chan struct{})
	look := sync.OnceFunc(func() {
		close(looked)
		<-paid
	})
	return func(w http.ResponseWriter, r *http.Request, forward http.Handler) bool {
		if is("POST", "/api/v1/orders/"+anID+"/pay")(r) {
			stop()
			close(stopped)
			<-looked
			forward.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
			close(paid)
			return true
		}
		if !is("GET", "/api/v1/orders")(r) || !closed(stopped) {
			return false
		}
		forward.ServeHTTP(w, r)
		look()
		return true
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func fetch(t *testing.T, address string) string {
	t.Helper()
	return fetchAs(t, address, "application/openmetrics-text; version=1.0.0")
}

func fetchAs(t *testing.T, address, format string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Accept", format)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

func TestConfig(t *testing.T) {
	good := Config{URL: "http://127.0.0.1:8080/", AdminURL: "http://127.0.0.1:8081", Password: password}
	for sentence, c := range map[string]struct {
		change func(*Config)
		says   string
	}{
		"all that is needed":               {func(*Config) {}, ""},
		"an address without a scheme":      {func(c *Config) { c.URL = "127.0.0.1:8080" }, "want http://host:port"},
		"no admin port":                    {func(c *Config) { c.AdminURL = "" }, "URL of the server's admin port"},
		"no password":                      {func(c *Config) { c.Password = "" }, "set PROBE_PASSWORD or PROBE_PASSWORD_FILE"},
		"a timeout that lies in the past":  {func(c *Config) { c.Timeout = -1 }, "want a duration above 0"},
		"a collector without a port":       {func(c *Config) { c.OTLPEndpoint = "collector" }, `OTLP_ENDPOINT is "collector": want host:port`},
		"an interval shorter than one run": {func(c *Config) { c.Timeout = time.Minute }, "want one above the timeout"},
	} {
		t.Run(sentence, func(t *testing.T) {
			config := good
			c.change(&config)
			prober, err := New(config)
			if err == nil {
				_, err = NewDaemon(prober, 30*time.Second, 0)
			}
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "http://127.0.0.1:8080", prober.URL)
			require.Equal(t, DefaultEmail, prober.Email)
		})
	}
}

func TestTheTable(t *testing.T) {
	var table bytes.Buffer
	result := Result{Seconds: 0.0123, TraceID: "4bf9", Cleaned: 1, Steps: []Step{
		{Name: "sandbox", Seconds: 0.001}, {Name: "login", Seconds: 0.0113, Failure: "no\nanswer"},
	}}
	require.NoError(t, result.WriteTable(&table))
	require.Equal(t, fmt.Sprintf(`STEP     TIME     RESULT
sandbox  1.0 ms   ok
login    11.3 ms  failed: no answer
2 of %d steps in 12.3 ms, trace 4bf9
Cancelled orders that were left open: 1.
`, len(catalogue.ScriptedSteps())), table.String())
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err == nil {
		defer full.Close()
		require.ErrorContains(t, result.WriteTable(full), "print the run")
	}
}
