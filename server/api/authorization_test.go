package api_test

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
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

func TestEveryProtectedOperationRefusesEveryBadToken(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t), store.Options{})
	migrateStore(t, s)
	sc := setScene(t, s)
	gone := as(t, s, market.Admin)
	_, err := s.DB().ExecContext(t.Context(), "DELETE FROM accounts WHERE id = ?", gone.ID)
	require.NoError(t, err)
	parts := strings.Split(sc.callers["admin"].token, ".")
	methods := operationMethods(t)
	for name, header := range map[string]string{
		"another scheme":         "Basic bm9yYTp3YWxudXQ=",
		"no token":               "Bearer ",
		"no signature":           "Bearer " + parts[0] + "." + parts[1] + ".",
		"another's payload":      "Bearer " + parts[0] + "." + strings.Split(sc.callers["manager"].token, ".")[1] + "." + parts[2],
		"an account that's gone": "Bearer " + gone.token,
	} {
		t.Run(name, func(t *testing.T) {
			for id, r := range requests() {
				if r.want.anonymous != no {
					continue
				}
				got := send(t, sc.app, user{}, methods[id], noNames.ReplaceAllString(r.path, uuid.NewString()), nil, "Authorization", header)
				requireProblem(t, got, http.StatusUnauthorized)
				require.Contains(t, got.header.Get("WWW-Authenticate"), `error="invalid_token"`, id)
			}
			got := send(t, sc.app, user{}, http.MethodGet, "/api/v1/categories", nil, "Authorization", header)
			require.Equal(t, http.StatusOK, got.status, "what is public stays so")
		})
	}
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
