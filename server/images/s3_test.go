package images_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/images"
	"github.com/farmersmarket/platform/server/market"
)

// s3 is a server that speaks S3's protocol, and takes signed requests of our key only.
type s3 struct {
	url     string // of the bucket, for IMAGES_URL
	backend *s3mem.Backend
	away    atomic.Bool
}

const bucketName = "market-images"

func startS3(t *testing.T) *s3 {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	s := &s3{backend: s3mem.New()}
	require.NoError(t, s.backend.CreateBucket(bucketName))
	protocol := gofakes3.New(s.backend, gofakes3.WithIntegrityCheck(true)).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed := strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIATEST/") &&
			strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/s3/aws4_request")
		switch {
		case s.away.Load():
			http.Error(w, "away", http.StatusServiceUnavailable)
		case !signed:
			http.Error(w, "AccessDenied", http.StatusForbidden)
		default:
			protocol.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	s.url = "s3://" + bucketName + "?region=eu-west-1&use_path_style=true&endpoint=" + url.QueryEscape(server.URL)
	return s
}

func TestImagesAreKeptInS3(t *testing.T) {
	s := startS3(t)
	pictures, err := images.Open(t.Context(), s.url, newTelemetry(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pictures.Close()) })
	require.NoError(t, pictures.Probe(t.Context()))

	image, err := newIntake(t).Take(t.Context(), asPNG(t, picture(300, 200)))
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, pictures.Keep(t.Context(), image))
	}
	for width, file := range image.Files {
		content, err := pictures.Read(t.Context(), image.Hash, width)
		require.NoError(t, err)
		require.Equal(t, file, content)
		object, err := s.backend.HeadObject(bucketName, images.FileName(image.Hash, width))
		require.NoError(t, err)
		require.Equal(t, "image/jpeg", object.Metadata["Content-Type"])
	}
	_, err = pictures.Read(t.Context(), strings.Repeat("0", 32), 320)
	require.ErrorIs(t, err, market.ErrNotFound)

	for range 2 {
		require.NoError(t, pictures.Delete(t.Context(), image.Hash))
	}
	_, err = pictures.Read(t.Context(), image.Hash, 320)
	require.ErrorIs(t, err, market.ErrNotFound)
}

func TestAnS3ThatCannotBeUsedSaysSo(t *testing.T) {
	s := startS3(t)
	image := images.Image{Hash: strings.Repeat("a", 32), Files: map[int][]byte{320: {1}}}
	for name, c := range map[string]struct {
		url  string
		away bool
	}{
		"a bucket that there is not":      {url: strings.Replace(s.url, bucketName, "another", 1)},
		"a server that is away":           {url: s.url, away: true},
		"a region that is not its own":    {url: strings.Replace(s.url, "eu-west-1", "us-east-1", 1)},
		"an address where nobody listens": {url: "s3://" + bucketName + "?region=eu-west-1&use_path_style=true&endpoint=http://127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			s.away.Store(c.away)
			pictures, err := images.Open(t.Context(), c.url, newTelemetry(t))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, pictures.Close()) })
			require.Error(t, pictures.Probe(t.Context()), "the health check shows it")
			err = pictures.Keep(t.Context(), image)
			require.Error(t, err)
			require.True(t, errors.Is(err, market.ErrUnavailable) || errors.Is(err, market.ErrTimeout), err.Error())
		})
	}
}
