package telemetry

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whoever asks, and for whatever, must be answered as by promhttp.
func TestMetricsAreExposedByteForByteAsPromhttpDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		registry := prometheus.NewPedanticRegistry()
		drawMetrics(t, registry)
		e := newExposition(registry, slog.New(slog.DiscardHandler))
		ask := func(handler http.Handler, accept, encoding string) (string, []byte) {
			r := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
			r.Header.Set("Accept", accept)
			r.Header.Set("Accept-Encoding", encoding)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			body := io.Reader(w.Body)
			if w.Header().Get("Content-Encoding") == "gzip" {
				compressed, err := gzip.NewReader(w.Body)
				require.NoError(t, err)
				body = compressed
			}
			text, err := io.ReadAll(body)
			require.NoError(t, err)
			return w.Header().Get("Content-Type") + w.Header().Get("Content-Encoding"), text
		}
		accept := rapid.SampledFrom([]string{
			"", "text/plain", "application/openmetrics-text", "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1",
		}).Draw(t, "accept")
		encoding := rapid.SampledFrom([]string{"", "gzip", "identity", "br, gzip"}).Draw(t, "encoding")
		wantType, want := ask(e.others, accept, encoding)
		gotType, got := ask(e, accept, encoding)
		require.Equal(t, wantType, gotType)
		require.True(t, bytes.Equal(want, got), "promhttp says\n%s\nand we say\n%s", want, got)
	})
}

func drawMetrics(t *rapid.T, registry *prometheus.Registry) {
	value := rapid.StringMatching(`[a-z"\\ \n{}]{0,8}`)
	number := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, 1, -1, 2, 1e21, math.Inf(1), math.Inf(-1), math.NaN()}))
	labels := rapid.SampledFrom([][]string{nil, {"a"}, {"a", "b"}}).Draw(t, "labels")
	draw := func() (values []string) {
		for range labels {
			values = append(values, value.Draw(t, "value"))
		}
		return values
	}
	histogram := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "b_seconds", Help: value.Draw(t, "help"), Buckets: []float64{0.005, 1, 2.5, 100},
	}, labels)
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "a_total", Help: value.Draw(t, "help")}, labels)
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "c", Help: value.Draw(t, "help")}, labels)
	registry.MustRegister(histogram, counter, gauge)
	for range rapid.IntRange(0, 5).Draw(t, "observations") {
		counter.WithLabelValues(draw()...).Inc()
		gauge.WithLabelValues(draw()...).Set(number.Draw(t, "gauge"))
		if observer := histogram.WithLabelValues(draw()...); rapid.Bool().Draw(t, "exemplar") {
			observer.(prometheus.ExemplarObserver).ObserveWithExemplar(number.Draw(t, "observed"), prometheus.Labels{"trace_id": value.Draw(t, "id"), "span_id": "b"})
		} else {
			observer.Observe(number.Draw(t, "observed"))
		}
	}
}
