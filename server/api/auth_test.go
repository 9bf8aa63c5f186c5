package api_test

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/testlog"
	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

const credentials = `{"email":"Nora@Example.org","password":"` + password + `"}`

func TestFromRegisteringToLoggingOut(t *testing.T) {
	eachMarket(t, func(t *testing.T, app *fiber.App, _ *store.Store) {
		post := func(u user, path, body string) answer {
			return send(t, app, u, http.MethodPost, "/api/v1/auth/"+path, body)
		}
		registration := `{"email":"nora@example.org","name":"Nora","password":"` + password + `"}`
		first, second := post(user{}, "register", registration), post(user{}, "register", registration)
		require.Equal(t, http.StatusAccepted, first.status, string(first.body))
		require.Equal(t, first.status, second.status)
		require.Equal(t, first.body, second.body, "nobody learns who has an account")

		got := post(user{}, "login", credentials)
		require.Equal(t, http.StatusOK, got.status, string(got.body))
		require.Contains(t, got.header.Get("Cache-Control"), "no-store")
		grant := decode[item[api.Grant]](t, got.body).Data
		require.Equal(t, "Bearer", grant.TokenType)
		require.EqualValues(t, 900, grant.ExpiresIn)
		require.Equal(t, "customer", grant.Account.Role)

		me := send(t, app, user{token: grant.AccessToken}, http.MethodGet, "/api/v1/auth/me", nil)
		require.Equal(t, http.StatusOK, me.status)
		require.Equal(t, grant.Account, decode[item[api.Account]](t, me.body).Data)
		require.Contains(t, me.header.Get("Cache-Control"), "no-store")

		got = post(user{}, "refresh", `{"refresh_token":"`+grant.RefreshToken+`"}`)
		require.Equal(t, http.StatusOK, got.status, string(got.body))
		renewed := decode[item[api.Grant]](t, got.body).Data
		require.Equal(t, http.StatusNoContent, post(user{}, "logout", `{"refresh_token":"`+renewed.RefreshToken+`"}`).status)
		ended := post(user{}, "refresh", `{"refresh_token":"`+renewed.RefreshToken+`"}`)
		requireProblem(t, ended, http.StatusUnauthorized)
		require.NotEmpty(t, ended.header.Get("WWW-Authenticate"))

		var last answer
		for range auth.DefaultLimits().PerAccount + 1 {
			last = post(user{}, "login", `{"email":"nora@example.org","password":"x"}`)
		}
		requireProblem(t, last, http.StatusTooManyRequests)
		require.Regexp(t, "^[1-9][0-9]*$", last.header.Get("Retry-After"))
	})
}

func TestAnAdminSetsRolesThatHoldAtOnceButNotTheirOwn(t *testing.T) {
	eachMarket(t, func(t *testing.T, app *fiber.App, s *store.Store) {
		admin, other := as(t, s, market.Admin), as(t, s, market.Customer)
		admins := func(u user) answer {
			return send(t, app, u, http.MethodGet, "/api/v1/accounts?limit=100&role=admin", nil)
		}
		set := func(u, of user) answer {
			return send(t, app, u, http.MethodPut, "/api/v1/accounts/"+of.ID+"/role", `{"role":"admin"}`)
		}
		requireProblem(t, admins(other), http.StatusForbidden)
		require.Equal(t, http.StatusOK, set(admin, other).status)
		got := admins(other)
		require.Equal(t, http.StatusOK, got.status, string(got.body))
		require.Len(t, decode[list[api.Account]](t, got.body).Data, 2)
		requireProblem(t, set(admin, admin), http.StatusForbidden)
		requireProblem(t, set(admin, user{Account: market.Account{ID: "0198c0de-0000-7000-8000-000000000000"}}), http.StatusNotFound)
	})
}

func TestPlantedSecretsAppearInNoAnswerLogOrSpan(t *testing.T) {
	const planted = "hunter2-planted-secret"
	eachMarket(t, func(t *testing.T, _ *fiber.App, s *store.Store) {
		collector, logs := telemetrytest.NewCollector(t), &testlog.Buffer{}
		tel, err := telemetry.Start(telemetry.Config{
			Service: "test", Logs: logs, OTLPEndpoint: collector.Addr, OTLPInsecure: true, SampleRatio: 1, AccessLogRatio: 1,
		})
		require.NoError(t, err)
		app := newApp(t, s, func(o *api.Options) { o.Telemetry, o.Sessions = tel, newSessions(t, s, tel, auth.DefaultLimits()) })
		u := as(t, s, market.Customer)
		var answers bytes.Buffer
		for _, c := range []struct{ path, body string }{
			{"login", `{"email":"nora@example.org","password":"` + planted + `"}`},
			{"login", `{"password":"` + planted + `"}`},
			{"login", `{"email":7,"password":"` + planted + `"}`},
			{"login", `{"email":"nora@example.org","password":["` + planted + `"]}`},
			{"login", `{"email":"nora@example.org","password":"` + planted + `"`},
			{"login", `"` + planted + `"`},
			{"register", `{"email":"a","name":"A","password":"` + planted + `"}`},
			{"register", `{"email":"a@example.org","name":"A","password":"` + planted[:11] + `"}`},
			{"register", `{"email":"a@example.org","name":"","role":"x","password":"` + planted + `"}`},
			{"refresh", `{"refresh_token":"` + planted + `"}`},
			{"refresh", `{"refresh_token":["` + planted + `"]}`},
			{"logout", `{"refresh_token":"` + planted + `"}`},
			{"password", `{"current_password":"` + planted + `","new_password":"` + planted[:11] + `"}`},
			{"password", `{"current_password":"` + planted + `","new_password":"` + planted + `"}`},
		} {
			got := send(t, app, u, http.MethodPost, "/api/v1/auth/"+c.path, c.body)
			require.Less(t, got.status, 500, c.body)
			answers.Write(got.body)
		}
		refused := send(t, app, user{token: planted}, http.MethodGet, "/api/v1/auth/me", nil)
		requireProblem(t, refused, http.StatusUnauthorized)
		answers.Write(refused.body)
		require.NoError(t, tel.Shutdown(t.Context()))
		require.NotEmpty(t, collector.Spans())
		for _, span := range collector.Spans() {
			require.NotContains(t, span.String(), planted[:11])
			require.NotContains(t, span.String(), u.token)
		}
		require.NotContains(t, logs.String(), planted[:11])
		require.NotContains(t, logs.String(), u.token)
		require.NotContains(t, answers.String(), planted[:11])
	})
}

func TestWhoSendsNoTokenIsToldHow(t *testing.T) {
	app := newBareApp(t)
	for name, header := range map[string][]string{
		"nothing": nil, "another scheme": {"Authorization", "Basic bm9yYTpub3Jh"}, "the token alone": {"Authorization", "x"},
	} {
		got := send(t, app, user{}, http.MethodGet, "/api/v1/auth/me", nil, header...)
		detail := requireProblem(t, got, http.StatusUnauthorized).Detail
		require.Contains(t, detail, "send the access token in the Authorization header, after the word Bearer and a space", name)
	}
}
