package api

import (
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// documentBodyErrors adds what every operation that takes a body may answer with: 400 when it is not JSON, 413 when it
// is too large, 415 when it is of another type or has a Content-Encoding.
func documentBodyErrors(_ *huma.OpenAPI, op *huma.Operation) {
	if op.RequestBody == nil {
		return
	}
	example := op.Responses[strconv.Itoa(http.StatusInternalServerError)]
	for _, status := range []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType} {
		code := strconv.Itoa(status)
		if op.Responses[code] == nil && example != nil {
			op.Responses[code] = &huma.Response{Description: http.StatusText(status), Content: example.Content}
		}
	}
}
