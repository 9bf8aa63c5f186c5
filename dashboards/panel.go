package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Sizes on Grafana's grid, which is 24 units wide. A graph's legend is a table below it: lower than this and the table
// eats the graph.
const (
	gridWidth  = 24
	half       = gridWidth / 2
	third      = gridWidth / 3
	sixth      = gridWidth / 6
	graphRows  = 9
	statRows   = 4
	statusRows = 5
)

// The colours that mean something. All others are left to the palette.
const (
	good    = "green"
	warning = "orange"
	bad     = "red"
	calm    = "blue"
)

// graph is a time series panel as all of ours look: thin lines, a light fill, and a legend that is a table sorted by
// the highest mean, so that the series that matters is on top.
func graph(title, description, unit string, width uint32, targets ...cog.Builder[variants.Dataquery]) *timeseries.PanelBuilder {
	return timeseries.NewPanelBuilder().
		Title(title).Description(description).Unit(unit).
		Datasource(metrics()).Targets(targets).
		Span(width).Height(graphRows).
		AxisSoftMin(0). // not a minimum: an overspent budget is negative
		LineWidth(1.5).FillOpacity(8).GradientMode(common.GraphGradientModeOpacity).
		ShowPoints(common.VisibilityModeNever).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdPaletteClassicByName)).
		Legend(legendTable()).
		Tooltip(common.NewVizTooltipOptionsBuilder().
			Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
}

func legendTable() *common.VizLegendOptionsBuilder {
	return common.NewVizLegendOptionsBuilder().
		DisplayMode(common.LegendDisplayModeTable).Placement(common.LegendPlacementBottom).ShowLegend(true).
		Calcs([]string{"mean", "max", "lastNotNull"}).SortBy("Mean").SortDesc(true)
}

// stacked makes a graph whose series add up to a total.
func stacked(panel *timeseries.PanelBuilder) *timeseries.PanelBuilder {
	return panel.FillOpacity(30).
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A"))
}

// thresholdLines draws a dashed line at every step.
func thresholdLines(panel *timeseries.PanelBuilder, steps ...dashboard.Threshold) *timeseries.PanelBuilder {
	return panel.Thresholds(thresholds(good, steps...)).
		ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))
}

// number is a single figure with a spark line behind it, coloured by its thresholds.
func number(title, description, unit string, target cog.Builder[variants.Dataquery], colours *dashboard.ThresholdsConfigBuilder) *stat.PanelBuilder {
	return stat.NewPanelBuilder().
		Title(title).Description(description).Unit(unit).
		Datasource(metrics()).WithTarget(target).
		Span(sixth).Height(statRows).
		ColorMode(common.BigValueColorModeValue).GraphMode(common.BigValueGraphModeArea).
		TextMode(common.BigValueTextModeValue).Orientation(common.VizOrientationAuto).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		Thresholds(colours)
}

// heat is a heatmap of a classic histogram: time across, buckets upwards, requests as colour.
func heat(title, description, unit string, width uint32, target cog.Builder[variants.Dataquery]) *heatmap.PanelBuilder {
	return heatmap.NewPanelBuilder().
		Title(title).Description(description).Unit(unit).
		Datasource(metrics()).WithTarget(target).
		Span(width).Height(graphRows).
		Color(heatmap.NewHeatmapColorOptionsBuilder().
			Mode(heatmap.HeatmapColorModeScheme).Scheme("Turbo").
			Scale(heatmap.HeatmapColorScaleExponential).Exponent(0.5).Steps(64)).
		YAxis(heatmap.NewYAxisConfigBuilder().Unit(unit).AxisPlacement(common.AxisPlacementLeft)).
		Tooltip(heatmap.NewHeatmapTooltipBuilder().
			Mode(common.TooltipDisplayModeSingle).YHistogram(true).ShowColorScale(true)).
		CellGap(1).ExemplarsColor("rgba(255,255,255,0.9)")
}

// thresholds colours values: base up to the first step, then each step's colour from its value on.
func thresholds(base string, steps ...dashboard.Threshold) *dashboard.ThresholdsConfigBuilder {
	return dashboard.NewThresholdsConfigBuilder().
		Mode(dashboard.ThresholdsModeAbsolute).
		Steps(append([]dashboard.Threshold{{Color: base}}, steps...))
}

func from(value float64, colour string) dashboard.Threshold {
	return dashboard.Threshold{Value: &value, Color: colour}
}

// property is one setting of a field override.
func property(id string, value any) dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: id, Value: value}
}
