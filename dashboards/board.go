package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// newBoard is a dashboard as all of ours behave: the last hour, refreshed, with one crosshair and marks of deploys.
func newBoard(uid, title, description, tag string) *dashboard.DashboardBuilder {
	return dashboard.NewDashboardBuilder(title).
		Uid(uid).
		Description(description).
		Tags([]string{"farmersmarket", tag}).
		Time("now-1h", "now").Refresh("30s").Timezone("browser").
		Timepicker(dashboard.NewTimePickerBuilder().
			RefreshIntervals([]string{"5s", "10s", "30s", "1m", "5m", "15m", "1h"})).
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Editable().
		Annotations([]cog.Builder[dashboard.AnnotationQuery]{alertsAndComments(), deploys()})
}

func addRow(board *dashboard.DashboardBuilder, title string, panels []cog.Builder[dashboard.Panel]) {
	board.WithRow(dashboard.NewRowBuilder(title))
	for _, panel := range panels {
		board.WithPanel(panel)
	}
}
