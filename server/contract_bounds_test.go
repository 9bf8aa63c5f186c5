package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
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

// created finds the tables that migrations make, those included that take the place of another and its name.
var created = regexp.MustCompile(`(?im)^CREATE (?:VIRTUAL )?TABLE (?:IF NOT EXISTS )?(\w+)`)

// tables returns those that the migrations make, and the one that they are recorded in, by bun's name for it.
func tables(t *testing.T) []string {
	t.Helper()
	names := []string{"migrations"}
	files, err := filepath.Glob("../migrations/*.sql")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, match := range created.FindAllStringSubmatch(string(text), -1) {
			names = append(names, match[1])
		}
	}
	return names
}
