package check

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yamlText is a YAML file: its documents, and its lines to place expressions in.
type yamlText struct {
	file      string
	documents []*yaml.Node
	lines     []string
}

func readYAML(root, file string) (yamlText, error) {
	content, err := os.ReadFile(filepath.Join(root, file)) //nolint:gosec // a file of the repository that the user named
	if err != nil {
		return yamlText{}, fmt.Errorf("read %s: %w", file, err)
	}
	text := yamlText{file: file, lines: strings.Split(string(content), "\n")}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document yaml.Node
		switch err := decoder.Decode(&document); {
		case errors.Is(err, io.EOF):
			return text, nil
		case err != nil:
			return yamlText{}, fmt.Errorf("not YAML: %w", err)
		}
		text.documents = append(text.documents, &document)
	}
}

func (y yamlText) expression(where string, node *yaml.Node) expression {
	return expression{file: y.file, where: where, text: node.Value, positions: scalarPositions(y.lines, node)}
}

// readSLO finds the queries of an OpenSLO file: the values of the key query. Whether the file is a good SLO is for its
// loader to say.
func readSLO(root, file string) ([]expression, error) {
	text, err := readYAML(root, file)
	if err != nil {
		return nil, err
	}
	var found []expression
	var visit func(node *yaml.Node)
	visit = func(node *yaml.Node) {
		for i, child := range node.Content {
			if node.Kind == yaml.MappingNode && i%2 == 1 && node.Content[i-1].Value == "query" && child.Kind == yaml.ScalarNode {
				e := text.expression("SLO query", child)
				e.selects = true
				found = append(found, e)
			}
			visit(child)
		}
	}
	for _, document := range text.documents {
		visit(document)
	}
	return found, nil
}

// ruleNodes is a Prometheus rule file, with the places of what it says.
type ruleNodes struct {
	Groups []struct {
		Labels map[string]string `yaml:"labels"`
		Rules  []ruleNode        `yaml:"rules"`
	} `yaml:"groups"`
}

type ruleNode struct {
	Record      string               `yaml:"record"`
	Alert       string               `yaml:"alert"`
	Expr        yaml.Node            `yaml:"expr"`
	Labels      map[string]string    `yaml:"labels"`
	Annotations map[string]yaml.Node `yaml:"annotations"`
}

func readRules(root, file string) ([]expression, error) {
	text, err := readYAML(root, file)
	if err != nil {
		return nil, err
	}
	var found []expression
	for _, document := range text.documents {
		var nodes ruleNodes
		if err := document.Decode(&nodes); err != nil {
			return nil, fmt.Errorf("not a rule file: %w", err)
		}
		for _, group := range nodes.Groups {
			for _, r := range group.Rules {
				found = append(found, text.ruleExpressions(r, group.Labels)...)
			}
		}
	}
	return found, nil
}

func (y yamlText) ruleExpressions(r ruleNode, groupLabels map[string]string) []expression {
	where := "record " + r.Record
	added := &rule{record: r.Record, labels: maps.Clone(groupLabels)}
	if added.labels == nil {
		added.labels = map[string]string{}
	}
	maps.Copy(added.labels, r.Labels)
	if r.Alert != "" {
		where = "alert " + r.Alert
		added.labels["alertname"] = r.Alert
		for _, name := range slices.Sorted(maps.Keys(r.Annotations)) {
			added.templates = append(added.templates, templated{"annotation " + name, r.Annotations[name].Value})
		}
		for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
			added.templates = append(added.templates, templated{"label " + name, r.Labels[name]})
		}
	}
	main := y.expression(where, &r.Expr)
	main.rule = added
	return append([]expression{main}, y.templateQueries(where, r.Annotations)...)
}

// templateQuery matches a query that an annotation makes when its alert fires.
var templateQuery = regexp.MustCompile("query (?:`([^`]+)`|\"([^\"]+)\")")

func (y yamlText) templateQueries(where string, annotations map[string]yaml.Node) []expression {
	var found []expression
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		node := annotations[name]
		places := scalarPositions(y.lines, &node)
		for _, match := range templateQuery.FindAllStringSubmatchIndex(node.Value, -1) {
			start, end := match[2], match[3]
			if start < 0 {
				start, end = match[4], match[5]
			}
			e := expression{file: y.file, where: where + ", annotation " + name, text: node.Value[start:end]}
			if end < len(places) {
				e.positions = places[start : end+1]
			} else {
				e.positions = positions{places.at(start)}
			}
			found = append(found, e)
		}
	}
	return found
}
