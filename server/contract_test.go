package main_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// TestTheServiceEmitsWhatTheCatalogueDeclaresAndNothingElse drives real servers through all they do, and all that is
// done to them, and compares their metrics, spans and log lines with the catalogue both ways.
func TestTheServiceEmitsWhatTheCatalogueDeclaresAndNothingElse(t *testing.T) {
	contract := telemetrytest.NewContract(catalogue.Market(), telemetrytest.OfLibraries(t, "server"), boundsOfTheMarket(t))
	for name, scene := range map[string]func(*testing.T, *telemetrytest.Contract){
		"requests of every kind":       requestsOfEveryKind,
		"orders and payments":          ordersAndPayments,
		"an outage of the database":    outageOfTheDatabase,
		"an outage of Redis":           outageOfRedis,
		"an outage of the provider":    outageOfTheProvider,
		"an outage of the collector":   outageOfTheCollector,
		"rows that break the rules":    rowsThatBreakTheRules,
		"reports of browsers":          reportsOfBrowsers,
		"a stop with nobody to report": stopWithNobodyToReportTo,
		"slow statements":              slowStatements,
		"a refund that fails":          refundThatFails,
		"an event that is sent again":  eventThatIsSentAgain,
		"a farm, with Redis":           aFarmWithRedis,
		"photographs":                  photographs,
		"a photograph that takes long": aPhotographThatTakesTooLong,
		"a Redis that keeps nothing":   aRedisThatKeepsNothing,
		"unusual requests":             unusualRequests,
		"too many requests":            tooManyRequests,
		"sessions":                     sessions,
		"a day at the market":          aDayAtTheMarket,
		"a pool that is too small":     aPoolThatIsTooSmall,
		"two servers with one Redis":   twoServersWithOneRedis,
		"a collector that refuses":     collectorThatRefuses,
		"an error tracker in trouble":  errorTrackerInTrouble,
		"a Stripe that is busy":        stripeThatIsBusy,
		"a Stripe in trouble":          stripeInTrouble,
		"calls by the market itself":   callsThatTheMarketMakesByItself,
	} {
		t.Run(name, func(t *testing.T) { scene(t, contract) })
	}
	contract.Check(t, neverSeen, seenByLuck)
}

// observed is a running server of which all that it emits is compared with the contract.
type observed struct {
	*process

	contract  *telemetrytest.Contract
	collector *telemetrytest.Collector
}

// observe runs a server with these settings.
func observe(t *testing.T, contract *telemetrytest.Contract, settings ...string) *observed {
	t.Helper()
	collector := telemetrytest.NewCollector(t)
	return &observed{
		process: start(t, append([]string{
			"OTLP_ENDPOINT=" + collector.Addr, "OTLP_LOGS=on", "SENTRY_DSN=" + telemetrytest.NewSentry(t).DSN, "AUDIT_INTERVAL=50ms", "RUM_APPS=shop", "RUM_PAGES=/",
		}, settings...)...),
		contract: contract, collector: collector,
	}
}

// end stops the server and compares all that it emitted.
func (o *observed) end() {
	o.t.Helper()
	o.scrape()
	require.Zero(o.t, o.stop(syscall.SIGTERM))
	o.contract.SeeSpans(o.collector.ResourceSpans())
	o.contract.SeeLogs(o.logs.String())
	o.contract.SeeLogRecords(o.collector.ResourceLogs())
}

func (o *observed) scrape() string {
	o.t.Helper()
	status, page := ask(o.t, http.MethodGet, o.admin+"/metrics", "")
	require.Equal(o.t, http.StatusOK, status)
	require.NoError(o.t, o.contract.SeeMetrics(page))
	return page
}

// until asks again and again until the metrics page has the text.
func (o *observed) until(text string, do func()) {
	o.t.Helper()
	require.Eventually(o.t, func() bool {
		do()
		return strings.Contains(o.scrape(), text)
	}, patience, patience/1000, "the metrics should have %s", text)
}
