package check

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// position is a place in a file; both count from 1, columns in characters.
type position struct{ line, column int }

// positions maps each byte of a decoded text, and its end, to the place in the file that it was written at.
type positions []position

func (p positions) at(offset int) position {
	if len(p) == 0 {
		return position{1, 1}
	}
	return p[min(offset, len(p)-1)]
}

// scalarPositions maps the value of a YAML scalar. A folded or a plain scalar of several lines is only known to start
// where it does.
func scalarPositions(lines []string, node *yaml.Node) positions {
	switch {
	case node.Style&yaml.LiteralStyle != 0:
		return literalPositions(lines, node)
	case node.Style&yaml.DoubleQuotedStyle != 0 && node.Line <= len(lines):
		return quotedPositions(lines[node.Line-1], node.Line, node.Column)
	case node.Style&yaml.SingleQuotedStyle != 0 && node.Line <= len(lines):
		return singleQuotedPositions(lines[node.Line-1], node.Line, node.Column)
	}
	return plainPositions(node)
}

func literalPositions(lines []string, node *yaml.Node) positions {
	var all positions
	indent := -1
	for i, text := range strings.SplitAfter(node.Value, "\n") {
		number := node.Line + 1 + i
		if indent < 0 && number <= len(lines) {
			indent = max(0, strings.Index(lines[number-1], strings.TrimSuffix(text, "\n")))
		}
		all = append(all, lineOf(text, number, indent+1)...)
	}
	return append(all, position{node.Line + 1, max(indent, 0) + 1})
}

func plainPositions(node *yaml.Node) positions {
	all := lineOf(node.Value, node.Line, node.Column)
	return append(all, position{node.Line, node.Column + utf8.RuneCountInString(node.Value)})
}

// lineOf maps text that is written as it is.
func lineOf(text string, line, column int) positions {
	all := make(positions, 0, len(text))
	for _, r := range text {
		for range utf8.RuneLen(r) {
			all = append(all, position{line, column})
		}
		column++
	}
	return all
}

// singleQuotedPositions maps a YAML scalar in single quotes, in which two quotes stand for one. column is that of the
// opening quote.
func singleQuotedPositions(line string, number, column int) positions {
	runes := []rune(line)
	var all positions
	for i := column; i < len(runes); i++ {
		at := position{number, i + 1}
		if runes[i] == '\'' {
			if i+1 >= len(runes) || runes[i+1] != '\'' {
				return append(all, at)
			}
			i++
		}
		for range utf8.RuneLen(runes[i]) {
			all = append(all, at)
		}
	}
	return append(all, position{number, len(runes) + 1})
}

// quotedPositions maps a string in double quotes, as JSON and YAML write it. column is that of the opening quote.
func quotedPositions(line string, number, column int) positions {
	runes := []rune(line)
	var all positions
	for i := column; i < len(runes); {
		at := position{number, i + 1}
		switch runes[i] {
		case '"':
			return append(all, at)
		case '\\':
			width, size := escape(runes[i:])
			for range size {
				all = append(all, at)
			}
			i += width
		default:
			for range utf8.RuneLen(runes[i]) {
				all = append(all, at)
			}
			i++
		}
	}
	return append(all, position{number, len(runes) + 1})
}

// escape returns how many characters an escape sequence is written with, and how many bytes it stands for.
func escape(written []rune) (width, size int) {
	digits := map[rune]int{'x': 2, 'u': 4, 'U': 8}
	if len(written) < 2 {
		return 1, 1
	}
	count, isCode := digits[written[1]]
	if !isCode || len(written) < 2+count {
		return 2, 1
	}
	code, err := strconv.ParseInt(string(written[2:2+count]), 16, 32)
	if err != nil {
		return 2, 1
	}
	return 2 + count, max(1, utf8.RuneLen(rune(code)))
}
