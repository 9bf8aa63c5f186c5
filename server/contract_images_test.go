package main_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// photographs gives a product one and takes it away again; the job then deletes it.
func photographs(t *testing.T, contract *telemetrytest.Contract) {
	c := newPayingTest(t, storetest.SQLite(t))
	folder := filepath.Join(t.TempDir(), "images")
	o := observe(t, contract, append(c.settings(), "TRACE_SAMPLE_RATIO=1", "FORGET_INTERVAL=50ms", "IMAGES_URL=file://"+folder)...)
	token := o.seller()
	product := o.product(token)

	var photograph bytes.Buffer
	require.NoError(t, png.Encode(&photograph, image.NewRGBA(image.Rect(0, 0, 100, 100))))
	shown := o.send(http.MethodPut, "/api/v1/products/"+product+"/image", token, photograph.String()).Image.Small
	status, _ := o.get(shown)
	require.Equal(t, http.StatusOK, status)
	status, _ = o.get("/images/" + strings.Repeat("0", 32) + "-320.jpg")
	require.Equal(t, http.StatusNotFound, status)

	o.wants(http.StatusUnsupportedMediaType, http.MethodPut, "/api/v1/products/"+product+"/image", token, "no photograph")

	o.send(http.MethodDelete, "/api/v1/products/"+product+"/image", token, "")
	c.open(func(s *store.Store) {
		_, err := s.DB().ExecContext(t.Context(), "UPDATE images SET touched_at = ?", time.Now().Add(-48*time.Hour))
		require.NoError(t, err)
	})
	o.untilSpan(func(span *tracepb.Span) bool { return span.GetName() == "images delete" }, func() {})

	require.NoError(t, os.RemoveAll(folder))
	require.NoError(t, os.WriteFile(folder, nil, 0o600))
	o.wants(http.StatusServiceUnavailable, http.MethodPut, "/api/v1/products/"+product+"/image", token, photograph.String())
	o.end()
}

// aPhotographThatTakesTooLong is given up, with the request.
func aPhotographThatTakesTooLong(t *testing.T, contract *telemetrytest.Contract) {
	c := newPayingTest(t, storetest.SQLite(t))
	o := observe(t, contract, c.settings()...)
	token := o.seller()
	product := o.product(token)
	o.end()

	var photograph bytes.Buffer
	require.NoError(t, png.Encode(&photograph, image.NewGray(image.Rect(0, 0, 5000, 4500)))) // it takes half a second
	hurried := observe(t, contract, append(c.settings(), "REQUEST_TIMEOUT=50ms")...)
	hurried.untilCounted(`market_image_uploads_total{outcome="abandoned"}`, func() {
		hurried.wants(http.StatusGatewayTimeout, http.MethodPut, "/api/v1/products/"+product+"/image", token, photograph.String())
	})
	hurried.end()
}

// product puts a new one on a new farm, and returns its id.
func (o *observed) product(token string) string {
	o.t.Helper()
	farm := o.send(http.MethodPost, "/api/v1/farms", token, newFarm).ID
	return o.send(http.MethodPost, "/api/v1/products", token, `{"farm_id":"`+farm+`","name":"Carrots","description":"","category":"vegetables",`+
		`"season":[6,7],"unit":{"kind":"item","size":1,"label":"bunch"},"price":{"amount":250,"currency":"EUR"}}`).ID
}

const newFarm = `{"name":"Test Farm","description":"","place":"Sligo","region":"Sligo","country":"IE"}`

// seller registers somebody who may open a farm, and returns the token.
func (o *observed) seller() string {
	o.t.Helper()
	const seller = `"email":"seller@example.org","password":"hazel-Sunday-medlar"`
	o.send(http.MethodPost, "/api/v1/auth/register", "", `{`+seller+`,"name":"Seller","role":"farm_owner"}`)
	return o.send(http.MethodPost, "/api/v1/auth/login", "", `{`+seller+`}`).AccessToken
}

// resource is what the scenes need to know of an answer.
type resource struct {
	ID           string `json:"id"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	Image        struct {
		Small string `json:"small"`
	} `json:"image"`
}

// send asks the API as who has the token, and wants it to be done.
func (o *observed) send(method, path, token, body string) resource {
	o.t.Helper()
	status, content := o.request(method, path, token, body)
	require.Less(o.t, status, 300, "%s", content)
	var answer struct {
		Data resource `json:"data"`
	}
	if len(content) > 0 {
		require.NoError(o.t, json.Unmarshal(content, &answer), "%s", content)
	}
	return answer.Data
}

// wants asks the API as who has the token, and wants it to be answered so.
func (o *observed) wants(want int, method, path, token, body string) {
	o.t.Helper()
	status, content := o.request(method, path, token, body)
	require.Equal(o.t, want, status, "%s", content)
}

func (o *observed) request(method, path, token, body string) (status int, content []byte) {
	o.t.Helper()
	request, err := http.NewRequestWithContext(o.t.Context(), method, o.api+path, strings.NewReader(body))
	require.NoError(o.t, err)
	if strings.HasPrefix(body, "{") {
		request.Header.Set("Content-Type", "application/json")
	} else {
		request.Header.Set("Content-Type", "image/png")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(o.t, err)
	defer response.Body.Close()
	content, err = io.ReadAll(response.Body)
	require.NoError(o.t, err)
	return response.StatusCode, content
}
