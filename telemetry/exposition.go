package telemetry

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// exposition serves /metrics. What Prometheus asks for, OpenMetrics with its exemplars, is mostly the buckets of
// histograms, and their library writes the same labels again for each: of a thousand routes that takes longer than all
// else. So these are written here, the same byte for byte; whatever else is asked for is left to promhttp.
type exposition struct {
	registry *prometheus.Registry
	others   http.Handler
	logger   *slog.Logger
}

func newExposition(registry *prometheus.Registry, logger *slog.Logger) *exposition {
	return &exposition{registry: registry, logger: logger, others: promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true,
		ErrorLog:          expositionLogger{logger},
	})}
}

// ServeHTTP implements http.Handler.
func (e *exposition) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	format := expfmt.NegotiateIncludingOpenMetrics(r.Header) //nolint:staticcheck // SA1019: promhttp asks it, too
	if format.FormatType() != expfmt.TypeOpenMetrics || r.URL.RawQuery != "" {
		e.others.ServeHTTP(w, r)
		return
	}
	families, err := e.registry.Gather()
	if err != nil { // it says so in the way that Prometheus expects
		e.others.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", string(format))
	if !acceptsGzip(r.Header) {
		err = writeFamilies(w, format, families)
	} else if compressed, levelErr := gzip.NewWriterLevel(w, gzip.BestSpeed); levelErr == nil { // it is one
		w.Header().Set("Content-Encoding", "gzip")
		err = errors.Join(writeFamilies(compressed, format, families), compressed.Close())
	}
	if err != nil {
		expositionLogger{e.logger}.Println(err)
	}
}

// expositionLogger takes what promhttp has to say: mostly that whoever scraped went away.
type expositionLogger struct{ logger *slog.Logger }

// Println implements promhttp.Logger.
func (l expositionLogger) Println(what ...any) {
	l.logger.Warn("metrics were not sent", "error", strings.TrimSpace(fmt.Sprintln(what...)))
}

func acceptsGzip(header http.Header) bool {
	return slices.ContainsFunc(strings.Split(strings.Join(header.Values("Accept-Encoding"), ","), ","), func(encoding string) bool {
		return strings.TrimSpace(encoding) == "gzip" || strings.HasPrefix(strings.TrimSpace(encoding), "gzip;q=1")
	})
}

func writeFamilies(out io.Writer, format expfmt.Format, families []*dto.MetricFamily) error {
	encoder := expfmt.NewEncoder(out, format)
	for _, family := range families {
		if family.GetType() == dto.MetricType_HISTOGRAM {
			if err := writeHistograms(out, family); err != nil {
				return err
			}
			continue
		}
		if err := encoder.Encode(family); err != nil {
			return err
		}
	}
	_, err := expfmt.FinalizeOpenMetrics(out)
	return err
}

// exposureChunk is how many bytes are written at once.
const exposureChunk = 64 << 10

var expositionEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func writeHistograms(out io.Writer, family *dto.MetricFamily) error {
	name := family.GetName()
	b := make([]byte, 0, exposureChunk+16<<10)
	b = append(b, "# HELP "+name+" "+expositionEscapes.Replace(family.GetHelp())+"\n# TYPE "+name+" histogram\n"...)
	for _, metric := range family.GetMetric() {
		b = appendHistogram(b, name, metric)
		if len(b) >= exposureChunk {
			if _, err := out.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	_, err := out.Write(b)
	return err
}

func appendHistogram(b []byte, name string, metric *dto.Metric) []byte {
	var pairs strings.Builder
	for _, label := range metric.GetLabel() {
		pairs.WriteString(label.GetName() + `="` + expositionEscapes.Replace(label.GetValue()) + `",`)
	}
	labels, h := pairs.String(), metric.GetHistogram()
	bucket := func(bound float64, count uint64, exemplar *dto.Exemplar) {
		b = append(append(append(b, name...), "_bucket{"...), labels...)
		b = append(appendFloat(append(b, `le="`...), bound), `"} `...)
		b = append(appendExemplar(strconv.AppendUint(b, count, 10), exemplar), '\n')
	}
	unbounded := false
	for _, known := range h.GetBucket() {
		bucket(known.GetUpperBound(), known.GetCumulativeCount(), known.GetExemplar())
		unbounded = math.IsInf(known.GetUpperBound(), +1)
	}
	if !unbounded {
		bucket(math.Inf(+1), h.GetSampleCount(), nil)
	}
	if labels != "" {
		labels = "{" + strings.TrimSuffix(labels, ",") + "}"
	}
	b = append(append(append(append(b, name...), "_sum"...), labels...), ' ')
	b = append(appendFloat(b, h.GetSampleSum()), '\n')
	b = append(append(append(append(b, name...), "_count"...), labels...), ' ')
	return append(strconv.AppendUint(b, h.GetSampleCount(), 10), '\n')
}

func appendExemplar(b []byte, exemplar *dto.Exemplar) []byte {
	if exemplar == nil {
		return b
	}
	b = append(b, " # {"...)
	for i, label := range exemplar.GetLabel() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, label.GetName()+`="`+expositionEscapes.Replace(label.GetValue())+`"`...)
	}
	b = appendFloat(append(b, "} "...), exemplar.GetValue())
	if at := exemplar.GetTimestamp(); at != nil {
		b = appendFloat(append(b, ' '), float64(at.AsTime().UnixNano())/1e9)
	}
	return b
}

// appendFloat writes a number that is no integer, or looks like none.
func appendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsInf(f, +1):
		return append(b, "+Inf"...)
	case f == 0: // also when it is negative
		return append(b, "0.0"...)
	}
	start := len(b)
	b = strconv.AppendFloat(b, f, 'g', -1, 64)
	if !math.IsNaN(f) && !math.IsInf(f, -1) && !strings.ContainsAny(string(b[start:]), "e.") {
		b = append(b, ".0"...)
	}
	return b
}
