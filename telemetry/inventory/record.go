package inventory

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// maxExposition bounds what is read of a metrics page, in bytes.
const maxExposition = 64 << 20

// Record scrapes the metrics page at url and returns what it exposes, without what the catalogue declares.
func Record(ctx context.Context, client *http.Client, job, url string) (Program, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return Program{}, fmt.Errorf("record %s: %w", job, err)
	}
	request.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	response, err := client.Do(request)
	if err != nil {
		return Program{}, fmt.Errorf("record %s: %w; is it running?", job, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return Program{}, fmt.Errorf("record %s: %s answered %s, want 200", job, url, response.Status)
	}
	return Parse(job, io.LimitReader(response.Body, maxExposition))
}

// Parse reads the Prometheus text format.
func Parse(job string, exposition io.Reader) (Program, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(exposition)
	if err != nil {
		return Program{}, fmt.Errorf("record %s: not a metrics page: %w", job, err)
	}
	program := Program{Job: job}
	for _, name := range slices.Sorted(maps.Keys(families)) {
		if declared(job, name) {
			continue
		}
		family := families[name]
		program.Metrics = append(program.Metrics, Metric{
			Name: name, Type: Type(strings.ToLower(family.GetType().String())), Labels: labelsOf(family),
		})
	}
	return program, nil
}

func declared(job, name string) bool {
	return slices.ContainsFunc(catalogue.Programs()[job].Metrics, func(m catalogue.Metric) bool { return m.Name == name })
}

func labelsOf(family *dto.MetricFamily) []string {
	names := map[string]bool{}
	for _, metric := range family.GetMetric() {
		for _, pair := range metric.GetLabel() {
			names[pair.GetName()] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
