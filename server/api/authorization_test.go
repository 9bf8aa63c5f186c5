package api_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

func TestEveryOperationAnswersEachCallerAsItsRowSays(t *testing.T) {
	table := requests()
	methods := operationMethods(t)
	require.ElementsMatch(t, slices.Collect(maps.Keys(methods)), slices.Collect(maps.Keys(table)),
		"every operation has a row, and every row an operation")
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, id := range slices.Sorted(maps.Keys(table)) {
			t.Run(id, func(t *testing.T) {
				sc, row := setScene(t, s), table[id]
				for _, caller := range callers() {
					sc.requireRow(t, caller, methods[id], row)
				}
				// What the others were answered is not kept for everyone.
				sc.requireRow(t, "anonymous", methods[id], row)
			})
		}
	})
}

// requireRow asks as the caller, and requires what the row says.
func (s *scene) requireRow(t *testing.T, caller, method string, row request) {
	t.Helper()
	names := s.fill(t, row)
	got := s.ask(t, s.callers[caller], method, row, names)
	want := row.want.byCaller()[caller]
	said := fmt.Sprintf("%s: %d %s", caller, got.status, got.body)
	require.Equal(t, want, got.status, said)
	require.Equal(t, want == no, got.header.Get("WWW-Authenticate") != "", said)
	if want >= http.StatusBadRequest {
		requireProblem(t, got, want)
		return
	}
	if row.shows != "" {
		require.Equal(t, slices.Contains(row.to, caller), strings.Contains(string(got.body), names.Replace(row.shows)), said)
	}
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

func TestEveryProtectedOperationRefusesEveryBadTokenAndSaysWhy(t *testing.T) {
	methods := operationMethods(t)
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		sc := setScene(t, s)
		for name, bad := range badTokens(t, sc) {
			t.Run(name, func(t *testing.T) {
				for id, r := range requests() {
					if r.want.anonymous != no {
						continue
					}
					got := send(t, sc.app, user{}, methods[id], noNames.ReplaceAllString(r.path, uuid.NewString()), nil, "Authorization", bad.header)
					require.Equal(t, bad.detail, requireProblem(t, got, http.StatusUnauthorized).Detail, id)
					require.Equal(t, `Bearer realm="farmers-market", error="invalid_token"`, got.header.Get("WWW-Authenticate"), id)
				}
				got := send(t, sc.app, user{}, http.MethodGet, "/api/v1/categories", nil, "Authorization", bad.header)
				require.Equal(t, http.StatusOK, got.status, "what is public stays so")
			})
		}
	})
}

// badToken is a header that nobody is taken for, and what the problem says of it.
type badToken struct{ header, detail string }

func badTokens(t *testing.T, sc *scene) map[string]badToken {
	t.Helper()
	const (
		how       = "send the access token in the Authorization header, after the word Bearer and a space"
		notOurs   = "this is no access token of ours: send the one that a login or a refresh answered with"
		signature = "the access token's signature is wrong: send it as a login or a refresh answered it"
		key       = "the access token names a signing key that is not in use: log in again"
		expired   = "the access token has expired: get a new one with the refresh token, or log in again"
		future    = "the access token is from the future: the clock of who issued it is ahead of this server's"
	)
	gone, admin := as(t, sc.fair.Store, market.Admin), sc.callers["admin"]
	_, err := sc.fair.Store.DB().ExecContext(t.Context(), "DELETE FROM accounts WHERE id = ?", gone.ID)
	require.NoError(t, err)
	parts := strings.Split(admin.token, ".")
	ours, others, hs256 := make([]byte, 32), bytes.Repeat([]byte{1}, 32), jwt.SigningMethodHS256
	made := func(name string, value any) string { return sign(t, admin.ID, hs256, ours, name, value) }
	unchanged := send(t, sc.app, user{token: made("ver", 1)}, http.MethodGet, "/api/v1/auth/me", nil)
	require.Equal(t, http.StatusOK, unchanged.status, "what follows is refused for its fault alone: %s", unchanged.body)
	now := time.Now()
	return map[string]badToken{
		"another scheme":         {"Basic bm9yYTp3YWxudXQ=", how},
		"no token":               {"Bearer ", how},
		"no JWT":                 {"Bearer walnut", notOurs},
		"no signature":           {"Bearer " + parts[0] + "." + parts[1] + ".", signature},
		"another's payload":      {"Bearer " + parts[0] + "." + strings.Split(sc.callers["manager"].token, ".")[1] + "." + parts[2], signature},
		"signed by another":      {"Bearer " + sign(t, admin.ID, hs256, others, "ver", 1), signature},
		"another algorithm":      {"Bearer " + sign(t, admin.ID, jwt.SigningMethodHS512, ours, "ver", 1), signature},
		"alg none":               {"Bearer " + sign(t, admin.ID, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "ver", 1), signature},
		"an unknown key":         {"Bearer " + made("kid", "2019-01"), key},
		"another kind of token":  {"Bearer " + made("typ", "JWT"), notOurs},
		"expired a second ago":   {"Bearer " + made("exp", now.Add(-time.Second).Unix()), expired},
		"expired a year ago":     {"Bearer " + made("exp", now.AddDate(-1, 0, 0).Unix()), expired},
		"issued tomorrow":        {"Bearer " + made("iat", now.AddDate(0, 0, 1).Unix()), future},
		"another issuer":         {"Bearer " + made("iss", "elsewhere"), "the access token is from another issuer: log in here"},
		"another audience":       {"Bearer " + made("aud", "another-api"), "the access token is for another service: log in here"},
		"no account":             {"Bearer " + made("sub", "admin"), notOurs},
		"an account that's gone": {"Bearer " + gone.token, "the account of this access token is gone"},
		"an older password":      {"Bearer " + made("ver", 7), "the password has changed since this access token was issued: log in again"},
	}
}

// sign makes an access token for the account that is as ours are, but for one field of its header or its claims.
func sign(t *testing.T, accountID string, method jwt.SigningMethod, key any, name string, value any) string {
	t.Helper()
	token := jwt.New(method)
	claims := jwt.MapClaims{
		"iss": "farmers-market", "aud": "farmers-market-api", "sub": accountID, "ver": 1,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	token.Claims, token.Header["kid"], token.Header["typ"] = claims, "test", "at+jwt"
	if name == "kid" || name == "typ" {
		token.Header[name] = value
	} else {
		claims[name] = value
	}
	signed, err := token.SignedString(key)
	require.NoError(t, err)
	return signed
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

// noNames are the parts of a path that stand for something.
var noNames = regexp.MustCompile(`\{[a-z ]+\}`)

func migrateStore(t *testing.T, s *store.Store) {
	t.Helper()
	_, err := migrations.Migrate(t.Context(), s.DB())
	require.NoError(t, err)
}
