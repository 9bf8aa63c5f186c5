package images_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/images"
	"github.com/farmersmarket/platform/server/market"
)

const (
	azureAccount   = "market"
	azureContainer = "market-images"
)

// azureKey is that of the environment. It is read once in a process, so every test has the same.
var azureKey = []byte("an account key that nobody guesses")

// azure speaks as much of the Blob service's REST protocol as a store of images needs, and takes requests only that are
// signed with the account's key, as "Authorize with Shared Key" in its documentation says.
type azure struct {
	url  string // of the container, for IMAGES_URL
	key  []byte
	away atomic.Bool

	mu    sync.Mutex
	blobs map[string]azureBlob // by name
}

type azureBlob struct {
	content                   []byte
	contentType, cacheControl string
}

func startAzure(t *testing.T, key []byte) *azure {
	t.Helper()
	t.Setenv("AZURE_STORAGE_ACCOUNT", azureAccount)
	t.Setenv("AZURE_STORAGE_KEY", base64.StdEncoding.EncodeToString(azureKey))
	a := &azure{key: key, blobs: map[string]azureBlob{}}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	// An address of this host is taken for one with the account in its path, as an emulator has it.
	a.url = "azblob://" + azureContainer + "?protocol=http&domain=" + url.QueryEscape(strings.TrimPrefix(server.URL, "http://"))
	return a
}

// ServeHTTP implements http.Handler.
func (a *azure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, inContainer := strings.CutPrefix(r.URL.Path, "/"+azureAccount+"/"+azureContainer)
	name, isBlob := strings.CutPrefix(rest, "/")
	switch {
	case a.away.Load():
		refuseAzure(w, http.StatusServiceUnavailable, "ServerBusy")
	case !a.signed(r):
		refuseAzure(w, http.StatusForbidden, "AuthenticationFailed")
	case r.Header.Get("X-Ms-Version") == "":
		refuseAzure(w, http.StatusBadRequest, "MissingRequiredHeader")
	case !inContainer:
		refuseAzure(w, http.StatusNotFound, "ContainerNotFound")
	case isBlob && r.URL.RawQuery == "":
		a.serveBlob(w, r, name)
	case !isBlob && r.Method == http.MethodGet && r.URL.Query().Get("restype") == "container" && r.URL.Query().Get("comp") == "list":
		a.list(w)
	default:
		refuseAzure(w, http.StatusBadRequest, "InvalidUri")
	}
}

func refuseAzure(w http.ResponseWriter, status int, code string) {
	w.Header().Set("X-Ms-Error-Code", code)
	w.WriteHeader(status)
}

// signed checks the signature over the method, the headers, the path and the query.
func (a *azure) signed(r *http.Request) bool {
	date, err := http.ParseTime(r.Header.Get("X-Ms-Date"))
	if err != nil || time.Since(date).Abs() > 15*time.Minute { // so that one that is overheard is of no use for long
		return false
	}
	lines := []string{r.Method, r.Header.Get("Content-Encoding"), r.Header.Get("Content-Language"), ""}
	if r.ContentLength > 0 {
		lines[3] = strconv.FormatInt(r.ContentLength, 10)
	}
	for _, name := range []string{
		"Content-Md5", "Content-Type", "Date", "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range",
	} {
		lines = append(lines, r.Header.Get(name))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if strings.HasPrefix(name, "X-Ms-") {
			lines = append(lines, strings.ToLower(name)+":"+strings.Join(r.Header[name], ","))
		}
	}
	lines = append(lines, "/"+azureAccount+r.URL.EscapedPath())
	for _, name := range slices.Sorted(maps.Keys(r.URL.Query())) {
		lines = append(lines, name+":"+strings.Join(r.URL.Query()[name], ","))
	}
	mac := hmac.New(sha256.New, a.key)
	mac.Write([]byte(strings.Join(lines, "\n")))
	signature := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return hmac.Equal([]byte(r.Header.Get("Authorization")), []byte("SharedKey "+azureAccount+":"+signature))
}

func (a *azure) serveBlob(w http.ResponseWriter, r *http.Request, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.Method == http.MethodPut {
		a.put(w, r, name)
		return
	}
	kept, there := a.blobs[name]
	switch {
	case !there:
		refuseAzure(w, http.StatusNotFound, "BlobNotFound")
	case r.Method == http.MethodDelete:
		delete(a.blobs, name)
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		now := time.Now().UTC().Format(http.TimeFormat)
		for header, value := range map[string]string{
			"Content-Type": kept.contentType, "Cache-Control": kept.cacheControl, "Content-Length": strconv.Itoa(len(kept.content)),
			"Last-Modified": now, "X-Ms-Creation-Time": now, "X-Ms-Blob-Type": "BlockBlob", "ETag": `"0x1"`,
		} {
			w.Header().Set(header, value)
		}
		if r.Method == http.MethodGet {
			_, _ = w.Write(kept.content) // a client that goes away has no need of it
		}
	default:
		refuseAzure(w, http.StatusMethodNotAllowed, "UnsupportedHttpVerb")
	}
}

// put takes a blob in one piece.
func (a *azure) put(w http.ResponseWriter, r *http.Request, name string) {
	content, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("X-Ms-Blob-Type") != "BlockBlob" {
		refuseAzure(w, http.StatusBadRequest, "MissingRequiredHeader")
		return
	}
	a.blobs[name] = azureBlob{content, r.Header.Get("X-Ms-Blob-Content-Type"), r.Header.Get("X-Ms-Blob-Cache-Control")}
	w.WriteHeader(http.StatusCreated)
}

// list answers a page with the first blob, which is all that the health check asks for.
func (a *azure) list(w http.ResponseWriter) {
	type properties struct {
		Modified string `xml:"Last-Modified"`
		Length   int    `xml:"Content-Length"`
	}
	type item struct {
		Name       string
		Properties properties
	}
	page := struct {
		XMLName       xml.Name `xml:"EnumerationResults"`
		ContainerName string   `xml:",attr"`
		Blobs         struct{ Blob []item }
		NextMarker    string
	}{ContainerName: azureContainer}
	a.mu.Lock()
	defer a.mu.Unlock()
	if names := slices.Sorted(maps.Keys(a.blobs)); len(names) > 0 {
		page.Blobs.Blob = []item{{names[0], properties{time.Now().UTC().Format(http.TimeFormat), len(a.blobs[names[0]].content)}}}
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(page)
}

func (a *azure) open(t *testing.T, storeURL string) *images.Store {
	t.Helper()
	pictures, err := images.Open(t.Context(), storeURL, newTelemetry(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pictures.Close()) })
	return pictures
}

func TestImagesAreKeptInAzure(t *testing.T) {
	a := startAzure(t, azureKey)
	pictures := a.open(t, a.url)
	require.NoError(t, pictures.Probe(t.Context()), "an empty container is in order")
	image, err := newIntake(t).Take(t.Context(), asPNG(t, picture(300, 200)))
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, pictures.Keep(t.Context(), image))
	}
	require.NoError(t, pictures.Probe(t.Context()))
	for width, file := range image.Files {
		content, err := pictures.Read(t.Context(), image.Hash, width)
		require.NoError(t, err)
		require.Equal(t, file, content)
		kept := a.blobs[images.FileName(image.Hash, width)]
		require.Equal(t, azureBlob{file, "image/jpeg", "public, max-age=31536000, immutable"}, kept)
	}
	_, err = pictures.Read(t.Context(), strings.Repeat("0", 32), 320)
	require.ErrorIs(t, err, market.ErrNotFound)

	for range 2 {
		require.NoError(t, pictures.Delete(t.Context(), image.Hash))
	}
	require.Empty(t, a.blobs)
	_, err = pictures.Read(t.Context(), image.Hash, 320)
	require.ErrorIs(t, err, market.ErrNotFound)
}

func TestAnAzureThatCannotBeUsedSaysSo(t *testing.T) {
	image := images.Image{Hash: strings.Repeat("a", 32), Files: map[int][]byte{320: {1}}}
	for name, c := range map[string]struct {
		key  []byte
		url  func(string) string
		away bool
	}{
		"a container that there is not":            {key: azureKey, url: func(u string) string { return strings.Replace(u, azureContainer, "another", 1) }},
		"a service that is away":                   {key: azureKey, away: true},
		"a key that is not the account's any more": {key: []byte("the next key")},
		"an address where nobody listens":          {key: azureKey, url: func(string) string { return "azblob://" + azureContainer + "?protocol=http&domain=127.0.0.1:1" }},
	} {
		t.Run(name, func(t *testing.T) {
			a := startAzure(t, c.key)
			a.away.Store(c.away)
			storeURL := a.url
			if c.url != nil {
				storeURL = c.url(a.url)
			}
			pictures := a.open(t, storeURL)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second) // as the health check has it
			defer cancel()
			require.Error(t, pictures.Probe(ctx), "the health check shows it")
			err := pictures.Keep(t.Context(), image)
			require.Error(t, err)
			require.True(t, errors.Is(err, market.ErrUnavailable) || errors.Is(err, market.ErrTimeout), err.Error())
			require.Empty(t, a.blobs)
		})
	}
}
