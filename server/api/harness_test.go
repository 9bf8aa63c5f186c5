package api_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/testlog"
	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/health"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/rum"
	"github.com/farmersmarket/platform/server/seed"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry"
)

// eachMarket runs the test against the API over a market with the seed's catalogue, once per kind of database.
func eachMarket(t *testing.T, test func(t *testing.T, app *fiber.App, s *store.Store)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		_, err := seed.Load(t.Context(), s)
		require.NoError(t, err)
		test(t, newApp(t, s), s)
	})
}

// newApp is the API over the store. A test that sells gives it the fair's part of the options.
func newApp(t *testing.T, s *store.Store, adjust ...func(*api.Options)) *fiber.App {
	t.Helper()
	tel, err := telemetry.Start(telemetry.Config{Service: "market-api", Logs: logsOf(t)})
	require.NoError(t, err)
	t.Cleanup(func() {
		// Nobody listens for the traces: there is nothing to wait for.
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		cancel()
		_ = tel.Shutdown(ctx)
	})
	options := api.Options{
		Catalogue: market.NewCatalogue(s), Producers: market.NewProducers(s, market.SystemClock{}),
		Accounts: market.NewAccounts(s, market.SystemClock{}),
		Sessions: newSessions(t, s, tel, auth.DefaultLimits()), Telemetry: tel, Environment: "test", BodyLimit: 1 << 20,
		RequestTimeout: 10 * time.Second, Payments: newInbox(t, tel, func(context.Context, market.PaymentEvent) error { return nil }),
		Health: health.New(tel, health.Check{Name: "database", Required: true, Probe: s.Ping}),
		RUM:    api.RUM{Recorder: rum.New(tel, []string{"shop"}, []string{"/products/{id}"})},
	}
	for _, a := range adjust {
		a(&options)
	}
	if options.Images.Store == nil {
		options.Images = newImages(t, tel)
	}
	app, err := api.New(options)
	require.NoError(t, err)
	return app
}

// newSessions are sessions with a key of their own and cheap hashes. Those of one store take each other's tokens.
func newSessions(t *testing.T, s auth.Store, tel *telemetry.Telemetry, limits auth.Limits) *auth.Sessions {
	t.Helper()
	keys, err := auth.ParseKeys("test:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	require.NoError(t, err)
	tokens, err := auth.NewTokens(keys, 15*time.Minute, market.SystemClock{})
	require.NoError(t, err)
	return auth.NewSessions(auth.Options{
		Store: s, Tokens: tokens, Hasher: auth.NewHasher(auth.Params{Memory: 8, Passes: 1, Threads: 1}, 4),
		Limits: limits, TTL: time.Hour, Clock: market.SystemClock{}, Metrics: tel.Metrics,
	})
}

// password is that of every account the tests make.
const password = "walnut-Saturday-quince"

// user is an account that has logged in.
type user struct {
	market.Account
	token string // access token
}

// as makes an account with the role, and logs it in.
func as(t *testing.T, s *store.Store, role market.Role) user {
	t.Helper()
	email := strings.ToLower(uuid.NewString()) + "@example.org"
	_, err := auth.Create(t.Context(), s, auth.NewHasher(auth.Params{Memory: 8, Passes: 1, Threads: 1}, 1), market.SystemClock{},
		auth.Registration{Email: email, Name: "Nora Byrne", Password: password, Role: role})
	require.NoError(t, err)
	grant, err := newSessions(t, s, newTelemetry(t), auth.DefaultLimits()).Login(t.Context(), email, password, uuid.NewString())
	require.NoError(t, err)
	return user{Account: grant.Account, token: grant.AccessToken}
}

// send asks the API as the user; the zero user is anonymous. A nil body is none; others are sent as JSON, text as it is.
// header is pairs of name and value.
func send(t *testing.T, app *fiber.App, u user, method, path string, body any, header ...string) answer {
	t.Helper()
	content, isText := body.(string)
	if !isText && body != nil {
		encoded, err := json.Marshal(body)
		require.NoError(t, err)
		content = string(encoded)
	}
	request := httptest.NewRequest(method, path, strings.NewReader(content))
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if u.token != "" {
		request.Header.Set("Authorization", "Bearer "+u.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := app.Test(request, -1)
	require.NoError(t, err)
	return read(t, response)
}

// answer is what the API said.
type answer struct {
	status      int
	contentType string
	header      http.Header
	body        []byte
}

// get asks the API; the path is a URL's path and query.
func get(t *testing.T, app *fiber.App, path string) answer {
	t.Helper()
	return send(t, app, user{}, http.MethodGet, path, nil)
}

func read(t *testing.T, response *http.Response) answer {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{
		status: response.StatusCode, contentType: response.Header.Get("Content-Type"), header: response.Header, body: body,
	}
}

// list is the shape of every list.
type list[T any] struct {
	Success    bool `json:"success"`
	Data       []T  `json:"data"`
	Pagination struct {
		Page  int    `json:"page"`
		Limit int    `json:"limit"`
		Total int    `json:"total"`
		Pages int    `json:"pages"`
		Next  string `json:"next"`
	} `json:"pagination"`
}

// getList asks for a list, which must come with nothing more than a list has.
func getList[T any](t *testing.T, app *fiber.App, path string) list[T] {
	t.Helper()
	got := get(t, app, path)
	require.Equal(t, http.StatusOK, got.status, string(got.body))
	require.Equal(t, "application/json", got.contentType)
	return decode[list[T]](t, got.body)
}

func decode[T any](t *testing.T, body []byte) T {
	t.Helper()
	var value T
	var keys map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(body, &keys))
	require.NotContains(t, keys, "$schema")
	require.NoError(t, json.Unmarshal(body, &value), string(body))
	return value
}

// requireProblem requires an RFC 9457 answer.
func requireProblem(t *testing.T, got answer, status int) api.Problem {
	t.Helper()
	require.Equal(t, status, got.status, string(got.body))
	require.Equal(t, "application/problem+json", got.contentType)
	problem := decode[api.Problem](t, got.body)
	require.Equal(t, status, problem.Status)
	require.NotEmpty(t, problem.Title)
	require.NotEmpty(t, problem.Detail)
	require.Regexp(t, "^[0-9a-f]{32}$", problem.TraceID)
	return problem
}

// logsOf keeps the logs, and shows the first errors in them when the test has failed.
func logsOf(t *testing.T) io.Writer {
	t.Helper()
	logs := &testlog.Buffer{}
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		shown := 0
		for line := range strings.Lines(logs.String()) {
			if shown < 5 && strings.Contains(line, `"level":"ERROR"`) {
				t.Logf("%.2000s", line)
				shown++
			}
		}
	})
	return logs
}
