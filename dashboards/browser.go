package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// BrowserUID is the dashboard of what users see.
const BrowserUID = "fm-browser"

// vital is a web vital with the thresholds of web.dev: good up to the first, poor beyond the second.
type vital struct {
	title, explained, unit string
	metric                 catalogue.Metric
	good, poor             float64
}

func vitals() []vital {
	return []vital{
		{
			"Largest contentful paint", "How long until the largest element was painted.",
			units.Seconds, catalogue.BrowserLCP, 2.5, 4,
		},
		{
			"Interaction to next paint", "How long until the page showed the effect of one of its slowest interactions.",
			units.Seconds, catalogue.BrowserINP, 0.2, 0.5,
		},
		{
			"Cumulative layout shift", "How much of the page moved without being asked to.",
			units.Short, catalogue.BrowserCLS, 0.1, 0.25,
		},
		{
			"Time to first byte", "How long until the document began to arrive: network and server.",
			units.Seconds, catalogue.BrowserTTFB, 0.8, 1.8,
		},
	}
}

var (
	browserApp  = catalogue.BrowserLCP.Labels[0].Name
	browserPage = catalogue.BrowserLCP.Labels[1].Name
	browserKind = catalogue.BrowserErrors.Labels[2].Name

	// chosenPages applies the variables of apps and pages.
	chosenPages = []string{browserApp + `=~"$app"`, browserPage + `=~"$page"`}
)

// browser is the dashboard of how pages do for those who look at them.
func browser(links string) *dashboard.DashboardBuilder {
	board := newBoard(BrowserUID, "Market in the browser", "How pages do for real users: web vitals, page loads, errors.", "browser").
		Variables(append(processVariables(),
			multi("app", "App", "label_values("+selector(catalogue.BrowserPageLoad.Count())+", "+browserApp+")"),
			multi("page", "Page", "label_values("+selector(catalogue.BrowserPageLoad.Count(), chosenPages[0])+", "+browserPage+")"))).
		Links([]cog.Builder[dashboard.DashboardLink]{
			link("Service", links+"/d/"+ServiceUID, "The API as it sees itself", "dashboard"),
			link("Home", links, "Components, pages, error traces", "external link"),
		})
	addRow(board, "Now: the slowest of four visits", browserOverview())
	addRow(board, "Web vitals", vitalsRow())
	addRow(board, "Page loads and errors", pagesRow())
	return board
}

func browserOverview() []cog.Builder[dashboard.Panel] {
	var panels []cog.Builder[dashboard.Panel]
	for _, v := range vitals() {
		panels = append(panels, number(v.title+", p75", v.explained+" 3 of 4 visits did better than this.", v.unit,
			query("p75", quantile(0.75, v.metric, nil, chosenPages...)), thresholds(good, from(v.good, warning), from(v.poor, bad))).Decimals(2))
	}
	return append(panels,
		number("Page views", "Pages loaded per second, of those that report.", units.OpsPerSecond,
			query("Page views", sumBy(perSecond(catalogue.BrowserPageLoad.Count(), chosenPages...))), thresholds(calm)),
		number("Errors in pages", "Errors per second that pages reported.", units.OpsPerSecond,
			query("Errors", sumBy(perSecond(catalogue.BrowserErrors.Name, chosenPages...))), thresholds(good, from(0.1, warning), from(1, bad))))
}

func vitalsRow() []cog.Builder[dashboard.Panel] {
	var panels []cog.Builder[dashboard.Panel]
	for _, v := range vitals() {
		panels = append(panels, thresholdLines(graph(v.title+" by page",
			v.explained+" 3 of 4 visits did better. Good below the first line, poor above the second.", v.unit, half,
			exemplars("{{"+browserPage+"}}", quantile(0.75, v.metric, []string{browserPage}, chosenPages...))),
			from(v.good, warning), from(v.poor, bad)))
	}
	return panels
}

func pagesRow() []cog.Builder[dashboard.Panel] {
	load := catalogue.BrowserPageLoad
	return []cog.Builder[dashboard.Panel]{
		stacked(graph("Page views by page", "Pages loaded per second, of those that report.", units.OpsPerSecond, third,
			query("{{"+browserPage+"}}", sumBy(perSecond(load.Count(), chosenPages...), browserPage)))),
		graph("Page load, p75", "How long until the page and all that it names had loaded. 3 of 4 visits did better.", units.Seconds, third,
			exemplars("{{"+browserPage+"}}", quantile(0.75, load, []string{browserPage}, chosenPages...))),
		stacked(graph("Errors by kind", "Errors per second that pages reported; the log has each with the trace of its page. Many at once follow a release.",
			units.OpsPerSecond, third,
			query("{{"+browserKind+"}}", sumBy(perSecond(catalogue.BrowserErrors.Name, chosenPages...), browserKind)))),
	}
}
