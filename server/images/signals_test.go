package images_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/server/images"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

func TestEachUseOfTheStoreLeavesASpanAndASample(t *testing.T) {
	hash := strings.Repeat("a", 32)
	keep := func(ctx context.Context, pictures *images.Store) {
		_ = pictures.Keep(ctx, images.Image{Hash: hash, Files: map[int][]byte{320: {1}}})
	}
	read := func(ctx context.Context, pictures *images.Store) { _, _ = pictures.Read(ctx, hash, 320) }
	remove := func(ctx context.Context, pictures *images.Store) { _ = pictures.Delete(ctx, hash) }
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, stop := context.WithDeadline(t.Context(), time.Now())
	t.Cleanup(stop)
	cloud := startS3(t).url
	folder := filepath.Join(t.TempDir(), "images")
	spoil := func(context.Context, *images.Store) {
		require.NoError(t, os.RemoveAll(folder))
		require.NoError(t, os.WriteFile(folder, nil, 0o600))
	}

	type step = func(context.Context, *images.Store)
	for name, c := range map[string]struct {
		url    string
		before step
		during context.Context //nolint:containedctx // of the table
		use    step
		want   []string // operation, and category of the error
		failed bool
	}{
		"an image that is kept":       {url: "mem://", use: keep, want: []string{"exists ", "put "}},
		"an image that is there":      {url: "mem://", before: keep, use: keep, want: []string{"exists "}},
		"an image that is read":       {url: cloud, before: keep, use: read, want: []string{"get "}},
		"an image that is not there":  {url: "mem://", use: read, want: []string{"get not_found"}},
		"an image that is taken away": {url: "mem://", before: keep, use: remove, want: []string{"delete ", "delete not_found", "delete not_found"}},
		"a folder that is none":       {url: "file://" + folder, before: spoil, use: read, want: []string{"get dependency"}, failed: true},
		"somebody who does not wait":  {url: cloud, during: canceled, use: read, want: []string{"get canceled"}},
		"a cloud that takes too long": {url: cloud, during: late, use: read, want: []string{"get timeout"}, failed: true},
	} {
		t.Run(name, func(t *testing.T) {
			collector := telemetrytest.NewCollector(t)
			tel, err := telemetry.Start(telemetry.Config{Service: "test", OTLPEndpoint: collector.Addr, OTLPInsecure: true, SampleRatio: 1})
			require.NoError(t, err)
			pictures, err := images.Open(t.Context(), c.url, tel)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, pictures.Close()) })
			if c.before != nil {
				c.before(telemetry.Unrecorded(t.Context()), pictures)
			}
			before := uses(t, tel)
			if c.during == nil {
				c.during = t.Context()
			}
			c.use(c.during, pictures)

			expected := uses(t, tel)
			for use := range before {
				expected[use] -= before[use]
			}
			require.NoError(t, tel.Shutdown(t.Context()))
			var seen []string
			for _, span := range collector.Spans() {
				use := telemetrytest.Attribute(span, "image.store.operation") + " " + telemetrytest.Attribute(span, "error.type")
				seen = append(seen, use)
				expected[use]--
				require.Equal(t, "images "+telemetrytest.Attribute(span, "image.store.operation"), span.GetName())
				require.Equal(t, tracepb.Span_SPAN_KIND_CLIENT, span.GetKind())
				require.Equal(t, strings.Split(c.url, ":")[0], telemetrytest.Attribute(span, "image.store.system"))
				require.Regexp(t, "^"+hash+`-\d+\.jpg$`, telemetrytest.Attribute(span, "image.file"))
				require.Equal(t, c.failed, span.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR)
			}
			require.Equal(t, c.want, seen)
			for use, difference := range expected {
				require.Zero(t, difference, "samples and spans of %q are as many", use)
			}
		})
	}
}

var sample = regexp.MustCompile(`market_image_store_operation_duration_seconds_count\{error_type="(.*)",operation="(.*)"\} (\d+)`)

// uses counts the samples by operation and category of the error.
func uses(t *testing.T, tel *telemetry.Telemetry) map[string]int {
	t.Helper()
	page := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	counts := map[string]int{}
	for _, found := range sample.FindAllStringSubmatch(page.Body.String(), -1) {
		n, err := strconv.Atoi(found[3])
		require.NoError(t, err)
		counts[found[2]+" "+found[1]] = n
	}
	return counts
}
