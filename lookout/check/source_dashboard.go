package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// readDashboard finds the expressions of a Grafana dashboard: the expr of every target, and the queries of its variables.
func readDashboard(root, file string) ([]expression, error) {
	content, err := os.ReadFile(filepath.Join(root, file)) //nolint:gosec // a file of the repository that the user named
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	reader := &dashboardReader{file: file, content: content, decoder: json.NewDecoder(bytes.NewReader(content))}
	if err := reader.value(nil, ""); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return reader.found, nil
}

// dashboardReader walks through JSON token by token, because only tokens have a place in the file.
type dashboardReader struct {
	file    string
	content []byte
	decoder *json.Decoder
	found   []expression
}

// object is what is known of the JSON object that is being read.
type object struct {
	above *object
	title string // of a panel, or the name of a variable
	isVar bool
	texts []int // expressions found directly in it, which learn its title when it ends
}

// value reads the value of a key of an object.
func (r *dashboardReader) value(in *object, key string) error {
	start := r.decoder.InputOffset()
	token, err := r.decoder.Token()
	if err != nil {
		return err //nolint:wrapcheck // the caller says what was read
	}
	switch t := token.(type) {
	case json.Delim:
		return r.composite(in, key, t)
	case string:
		r.text(in, key, t, start)
	}
	return nil
}

func (r *dashboardReader) composite(in *object, key string, opening json.Delim) error {
	if opening == '[' {
		for r.decoder.More() {
			if err := r.value(in, key); err != nil {
				return err
			}
		}
	} else {
		within := &object{above: in}
		for r.decoder.More() {
			name, err := r.decoder.Token()
			if err != nil {
				return err //nolint:wrapcheck // the caller says what was read
			}
			if err := r.value(within, fmt.Sprint(name)); err != nil {
				return err
			}
		}
		r.settle(within)
	}
	_, err := r.decoder.Token()
	return err //nolint:wrapcheck // the caller says what was read
}

// settle names the expressions of an object that has ended, or hands them to the object above it.
func (r *dashboardReader) settle(o *object) {
	for _, i := range o.texts {
		switch {
		case o.title != "" && o.isVar:
			r.found[i].where = "variable " + o.title
		case o.title != "":
			r.found[i].where = "panel " + strconv.Quote(o.title)
		case o.above != nil:
			o.above.texts = append(o.above.texts, i)
		}
	}
}

func (r *dashboardReader) text(in *object, key, text string, start int64) {
	if in == nil {
		return
	}
	switch {
	case key == "title":
		in.title = text
	case key == "name" && in.title == "":
		in.title, in.isVar = text, true
	case key == "expr":
		r.add(in, text, start, variableQuery{to: len(text)})
	case key == "query":
		if query, ok := parseVariableQuery(text); ok {
			r.add(in, text, start, query)
		}
	}
}

// add notes a part of the text, which starts at the byte start of the file, as an expression.
func (r *dashboardReader) add(in *object, text string, start int64, part variableQuery) {
	offset := int(start) + bytes.IndexByte(r.content[start:], '"')
	lineStart := bytes.LastIndexByte(r.content[:offset], '\n') + 1
	line, _, _ := bytes.Cut(r.content[lineStart:], []byte("\n"))
	column := len([]rune(string(r.content[lineStart:offset]))) + 1
	places := quotedPositions(string(line), 1+bytes.Count(r.content[:offset], []byte("\n")), column)
	if part.to < len(places) {
		places = places[part.from : part.to+1]
	}
	r.found = append(r.found, expression{
		file: r.file, where: "dashboard", text: text[part.from:part.to], positions: places, selects: part.lists != "", lists: part.lists,
	})
	in.texts = append(in.texts, len(r.found)-1)
}

// The functions that Grafana has for the values of a variable: label_values(series, label), query_result(expression).
var (
	labelValues = regexp.MustCompile(`^\s*label_values\((.+),\s*([a-zA-Z_]\w*)\s*\)\s*$`)
	queryResult = regexp.MustCompile(`^\s*query_result\((.+)\)\s*$`)
)

// variableQuery is where the PromQL in the query of a variable stands, in bytes, and the label whose values it lists.
type variableQuery struct {
	from, to int
	lists    string
}

func parseVariableQuery(text string) (variableQuery, bool) {
	if match := labelValues.FindStringSubmatchIndex(text); match != nil {
		return variableQuery{match[2], match[3], text[match[4]:match[5]]}, true
	}
	if match := queryResult.FindStringSubmatchIndex(text); match != nil {
		return variableQuery{from: match[2], to: match[3]}, true
	}
	return variableQuery{}, false
}
