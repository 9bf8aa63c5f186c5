package api_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
)

// loadDocument reads the API's OpenAPI document as a client's tools do.
func loadDocument(t *testing.T) *openapi3.T {
	t.Helper()
	raw, err := api.OpenAPI()
	require.NoError(t, err)
	document, err := openapi3.NewLoader().LoadFromData(raw)
	require.NoError(t, err)
	return document
}

// operation is one operation of the document, with where it is.
type operation struct {
	*openapi3.Operation

	method, path string
}

func (o operation) String() string { return o.method + " " + o.path }

// operationsOf returns all operations in a fixed order.
func operationsOf(document *openapi3.T) []operation {
	var all []operation
	for path, item := range document.Paths.Map() {
		for method, op := range item.Operations() {
			all = append(all, operation{Operation: op, method: method, path: path})
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.String(), b.String()) })
	return all
}

func TestTheDocumentIsValidOpenAPI31(t *testing.T) {
	document := loadDocument(t)
	require.True(t, strings.HasPrefix(document.OpenAPI, "3.1."), document.OpenAPI)
	require.NoError(t, document.Validate(context.WithoutCancel(t.Context())))
}

// eachOperation checks every operation, and tells all that fail at once.
func eachOperation(t *testing.T, check func(op operation) []string) {
	t.Helper()
	var problems []string
	for _, op := range operationsOf(loadDocument(t)) {
		for _, problem := range check(op) {
			problems = append(problems, op.String()+": "+problem)
		}
	}
	require.Empty(t, problems, strings.Join(problems, "\n"))
}

func TestEveryOperationIsNamedAndDescribed(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[string]string{}
	eachOperation(t, func(op operation) (problems []string) {
		if !name.MatchString(op.OperationID) {
			problems = append(problems, fmt.Sprintf("operationId %q is not words with hyphens", op.OperationID))
		}
		if other := seen[op.OperationID]; other != "" {
			problems = append(problems, "has the operationId of "+other)
		}
		seen[op.OperationID] = op.String()
		if op.Summary == "" || strings.HasSuffix(op.Summary, ".") {
			problems = append(problems, fmt.Sprintf("summary %q is not a phrase", op.Summary))
		}
		if len(op.Tags) != 1 {
			problems = append(problems, fmt.Sprintf("has tags %v, not one", op.Tags))
		}
		return problems
	})
}

func TestWhatNeedsAnAccountSaysSo(t *testing.T) {
	scheme := loadDocument(t).Components.SecuritySchemes["bearer"]
	require.NotNil(t, scheme)
	require.Equal(t, "http", scheme.Value.Type)
	eachOperation(t, func(op operation) (problems []string) {
		secured := op.Security != nil && len(*op.Security) > 0
		if _, ruled := op.Extensions["x-access"]; ruled != secured {
			problems = append(problems, "x-access and security disagree")
		}
		if refusesStrangers := op.Responses.Status(http.StatusForbidden) != nil; refusesStrangers != secured {
			problems = append(problems, "403 and security disagree")
		}
		return problems
	})
}

func TestEveryErrorIsDocumentedAsAProblem(t *testing.T) {
	eachOperation(t, func(op operation) (problems []string) {
		if op.Responses.Default() != nil {
			problems = append(problems, "has a default response, which says nothing")
		}
		if op.Responses.Status(http.StatusInternalServerError) == nil {
			problems = append(problems, "does not document 500")
		}
		if op.RequestBody != nil {
			for _, status := range []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType} {
				if op.Responses.Status(status) == nil {
					problems = append(problems, fmt.Sprintf("takes a body and does not document %d", status))
				}
			}
		}
		for code, response := range op.Responses.Map() {
			status, err := strconv.Atoi(code)
			isProbe := op.Tags[0] == "Health" && status == http.StatusServiceUnavailable // answers with what is down
			if err != nil || status < 400 || isProbe {
				continue
			}
			content := response.Value.Content
			if len(content) != 1 || content["application/problem+json"] == nil ||
				content["application/problem+json"].Schema.Ref != "#/components/schemas/Problem" {
				problems = append(problems, code+" is not a Problem")
			}
		}
		return problems
	})
}

func TestEveryValueHasAnExample(t *testing.T) {
	document := loadDocument(t)
	var missing []string
	for _, op := range operationsOf(document) {
		for _, p := range op.Parameters {
			// Swagger UI sends what is an example here, and a cursor is good for one list only.
			if p.Value.Name != "cursor" && p.Value.Example == nil && needsExample(p.Value.Schema.Value) {
				missing = append(missing, op.String()+" "+p.Value.In+"."+p.Value.Name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(document.Components.Schemas)) {
		if name == "ErrorDetail" { // Huma's own
			continue
		}
		properties := document.Components.Schemas[name].Value.Properties
		for _, field := range slices.Sorted(maps.Keys(properties)) {
			if needsExample(properties[field].Value) {
				missing = append(missing, name+"."+field)
			}
		}
	}
	require.Empty(t, missing, strings.Join(missing, "\n"))
}

// needsExample says whether the schema alone does not tell what a value looks like.
func needsExample(schema *openapi3.Schema) bool {
	scalar := schema.Type != nil && !schema.Type.Includes("object") && !schema.Type.Includes("array") && !schema.Type.Includes("boolean")
	return scalar && len(schema.Examples) == 0 && schema.Example == nil && len(schema.Enum) == 0 && schema.Default == nil
}

func TestNoListAsksForUniqueItems(t *testing.T) {
	raw, err := api.OpenAPI()
	require.NoError(t, err)
	require.NotContains(t, string(raw), "uniqueItems", "Huma's check of it panics when an item is a list or an object")
}
