package check

import (
	"fmt"
	"path/filepath"
)

// Where expressions stand in the repository. Rules are also read where they are generated: what is checked is what is deployed.
const (
	slosGlob       = "slo/*.yaml"
	rulesGlob      = "compose/prometheus/rules/*.yml"
	dashboardsGlob = "dashboards/json/*.json"
)

// readSources finds every expression of the repository and parses it. A file that cannot be understood at all is a problem, too.
func readSources(root string) ([]expression, []Problem, error) {
	var all []expression
	var problems []Problem
	for _, source := range []struct {
		glob string
		read func(root, file string) ([]expression, error)
	}{{slosGlob, readSLO}, {rulesGlob, readRules}, {dashboardsGlob, readDashboard}} {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(source.glob)))
		if err != nil {
			return nil, nil, fmt.Errorf("list %s: %w", source.glob, err)
		}
		if len(files) == 0 {
			return nil, nil, fmt.Errorf("no %s in %s: is it the root of the repository?", source.glob, root)
		}
		for _, path := range files {
			file, err := filepath.Rel(root, path)
			if err != nil {
				return nil, nil, fmt.Errorf("name %s relative to %s: %w", path, root, err)
			}
			expressions, err := source.read(root, filepath.ToSlash(file))
			if err != nil {
				problems = append(problems, Problem{Check: "syntax", File: filepath.ToSlash(file), Line: 1, Column: 1, Where: "file", Message: err.Error()})
				continue
			}
			for _, e := range expressions {
				all = append(all, e.parse())
			}
		}
	}
	return all, problems, nil
}
