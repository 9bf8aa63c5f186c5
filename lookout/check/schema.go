package check

import (
	"maps"
	"path/filepath"
	"slices"

	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/inventory"
)

// Schema is every series that a query may name.
type Schema struct {
	series map[string]series
}

// kind says how a series may be used.
type kind int

const (
	gauge   kind = iota // goes up and down: may be read as it is
	counter             // only grows, and starts over at 0: only its rate or increase says anything
	unknown
)

type series struct {
	kind   kind
	labels labelSet
	values map[string][]string // of the labels whose values are bounded
}

// newSchema knows the catalogue, the inventory, what Prometheus adds by itself, and what the rules record.
func newSchema(root string, sources []expression) (Schema, error) {
	scraped, err := readScrapes(filepath.Join(root, "compose", "prometheus"))
	if err != nil {
		return Schema{}, err
	}
	jobs := scraped.jobs
	programs, err := inventory.Load()
	if err != nil {
		return Schema{}, err
	}
	s := Schema{series: map[string]series{}}
	for _, name := range []string{
		"up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling", "scrape_series_added",
	} {
		s.addScraped(name, gauge, nil, jobs)
	}
	for _, program := range programs {
		for _, m := range program.Metrics {
			for _, name := range m.Series() {
				s.addScraped(name, inventoryKind(m, name), append(m.SeriesLabels(name), scraped.labels[program.Job]...), jobs)
			}
		}
	}
	for job, program := range catalogue.Programs() {
		for _, m := range program.Metrics {
			s.addDeclared(m, scraped.labels[job], jobs)
		}
	}
	s.addAlerts(sources)
	s.addRecorded(sources)
	return s, nil
}

func inventoryKind(m inventory.Metric, name string) kind {
	switch m.Type {
	case inventory.Counter, inventory.Histogram:
		return counter
	case inventory.Summary:
		if name != m.Name {
			return counter
		}
		return gauge
	case inventory.Untyped:
		return unknown
	default:
		return gauge
	}
}

// addScraped adds a series of a target. The same metric may come from several programs with different labels.
func (s Schema) addScraped(name string, k kind, labels, jobs []string) {
	added := series{kind: k, labels: setOf(labels...).with("job", "instance"), values: map[string][]string{"job": jobs}}
	if known, twice := s.series[name]; twice {
		added.labels = added.labels.union(known.labels)
		maps.Copy(added.values, known.values)
	}
	s.series[name] = added
}

func (s Schema) addDeclared(m catalogue.Metric, added, jobs []string) {
	k := gauge
	if m.Type != catalogue.Gauge {
		k = counter
	}
	for _, name := range m.Series() {
		s.addScraped(name, k, append(m.SeriesLabels(name), added...), jobs)
		for _, label := range m.Labels {
			if len(label.Values) > 0 {
				s.series[name].values[label.Name] = label.Values
			}
		}
	}
}

// addAlerts adds the series that Prometheus writes about alerts. They carry the labels of each alert.
func (s Schema) addAlerts(sources []expression) {
	var names []string
	for _, e := range sources {
		if e.rule != nil && e.rule.record == "" {
			names = append(names, e.rule.labels["alertname"])
		}
	}
	alerts := series{kind: gauge, labels: openSet(), values: map[string][]string{"alertname": names}}
	s.series["ALERTS_FOR_STATE"] = alerts
	withState := maps.Clone(alerts.values)
	withState["alertstate"] = []string{"pending", "firing"}
	s.series["ALERTS"] = series{kind: gauge, labels: openSet(), values: withState}
}

// addRecorded adds what the rules record. A rule may use what a later one records, so the labels settle in rounds.
func (s Schema) addRecorded(sources []expression) {
	for settled := false; !settled; {
		settled = true
		for _, e := range sources {
			if e.rule == nil || e.rule.record == "" || e.tree == nil {
				continue
			}
			added := series{kind: gauge, labels: s.labelsOf(e.tree).with(slices.Sorted(maps.Keys(e.rule.labels))...), values: map[string][]string{}}
			for name, value := range e.rule.labels {
				added.values[name] = []string{value}
			}
			if s.merge(e.rule.record, added) {
				settled = false
			}
		}
	}
}

// merge adds to a recorded series what another rule of the same name gives it, and reports whether that changed anything.
func (s Schema) merge(name string, added series) bool {
	known, found := s.series[name]
	if !found {
		s.series[name] = added
		return true
	}
	changed := false
	for _, label := range added.labels.sorted() {
		if !known.labels.names[label] {
			known.labels.names[label] = true
			changed = true
		}
	}
	for label, values := range added.values {
		for _, v := range values {
			if !slices.Contains(known.values[label], v) {
				known.values[label] = append(known.values[label], v)
				changed = true
			}
		}
	}
	// What seemed open may have become known, but not the other way round: the rounds come to an end.
	if known.labels.open && !added.labels.open {
		known.labels.open = false
		changed = true
	}
	s.series[name] = known
	return changed
}

func (s Schema) names() []string { return slices.Sorted(maps.Keys(s.series)) }
