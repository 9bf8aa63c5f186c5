package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
)

// collection is a Postman collection of format 2.1: https://schema.postman.com/json/collection/v2.1.0/collection.json.
type collection struct {
	Info     info       `json:"info"`
	Auth     *auth      `json:"auth"`
	Variable []variable `json:"variable"`
	Item     []folder   `json:"item"`
}

type info struct {
	ID          string `json:"_postman_id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Version     string `json:"version"`
	Schema      string `json:"schema"`
}

type auth struct {
	Type   string     `json:"type"`
	Bearer []variable `json:"bearer,omitempty"`
}

type variable struct {
	Key         string `json:"key"`
	Value       string `json:"value"`
	Type        string `json:"type,omitempty"`
	Description string `json:"description,omitempty"`
	Disabled    bool   `json:"disabled,omitempty"`
}

type folder struct {
	Name string `json:"name"`
	Item []item `json:"item"`
}

type item struct {
	Name    string  `json:"name"`
	Event   []event `json:"event,omitempty"`
	Request request `json:"request"`
}

type event struct {
	Listen string `json:"listen"`
	Script script `json:"script"`
}

type script struct {
	Type string   `json:"type"`
	Exec []string `json:"exec"`
}

type request struct {
	Method      string     `json:"method"`
	Description string     `json:"description"`
	Auth        *auth      `json:"auth,omitempty"`
	Header      []variable `json:"header"`
	URL         address    `json:"url"`
	Body        *body      `json:"body,omitempty"`
}

type address struct {
	Raw      string     `json:"raw"`
	Host     []string   `json:"host"`
	Path     []string   `json:"path"`
	Query    []variable `json:"query,omitempty"`
	Variable []variable `json:"variable,omitempty"`
}

type body struct {
	Mode    string         `json:"mode"`
	Raw     string         `json:"raw"`
	Options map[string]any `json:"options"`
}

// postman makes the collection: one folder for each tag, one request for each operation.
func postman(_ context.Context, source, _ string) (file, error) {
	document, err := openapi3.NewLoader().LoadFromFile(source)
	if err != nil {
		return file{}, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	var content bytes.Buffer
	encoder := json.NewEncoder(&content)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(collectionOf(document)); err != nil {
		return file{}, fmt.Errorf("write the Postman collection: %w", err)
	}
	return file{path: "sdk/postman/farmers-market.postman_collection.json", content: content.Bytes()}, nil
}

func collectionOf(document *openapi3.T) collection {
	c := collection{
		Info: info{
			ID:   uuid.NewSHA1(uuid.NameSpaceURL, []byte(document.Info.Title)).String(), // the same each time
			Name: document.Info.Title, Version: document.Info.Version,
			Description: document.Info.Description + " Set baseUrl; Log in sets token.",
			Schema:      "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
		},
		Auth: &auth{Type: "bearer", Bearer: []variable{{Key: "token", Value: "{{token}}", Type: "string"}}},
		Variable: []variable{
			{Key: "baseUrl", Value: "http://localhost:8080", Type: "string"}, {Key: "token", Value: "", Type: "string"},
		},
	}
	byTag := map[string][]item{}
	for _, path := range slices.Sorted(maps.Keys(document.Paths.Map())) {
		operations := document.Paths.Value(path).Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			op := operations[method]
			tag := "Other"
			if len(op.Tags) > 0 {
				tag = op.Tags[0]
			}
			byTag[tag] = append(byTag[tag], itemOf(method, path, op))
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(byTag)) {
		c.Item = append(c.Item, folder{Name: tag, Item: byTag[tag]})
	}
	return c
}

func itemOf(method, path string, op *openapi3.Operation) item {
	one := item{Name: op.Summary, Request: request{
		Method: method, Description: cmp.Or(op.Description, op.Summary), Header: []variable{}, URL: address{Host: []string{"{{baseUrl}}"}},
	}}
	if op.Security == nil || len(*op.Security) == 0 {
		one.Request.Auth = &auth{Type: "noauth"}
	}
	for segment := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		one.Request.URL.Path = append(one.Request.URL.Path, postmanSegment(segment))
	}
	for _, p := range op.Parameters {
		one.Request.add(p.Value)
	}
	one.Request.URL.Raw = rawURL(one.Request.URL)
	if op.RequestBody != nil {
		one.Request.setBody(op.RequestBody.Value)
	}
	if answersWithToken(op) {
		one.Event = []event{{Listen: "test", Script: script{Type: "text/javascript", Exec: []string{
			`if (pm.response.code === 200) { pm.collectionVariables.set("token", pm.response.json().data.access_token); }`,
		}}}}
	}
	return one
}

// postmanSegment writes {id} as :id. A segment that has more than the parameter keeps it as a variable of Postman's.
func postmanSegment(segment string) string {
	if strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") {
		return ":" + strings.Trim(segment, "{}")
	}
	return strings.NewReplacer("{", "{{", "}", "}}").Replace(segment)
}

func (r *request) add(p *openapi3.Parameter) {
	value := variable{Key: p.Name, Value: exampleText(p), Description: p.Description}
	switch p.In {
	case openapi3.ParameterInPath:
		r.URL.Variable = append(r.URL.Variable, value)
	case openapi3.ParameterInQuery:
		value.Disabled = !p.Required
		r.URL.Query = append(r.URL.Query, value)
	case openapi3.ParameterInHeader:
		value.Disabled = !p.Required
		if p.Name == "Idempotency-Key" {
			value.Value = "{{$guid}}" // a new one for each request that is sent
		}
		r.Header = append(r.Header, value)
	}
}

// setBody takes the first content type: JSON where there is a choice, because of the alphabet.
func (r *request) setBody(described *openapi3.RequestBody) {
	contentType := slices.Sorted(maps.Keys(described.Content))[0]
	r.Header = append(r.Header, variable{Key: "Content-Type", Value: contentType})
	schema := described.Content[contentType].Schema
	if !strings.Contains(contentType, "json") || schema == nil {
		return
	}
	raw, err := json.MarshalIndent(example(schema.Value, 0), "", "  ")
	if err != nil {
		raw = []byte("{}") // an example that came out of JSON goes into it again
	}
	r.Body = &body{Mode: "raw", Raw: string(raw), Options: map[string]any{"raw": map[string]any{"language": "json"}}}
}

// rawURL has what is sent unless somebody changes it: the required parameters.
func rawURL(u address) string {
	raw := u.Host[0] + "/" + strings.Join(u.Path, "/")
	var query []string
	for _, q := range u.Query {
		if !q.Disabled {
			query = append(query, q.Key+"="+q.Value)
		}
	}
	if len(query) == 0 {
		return raw
	}
	return raw + "?" + strings.Join(query, "&")
}

// answersWithToken says whether a successful answer has an access token.
func answersWithToken(op *openapi3.Operation) bool {
	ok := op.Responses.Status(200) //nolint:mnd // OK
	if ok == nil || ok.Value.Content["application/json"] == nil {
		return false
	}
	data := ok.Value.Content["application/json"].Schema.Value.Properties["data"]
	return data != nil && data.Value.Properties["access_token"] != nil
}

func exampleText(p *openapi3.Parameter) string {
	value := p.Example
	if value == nil {
		value = example(p.Schema.Value, 0)
	}
	return fmt.Sprint(value)
}

// example makes a value of the schema from the examples in it.
func example(schema *openapi3.Schema, depth int) any {
	const deepest = 8
	switch {
	case len(schema.Examples) > 0:
		return schema.Examples[0]
	case schema.Example != nil:
		return schema.Example
	case schema.Default != nil:
		return schema.Default
	case len(schema.Enum) > 0:
		return schema.Enum[0]
	case depth > deepest || schema.Type == nil:
		return nil
	case schema.Type.Includes("array"):
		return []any{example(schema.Items.Value, depth+1)}
	case schema.Type.Includes("object"):
		object := map[string]any{}
		for name, property := range schema.Properties {
			object[name] = example(property.Value, depth+1)
		}
		return object
	case schema.Type.Includes("integer"), schema.Type.Includes("number"):
		return 1
	case schema.Type.Includes("boolean"):
		return true
	}
	return ""
}
