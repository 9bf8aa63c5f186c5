package slo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/OpenSLO/go-sdk/pkg/openslo"
	v1 "github.com/OpenSLO/go-sdk/pkg/openslo/v1"
	"go.yaml.in/yaml/v3"
)

// LoadDir reads every *.yaml file of a folder. It returns the SLOs sorted by name, or every problem of every file.
func LoadDir(dir string) ([]SLO, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("list SLO files in %s: %w", dir, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no SLO files (*.yaml) in %s: is it the root of the repository?", dir)
	}
	var all []SLO
	var problems []error
	for _, file := range files {
		slos, err := LoadFile(file)
		all, problems = append(all, slos...), append(problems, err)
	}
	slices.SortFunc(all, func(a, b SLO) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(all); i++ {
		if all[i].Name == all[i-1].Name {
			problems = append(problems, fmt.Errorf("%s and %s both define the SLO %q", all[i-1].File, all[i].File, all[i].Name))
		}
	}
	return all, errors.Join(problems...)
}

// LoadFile reads the SLOs of one OpenSLO v1 file, strictly: an unknown key is an error that names the nearest known one.
func LoadFile(file string) ([]SLO, error) {
	content, err := os.ReadFile(file) //nolint:gosec // reading the file that the user named is the purpose
	if err != nil {
		return nil, fmt.Errorf("read SLO: %w", err)
	}
	return Parse(file, content)
}

// Parse is LoadFile for content that is already read; file is its name in errors.
func Parse(file string, content []byte) ([]SLO, error) {
	documents, err := parseDocuments(file, content)
	if err != nil {
		return nil, err
	}
	var slos []SLO
	var problems []error
	for _, document := range documents {
		s, err := parseSLO(file, document)
		slos, problems = append(slos, s), append(problems, err)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return slos, nil
}

func parseDocuments(file string, content []byte) ([]*yaml.Node, error) {
	var documents []*yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: not YAML: %w", file, err)
		}
		if root := document.Content[0]; root.Kind == yaml.MappingNode {
			documents = append(documents, root)
		} else {
			return nil, fmt.Errorf("%s:%d: an OpenSLO document is a mapping with apiVersion, kind, metadata and spec", file, root.Line)
		}
	}
	if len(documents) == 0 {
		return nil, fmt.Errorf("%s: the file is empty", file)
	}
	return documents, nil
}

func parseSLO(file string, document *yaml.Node) (SLO, error) {
	if kind := find(document, "kind"); kind.Value != string(openslo.KindSLO) {
		return SLO{}, fmt.Errorf("%s:%d: kind %q: only OpenSLO documents of kind SLO are read here", file, kind.Line, kind.Value)
	}
	if err := checkKeys(file, document, reflect.TypeFor[v1.SLO]()); err != nil {
		return SLO{}, err
	}
	if version := find(document, "apiVersion"); version.Value != string(v1.APIVersion) {
		return SLO{}, fmt.Errorf("%s:%d: apiVersion must be %s", file, version.Line, v1.APIVersion)
	}
	definition, err := decode(document)
	if err != nil {
		return SLO{}, fmt.Errorf("%s:%d: %w", file, document.Line, err)
	}
	if err := definition.Validate(); err != nil {
		return SLO{}, fmt.Errorf("%s:%d: %w", file, document.Line, err)
	}
	return reader{file: file, document: document}.slo(definition)
}

// decode reads the SLO through its JSON form, which is what the OpenSLO types describe. Their SDK's own decoder links the
// types of every OpenSLO version, which doubles the time that lookout takes to build.
func decode(document *yaml.Node) (v1.SLO, error) {
	var fields map[string]any
	if err := document.Decode(&fields); err != nil {
		return v1.SLO{}, err
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return v1.SLO{}, err
	}
	var definition v1.SLO
	err = json.Unmarshal(text, &definition)
	return definition, err
}

// find returns the node at the path of keys, or the deepest one on the way there.
func find(node *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		next := child(node, key)
		if next == nil {
			return node
		}
		node = next
	}
	return node
}

func child(node *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(node.Content) && node.Kind == yaml.MappingNode; i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}
