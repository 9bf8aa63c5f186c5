package check

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/farmersmarket/platform/internal/nearest"
)

// templateLabel matches the label in {{ $labels.name }} and {{ .Labels.name }}.
var templateLabel = regexp.MustCompile(`(?:\$labels|\.Labels)\.(\w+)`)

// alertTemplate finds labels that an alert's texts use but its expression drops: they would read as nothing.
func alertTemplate(s Schema, e expression) []finding {
	if e.rule == nil {
		return nil
	}
	has := s.labelsOf(e.tree).with(slices.Sorted(maps.Keys(e.rule.labels))...)
	var found []finding
	for _, t := range e.rule.templates {
		for _, match := range templateLabel.FindAllStringSubmatch(t.text, -1) {
			label := match[1]
			if has.has(label) {
				continue
			}
			message := fmt.Sprintf("%s uses the label %s, which the expression drops", t.name, label)
			if hint := nearest.Hint(label, has.sorted()); hint != "" {
				message += ": " + hint
			} else {
				message += ": it keeps " + strings.Join(has.sorted(), ", ")
			}
			found = append(found, finding{start: 0, end: len(e.text), message: message})
		}
	}
	return found
}
