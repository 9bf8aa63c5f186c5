// Package postman has the tests of the Postman collection, which is beside it.
package postman

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// collection is what the format's schema requires of a collection, and what we promise beside it.
type collection struct {
	Info struct {
		Name   string `json:"name"`
		Schema string `json:"schema"`
	} `json:"info"`
	Variable []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	} `json:"variable"`
	Item []struct {
		Name string `json:"name"`
		Item []item `json:"item"`
	} `json:"item"`
}

type item struct {
	Name  string `json:"name"`
	Event []struct {
		Listen string `json:"listen"`
		Script struct {
			Exec []string `json:"exec"`
		} `json:"script"`
	} `json:"event"`
	Request struct {
		Method string `json:"method"`
		URL    struct {
			Raw      string   `json:"raw"`
			Path     []string `json:"path"`
			Variable []struct {
				Key   string `json:"key"`
				Value string `json:"value"`
			} `json:"variable"`
		} `json:"url"`
		Body *struct {
			Mode string `json:"mode"`
			Raw  string `json:"raw"`
		} `json:"body"`
	} `json:"request"`
}

func read(t *testing.T) (collection, []item) {
	t.Helper()
	raw, err := os.ReadFile("farmers-market.postman_collection.json")
	require.NoError(t, err)
	var c collection
	require.NoError(t, json.Unmarshal(raw, &c))
	var items []item
	for _, folder := range c.Item {
		require.NotEmpty(t, folder.Name)
		items = append(items, folder.Item...)
	}
	return c, items
}

func TestTheCollectionIsOneOfFormat21(t *testing.T) {
	c, items := read(t)
	require.Equal(t, "https://schema.getpostman.com/json/collection/v2.1.0/collection.json", c.Info.Schema)
	require.NotEmpty(t, c.Info.Name)
	require.Len(t, c.Variable, 2)
	require.Equal(t, "baseUrl", c.Variable[0].Key)
	require.Equal(t, "token", c.Variable[1].Key)
	require.Empty(t, c.Variable[1].Value, "no token is published")
	for _, one := range items {
		require.NotEmpty(t, one.Name)
		require.NotEmpty(t, one.Request.Method, one.Name)
		require.True(t, strings.HasPrefix(one.Request.URL.Raw, "{{baseUrl}}/"), one.Name)
		if one.Request.Body != nil {
			require.Equal(t, "raw", one.Request.Body.Mode, one.Name)
			require.True(t, json.Valid([]byte(one.Request.Body.Raw)), one.Name)
		}
		variables := map[string]string{}
		for _, v := range one.Request.URL.Variable {
			variables[":"+v.Key] = v.Value
		}
		for _, segment := range one.Request.URL.Path {
			if strings.HasPrefix(segment, ":") {
				require.NotEmpty(t, variables[segment], "%s: %s has no value", one.Name, segment)
			}
		}
	}
}

func TestTheCollectionHasEveryOperation(t *testing.T) {
	document, err := openapi3.NewLoader().LoadFromFile("../../docs/openapi.json")
	require.NoError(t, err)
	parameter := regexp.MustCompile(`\{(\w+)\}`)
	want := map[string]bool{}
	for path, entry := range document.Paths.Map() {
		for method := range entry.Operations() {
			want[method+" "+parameter.ReplaceAllString(path, ":$1")] = true
		}
	}
	got := map[string]bool{}
	_, items := read(t)
	for _, one := range items {
		got[one.Request.Method+" /"+strings.Join(one.Request.URL.Path, "/")] = true
	}
	require.Equal(t, want, got)
}

func TestALoginKeepsTheTokenForTheOthers(t *testing.T) {
	_, items := read(t)
	for _, one := range items {
		if one.Name == "Log in" {
			require.Len(t, one.Event, 1)
			require.Contains(t, strings.Join(one.Event[0].Script.Exec, "\n"), `collectionVariables.set("token"`)
			return
		}
	}
	require.Fail(t, "there is no login")
}
