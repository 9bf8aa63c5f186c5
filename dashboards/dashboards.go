// Package dashboards declares the Grafana dashboards of the platform in Go. They know the service only through the
// names in telemetry/catalogue and the SLO's recording rules, so that a renamed metric does not compile here.
package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// FolderUID and FolderTitle name the Grafana folder that holds every dashboard of the platform.
const (
	FolderUID   = "farmersmarket"
	FolderTitle = "Farmers Market"
)

// DefaultLinks is where links to runbooks and pages lead when nothing else is said: the home page of `lookout up`.
const DefaultLinks = "http://localhost:8090"

// Dashboard is one dashboard, ready to be written to a file or sent to Grafana.
type Dashboard struct {
	UID       string // at most 40 characters, as Grafana demands
	Title     string
	FolderUID string
	JSON      []byte // indented, deterministic, ends in a newline; has neither id nor version
}

// All builds every dashboard. links is the base URL of the home page, without a slash at its end. An error is a mistake
// in this package: it names the dashboard and the field that Grafana's schema does not allow.
func All(links string) ([]Dashboard, error) {
	var all []Dashboard
	for _, builder := range []*dashboard.DashboardBuilder{service(links), browser(links), synthetic(links), business(links), pipeline(links)} {
		built, err := encode(builder)
		if err != nil {
			return nil, err
		}
		all = append(all, built)
	}
	return all, nil
}

func encode(builder *dashboard.DashboardBuilder) (Dashboard, error) {
	built, err := builder.Build()
	if err != nil {
		return Dashboard{}, fmt.Errorf("building a dashboard: %w", err)
	}
	numberPanels(built.Panels)
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // a reader of the file wants `rate(x) > 0`, not `\u003e`
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(built); err != nil {
		return Dashboard{}, fmt.Errorf("encoding dashboard %q: %w", *built.Uid, err)
	}
	return Dashboard{UID: *built.Uid, Title: *built.Title, FolderUID: FolderUID, JSON: text.Bytes()}, nil
}

// numberPanels gives every panel an id: 100 for each row, and one for each panel in it. A new panel so shifts no id
// outside its row, and links to single panels stay good.
func numberPanels(panels []dashboard.PanelOrRowPanel) {
	var row, id uint32
	for _, p := range panels {
		if p.RowPanel != nil {
			row += 100
			id = row
			p.RowPanel.Id = id
			continue
		}
		id++
		p.Panel.Id = cog.ToPtr(id)
		letterQueries(p.Panel.Targets)
	}
}

// letterQueries names a panel's queries A, B, C and so on, where they have no name yet.
func letterQueries(targets []variants.Dataquery) {
	for i, target := range targets {
		if query, ok := target.(prometheus.Dataquery); ok && query.RefId == nil {
			query.RefId = cog.ToPtr(string(rune('A' + i)))
			targets[i] = query
		}
	}
}
