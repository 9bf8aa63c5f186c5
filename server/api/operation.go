package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// operation describes an operation. Besides the given statuses it may answer 503 and 504, when the database does not.
func operation(method, id, path, summary, tag string, errors ...int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag},
		Errors: append(errors, http.StatusServiceUnavailable, http.StatusGatewayTimeout),
	}
}

// createOperation describes an operation that makes something new, and answers 201.
func createOperation(id, path, summary, tag string, errors ...int) huma.Operation {
	op := operation(http.MethodPost, id, path, summary, tag, errors...)
	op.DefaultStatus = http.StatusCreated
	return op
}
