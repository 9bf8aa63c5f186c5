package telemetrytest

import (
	"fmt"
	"math"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// metricsSeen are, by metric and label, the values that something was measured with.
type metricsSeen map[string]map[string]map[string]bool

// take notes a series. Of one that has been at 0 ever since it was made only the metric has been seen: to make series for values
// that never come is no proof of them.
func (s metricsSeen) take(metric string, series *dto.Metric) {
	if s[metric] == nil {
		s[metric] = map[string]map[string]bool{}
	}
	if counter, histogram := series.GetCounter(), series.GetHistogram(); counter != nil && counter.GetValue() == 0 ||
		histogram != nil && histogram.GetSampleCount() == 0 {
		return
	}
	for _, pair := range series.GetLabel() {
		if s[metric][pair.GetName()] == nil {
			s[metric][pair.GetName()] = map[string]bool{}
		}
		s[metric][pair.GetName()][pair.GetValue()] = true
	}
}

// SeeMetrics takes a metrics page in the Prometheus text format.
func (c *Contract) SeeMetrics(exposition string) error {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(exposition))
	if err != nil {
		return fmt.Errorf("read the metrics page: %w", err)
	}
	declared := map[string]catalogue.Metric{}
	for _, m := range c.Declared.Metrics {
		declared[m.Name] = m
	}
	for name, family := range families {
		m, ok := declared[name]
		switch {
		case ok:
			c.compareMetric(m, family)
		case c.Known == nil || !c.Known(name):
			c.problem("metric %s is not declared", name)
		}
	}
	return nil
}

func (c *Contract) compareMetric(m catalogue.Metric, family *dto.MetricFamily) {
	if got := strings.ToLower(family.GetType().String()); got != string(m.Type) {
		c.problem("metric %s is a %s, declared as a %s", m.Name, got, m.Type)
	}
	if family.GetHelp() != m.Help {
		c.problem("metric %s says %q, declared as %q", m.Name, family.GetHelp(), m.Help)
	}
	labels := map[string]catalogue.Label{}
	for _, l := range m.Labels {
		labels[l.Name] = l
	}
	for _, series := range family.GetMetric() {
		c.metrics.take(m.Name, series)
		if histogram := series.GetHistogram(); histogram != nil && !slices.Equal(boundsOf(histogram), m.Buckets) {
			c.problem("metric %s has the buckets %v, declared %v", m.Name, boundsOf(histogram), m.Buckets)
		}
		if len(series.GetLabel()) != len(m.Labels) {
			c.problem("metric %s has %d labels, declared %d", m.Name, len(series.GetLabel()), len(m.Labels))
		}
		for _, pair := range series.GetLabel() {
			l, ok := labels[pair.GetName()]
			if !ok {
				c.problem("metric %s has the label %s, which is not declared", m.Name, pair.GetName())
			} else if !c.isWithin(l, pair.GetValue()) {
				c.problem("metric %s has %s=%q, which is not declared", m.Name, l.Name, pair.GetValue())
			}
		}
	}
}

// isWithin says whether the label may have the value.
func (c *Contract) isWithin(l catalogue.Label, value string) bool {
	if l.Bound == "" {
		return slices.Contains(l.Values, value)
	}
	for _, within := range []func(string) bool{l.Within, c.Bounds[l.Name]} {
		if within != nil && !within(value) {
			return false
		}
	}
	return true
}

// boundsOf returns the upper bounds of a histogram's buckets, but for the last, which has none.
func boundsOf(histogram *dto.Histogram) (bounds []float64) {
	for _, bucket := range histogram.GetBucket() {
		if !math.IsInf(bucket.GetUpperBound(), +1) {
			bounds = append(bounds, bucket.GetUpperBound())
		}
	}
	return bounds
}

func (c *Contract) missingMetrics() (missing []string) {
	for _, m := range c.Declared.Metrics {
		seen, ok := c.metrics[m.Name]
		if !ok {
			missing = append(missing, "metric "+m.Name)
			continue
		}
		for _, l := range m.Labels {
			for _, value := range l.Values {
				if !seen[l.Name][value] {
					missing = append(missing, nameOfValue(m, l, value))
				}
			}
		}
	}
	return missing
}

func nameOfValue(m catalogue.Metric, l catalogue.Label, value string) string {
	return fmt.Sprintf("%s{%s=%q}", m.Name, l.Name, value)
}

// values returns all that labels are declared to have, as Missing names them.
func (c *Contract) values() (names []string) {
	for _, m := range c.Declared.Metrics {
		for _, l := range m.Labels {
			for _, value := range l.Values {
				names = append(names, nameOfValue(m, l, value))
			}
		}
	}
	return names
}
