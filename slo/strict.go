package slo

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	openslo "github.com/OpenSLO/go-sdk/pkg/openslo/v1"
	"go.yaml.in/yaml/v3"

	"github.com/farmersmarket/platform/internal/nearest"
)

// querySpec is what a metric source's spec, which OpenSLO leaves open, may hold for Prometheus.
type querySpec struct {
	Query string `json:"query"`
}

// checkKeys reports every key of the document that the Go type does not have, with its position and the nearest key that
// it has. The OpenSLO decoder refuses them too, but does not say where they are.
func checkKeys(file string, node *yaml.Node, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return nil
	case node.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		var problems []error
		for _, item := range node.Content {
			problems = append(problems, checkKeys(file, item, t.Elem()))
		}
		return errors.Join(problems...)
	case node.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		return checkMapping(file, node, t)
	}
	return nil
}

func checkMapping(file string, node *yaml.Node, t reflect.Type) error {
	fields := jsonFields(t)
	if t == reflect.TypeFor[openslo.SLIMetricSource]() {
		fields["spec"] = reflect.TypeFor[querySpec]()
	}
	var problems []error
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if line, twice := seen[key.Value]; twice {
			problems = append(problems, fmt.Errorf("%s:%d: key %q is set twice, first in line %d", file, key.Line, key.Value, line))
		}
		seen[key.Value] = key.Line
		field, known := fields[key.Value]
		if !known {
			problems = append(problems, unknownKey(file, key, keysOf(fields)))
			continue
		}
		problems = append(problems, checkKeys(file, value, field))
	}
	return errors.Join(problems...)
}

func unknownKey(file string, key *yaml.Node, known []string) error {
	return fmt.Errorf("%s:%d: unknown key %q: %s", file, key.Line, key.Value, nearest.Suggest(key.Value, known))
}

// jsonFields maps the JSON names of a struct's fields, those of embedded structs included, to their types.
func jsonFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" {
			fields[name] = f.Type
		}
	}
	return fields
}

func keysOf(fields map[string]reflect.Type) []string { return slices.Sorted(maps.Keys(fields)) }
