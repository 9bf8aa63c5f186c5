package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// boundsOfTheMarket are the values of labels that the contract test may see, of which the catalogue knows only what they are.
func boundsOfTheMarket(t *testing.T) telemetrytest.Bounds {
	t.Helper()
	routes := []string{catalogue.UnmatchedRoute, "/openapi-3.0.json", "/openapi-3.0.yaml"}
	for _, operation := range operations(t) {
		routes = append(routes, operation.template)
	}
	return telemetrytest.Bounds{
		catalogue.HTTPRoute.Name:    telemetrytest.OneOf(routes...),
		catalogue.DBCollection.Name: telemetrytest.OneOf(append(tables(t), "")...),
		"currency":                  func(value string) bool { return market.Currency(value).Valid() },
		"server_address":            telemetrytest.OneOf("127.0.0.1", catalogue.OtherServer),
		"app":                       telemetrytest.OneOf("shop", catalogue.OtherInBrowser),
		"page":                      telemetrytest.OneOf("/", catalogue.OtherInBrowser),
	}
}

// tables returns those of the schema, in both databases, and those of migrations: the one that they are recorded in, by bun's name
// for it, and one that takes the place of another.
func tables(t *testing.T) (names []string) {
	t.Helper()
	names = []string{"migrations", "payments_with_refunds"}
	for address, query := range map[string]string{
		storetest.SQLite(t):     "SELECT name FROM sqlite_master WHERE type = 'table'",
		storetest.PostgreSQL(t): "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()",
	} {
		s := storetest.Open(t, address, store.Options{})
		_, err := migrations.Migrate(t.Context(), s.DB())
		require.NoError(t, err)
		var found []string
		require.NoError(t, s.DB().NewRaw(query).Scan(t.Context(), &found))
		names = append(names, found...)
	}
	return names
}
