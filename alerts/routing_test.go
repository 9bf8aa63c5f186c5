package alerts_test

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/provider/mem"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/farmersmarket/platform/alerts"
)

func load(t *testing.T, routing alerts.Routing) *config.Config {
	t.Helper()
	text, err := yaml.Marshal(routing)
	require.NoError(t, err)
	loaded, err := config.Load(string(text))
	require.NoError(t, err)
	return loaded
}

var (
	fastPage = model.LabelSet{
		"alertname": "ApiAvailabilityBudgetBurn", "severity": "page", "service": "market-api", "slo": "api-availability",
		"long_window": "1h", "short_window": "5m", "burn_rate": "14.4",
	}
	slowPage   = with(fastPage, "long_window", "6h", "short_window", "30m", "burn_rate", "6")
	fastTicket = with(fastPage, "severity", "ticket", "long_window", "1d", "short_window", "2h", "burn_rate", "3")
	slowTicket = with(fastPage, "severity", "ticket", "long_window", "3d", "short_window", "6h", "burn_rate", "1")
	serverDown = model.LabelSet{"alertname": "TargetDown", "severity": "page", "job": "server"}
	targetDown = model.LabelSet{"alertname": "TargetDown", "severity": "ticket", "job": "jaeger"}
	probeFails = model.LabelSet{"alertname": "ProbeFailing", "severity": "page", "service": "market-api", "probe": "products"}
	orderFails = with(probeFails, "probe", "order")
	watchdog   = model.LabelSet{"alertname": "Watchdog", "severity": "info"}

	spansLost  = model.LabelSet{"alertname": "TelemetryLost", "severity": "ticket", "signal": "spans", "job": "server"}
	wayBroken  = model.LabelSet{"alertname": "AlertingFailing", "severity": "page", "stage": "notification", "integration": "pagerduty"}
	storeBlind = model.LabelSet{"alertname": "StoreExporterFailing", "severity": "ticket", "job": "postgres", "instance": "e"}
)

func with(labels model.LabelSet, pairs ...string) model.LabelSet {
	changed := labels.Clone()
	for i := 0; i < len(pairs); i += 2 {
		changed[model.LabelName(pairs[i])] = model.LabelValue(pairs[i+1])
	}
	return changed
}

func TestWhoIsTold(t *testing.T) {
	for sentence, c := range map[string]struct {
		labels    model.LabelSet
		receiver  string
		groupWait time.Duration
	}{
		"a fast burn pages within seconds":                  {fastPage, "page", 10 * time.Second},
		"a slow burn that pages does too":                   {slowPage, "page", 10 * time.Second},
		"a ticket waits, so that a page can speak for it":   {fastTicket, "ticket", 2 * time.Minute},
		"a server that is down pages":                       {serverDown, "page", 10 * time.Second},
		"another target that is down is a ticket":           {targetDown, "ticket", 2 * time.Minute},
		"a probe that fails pages":                          {probeFails, "page", 10 * time.Second},
		"lost telemetry is a ticket":                        {spansLost, "ticket", 2 * time.Minute},
		"a way to the pager that is broken in part pages":   {wayBroken, "page", 10 * time.Second},
		"an exporter without its store is a ticket":         {storeBlind, "ticket", 2 * time.Minute},
		"the watchdog goes to the dead man's switch":        {watchdog, "watchdog", 0},
		"also if somebody gave it the severity page":        {with(watchdog, "severity", "page"), "watchdog", 0},
		"information wakes nobody":                          {model.LabelSet{"alertname": "A", "severity": "info"}, "info", 2 * time.Minute},
		"an alert without severity is seen, and no page":    {model.LabelSet{"alertname": "A"}, "ticket", 2 * time.Minute},
		"an alert with a misspelt severity is seen as well": {model.LabelSet{"alertname": "A", "severity": "pgae"}, "ticket", 2 * time.Minute},
	} {
		for mode, routing := range map[string]alerts.Routing{"production": alerts.Production(), "local": alerts.Local()} {
			t.Run(sentence+", "+mode, func(t *testing.T) {
				routes := dispatch.NewRoute(load(t, routing).Route, nil).Match(c.labels)
				require.Len(t, routes, 1)
				require.Equal(t, c.receiver, routes[0].RouteOpts.Receiver)
				require.Equal(t, c.groupWait, routes[0].RouteOpts.GroupWait)
			})
		}
	}
}

func TestOneIncidentIsOneGroup(t *testing.T) {
	route := dispatch.NewRoute(load(t, alerts.Production()).Route, nil)
	group := func(labels model.LabelSet) model.LabelSet {
		by := model.LabelSet{}
		for name := range route.Match(labels)[0].RouteOpts.GroupBy {
			if v, ok := labels[name]; ok {
				by[name] = v
			}
		}
		return by
	}
	require.Equal(t, group(fastPage), group(slowPage), "both pages of an SLO are one notification")
	require.NotEqual(t, group(fastPage), group(with(fastPage, "slo", "other")), "another SLO's page is another")
	require.NotEqual(t, group(fastPage), group(with(fastPage, "service", "other")))
}

func TestPagesResolveSoon(t *testing.T) {
	options := dispatch.NewRoute(load(t, alerts.Production()).Route, nil).Match(fastPage)[0].RouteOpts
	require.Equal(t, 30*time.Second, options.GroupInterval)
	require.Equal(t, 4*time.Hour, options.RepeatInterval)
}

func TestWhatAPageSilences(t *testing.T) {
	for sentence, c := range map[string]struct {
		firing, candidate model.LabelSet
		silent            bool
	}{
		"a page silences the fast ticket of its SLO":             {fastPage, fastTicket, true},
		"a page silences the slow ticket of its SLO":             {slowPage, slowTicket, true},
		"a page does not silence the ticket of another SLO":      {fastPage, with(fastTicket, "slo", "other"), false},
		"a page does not silence the ticket of another service":  {fastPage, with(fastTicket, "service", "other"), false},
		"a ticket silences no page":                              {fastTicket, fastPage, false},
		"the fast page speaks for the slow one":                  {fastPage, slowPage, true},
		"the slow page does not silence the fast one":            {slowPage, fastPage, false},
		"the fast ticket speaks for the slow one":                {fastTicket, slowTicket, true},
		"a page without an SLO silences no ticket without one":   {serverDown, targetDown, false},
		"a page without an SLO does not silence an SLO's ticket": {serverDown, fastTicket, false},
		"the server's page silences the server's ticket":         {serverDown, with(targetDown, "job", "server"), true},
		"an SLO's page does not silence a dead server's page":    {fastPage, serverDown, false},
		"an SLO's page speaks for the probes of its service":     {fastPage, probeFails, true},
		"the slow page does too":                                 {slowPage, orderFails, true},
		"an SLO's ticket does not":                               {fastTicket, orderFails, false},
		"another service's page does not":                        {with(fastPage, "service", "other"), probeFails, false},
		"a dead server's page speaks for every probe":            {serverDown, orderFails, true},
		"a dead target's ticket does not":                        {targetDown, orderFails, false},
		"an API that does not answer speaks for the order":       {probeFails, orderFails, true},
		"an API that is dead speaks for the other probes":        {with(probeFails, "probe", "live"), probeFails, true},
		"an order that fails silences no other probe":            {orderFails, probeFails, false},
		"a probe silences no SLO's page":                         {probeFails, fastPage, false},
		"a probe silences no dead server's page":                 {orderFails, serverDown, false},
		"a dead Jaeger's ticket speaks for lost spans":           {targetDown, spansLost, true},
		"a dead collector's does too":                            {with(targetDown, "job", "collector"), spansLost, true},
		"a dead Loki's does not":                                 {with(targetDown, "job", "loki"), spansLost, false},
		"it speaks for lost log lines":                           {with(targetDown, "job", "loki"), with(spansLost, "signal", "log_lines"), true},
		"a dead server's page speaks for no lost telemetry":      {serverDown, spansLost, false},
		"a page of the API speaks for a store not seen":          {fastPage, storeBlind, true},
		"a ticket of the API does not":                           {fastTicket, storeBlind, false},
		"nothing silences a broken way to the pager":             {fastPage, wayBroken, false},
		"nothing silences the watchdog":                          {fastPage, watchdog, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			require.Equal(t, c.silent, silences(t, c.firing, c.candidate))
		})
	}
}

// silences asks Alertmanager's own inhibitor.
func silences(t *testing.T, firing, candidate model.LabelSet) bool {
	t.Helper()
	logger := promslog.NewNopLogger()
	store, err := mem.NewAlerts(t.Context(), time.Hour, 0, nil, logger, eventrecorder.NopRecorder(), nil, nil)
	require.NoError(t, err)
	defer store.Close()
	source := &alert.Alert{Alert: model.Alert{Labels: firing, StartsAt: time.Now(), EndsAt: time.Now().Add(time.Hour)}}
	require.NoError(t, store.Put(t.Context(), source))
	inhibitor := inhibit.NewInhibitor(store, load(t, alerts.Production()).InhibitRules, logger, eventrecorder.NopRecorder())
	go inhibitor.Run()
	defer inhibitor.Stop()
	inhibitor.WaitForLoading()
	return inhibitor.Mutes(t.Context(), candidate)
}

func TestSecretsAreInFiles(t *testing.T) {
	for _, routing := range []alerts.Routing{alerts.Production(), alerts.Local()} {
		for _, receiver := range load(t, routing).Receivers {
			for _, c := range receiver.WebhookConfigs {
				require.Empty(t, c.URL)
				require.Regexp(t, "^secrets/", c.URLFile)
			}
			for _, c := range receiver.SlackConfigs {
				require.Nil(t, c.APIURL)
				require.Regexp(t, "^secrets/", c.APIURLFile)
				require.True(t, c.SendResolved())
			}
			for _, c := range receiver.PagerdutyConfigs {
				require.Empty(t, c.RoutingKey)
				require.Regexp(t, "^secrets/", c.RoutingKeyFile)
				require.Contains(t, []string{"critical", "warning"}, c.Severity, "PagerDuty refuses what it does not know")
			}
		}
	}
}

func TestWhatPeopleRead(t *testing.T) {
	templates, err := template.FromGlobs([]string{filepath.Join("..", "compose", "alertmanager", "notifications.tmpl")})
	require.NoError(t, err)
	templates.ExternalURL = &url.URL{Scheme: "http", Host: "localhost:9093"}
	start := time.Date(2026, 3, 7, 3, 4, 5, 0, time.UTC)
	page := func(summary string, ends time.Time) *alert.Alert {
		return &alert.Alert{Alert: model.Alert{
			Labels: fastPage, StartsAt: start, EndsAt: ends,
			Annotations: model.LabelSet{
				"summary": model.LabelValue(summary), "description": "It burns.",
				"runbook_url": "http://localhost:8090/runbooks/a", "dashboard_url": "http://localhost:8090/d/b",
			},
		}}
	}
	far := time.Now().Add(time.Hour)
	over := start.Add(10 * time.Minute)
	for sentence, c := range map[string]struct {
		alerts      []*alert.Alert
		title, text string
	}{
		"a page": {
			[]*alert.Alert{page("all fail", far)},
			"Page: all fail",
			"It burns.\nSince 2026-03-07 03:04:05 UTC.\n<http://localhost:8090/runbooks/a|Runbook>  <http://localhost:8090/d/b|Dashboard>",
		},
		"a resolved page says until when": {
			[]*alert.Alert{page("all fail", over)},
			"Resolved: all fail",
			"It burns.\nSince 2026-03-07 03:04:05 UTC until 03:14:05 UTC.\n<http://localhost:8090/runbooks/a|Runbook>  <http://localhost:8090/d/b|Dashboard>",
		},
		"of several alerts, one that still fires speaks": {
			[]*alert.Alert{page("over", over), page("still", far)},
			"Page: still",
			"It burns.\nSince 2026-03-07 03:04:05 UTC.\n<http://localhost:8090/runbooks/a|Runbook>  <http://localhost:8090/d/b|Dashboard>",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			data := templates.Data("page", nil, nil, "", c.alerts...)
			slack := load(t, alerts.Production()).Receivers[0].SlackConfigs[0]
			title, err := templates.ExecuteTextString(slack.Title, data)
			require.NoError(t, err)
			require.Equal(t, c.title, title)
			text, err := templates.ExecuteTextString(slack.Text, data)
			require.NoError(t, err)
			require.Equal(t, c.text, text)
		})
	}
}

func TestEveryRunbookExists(t *testing.T) {
	for _, group := range alerts.Groups("http://localhost:8090") {
		for _, rule := range group.Rules {
			require.NotEmpty(t, rule.Annotations["summary"])
			require.NotEmpty(t, rule.Annotations["description"])
			runbook := filepath.Base(rule.Annotations["runbook_url"])
			_, err := os.Stat(filepath.Join("..", "docs", "runbooks", runbook+".md"))
			require.NoError(t, err, "%s links to a runbook", rule.Alert)
		}
	}
}
