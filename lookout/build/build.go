// Package build writes the files that are generated from code and committed: Prometheus rules from slo/ and alerts/,
// Alertmanager configurations from alerts/, dashboards from dashboards/, and a page of documentation from telemetry/catalogue.
package build

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/prometheus/prometheus/model/rulefmt"

	"github.com/farmersmarket/platform/alerts"
	"github.com/farmersmarket/platform/dashboards"
	printer "github.com/farmersmarket/platform/lookout/catalogue"
	"github.com/farmersmarket/platform/slo"
)

// dashboardsDir holds nothing but generated files.
const dashboardsDir = "dashboards/json"

// File is one generated file.
type File struct {
	Path    string // relative to the root of the repository
	Content []byte
}

// Generate makes every generated file of the repository at root. Links in alerts and dashboards start with linkBase. The same
// repository gives the same bytes.
func Generate(root, linkBase string) ([]File, error) {
	objectives, err := slo.LoadDir(filepath.Join(root, "slo"))
	if err != nil {
		return nil, err
	}
	var burn []rulefmt.RuleGroup
	for _, s := range objectives {
		burn = append(burn, s.Groups(linkBase)...)
	}
	var files []File
	for _, f := range []struct {
		path, source string
		content      any
	}{
		{"compose/prometheus/rules/slo.yml", "slo/", rulefmt.RuleGroups{Groups: burn}},
		{"compose/prometheus/rules/alerts.yml", "alerts/", rulefmt.RuleGroups{Groups: alerts.Groups(linkBase)}},
		{"compose/alertmanager/alertmanager.yml", "alerts/", alerts.Production()},
		{"compose/alertmanager/alertmanager.local.yml", "alerts/", alerts.Local()},
	} {
		content, err := yamlFile(f.source, f.content)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Path: f.path, Content: content})
	}
	var contract bytes.Buffer
	if err := printer.Whole().Markdown(&contract); err != nil {
		return nil, err
	}
	files = append(files, File{Path: "docs/telemetry.md", Content: contract.Bytes()})
	boards, err := dashboards.All(linkBase)
	if err != nil {
		return nil, err
	}
	for _, board := range boards {
		files = append(files, File{Path: dashboardsDir + "/" + board.UID + ".json", Content: board.JSON})
	}
	return files, nil
}

// Write brings the repository at root up to date and returns the paths that it changed or removed. Each file is replaced as a
// whole: whoever reads it meanwhile sees the old or the new one.
func Write(root string, files []File) ([]string, error) {
	var changed []string
	for _, file := range files {
		path := filepath.Join(root, file.Path)
		old, err := os.ReadFile(path) //nolint:gosec // a file of the repository that the user named
		if err == nil && bytes.Equal(old, file.Content) {
			continue
		}
		if err := Replace(path, file.Content); err != nil {
			return changed, err
		}
		changed = append(changed, file.Path)
	}
	leftovers, err := leftovers(root, files)
	if err != nil {
		return changed, err
	}
	for _, path := range leftovers {
		if err := os.Remove(filepath.Join(root, path)); err != nil {
			return changed, fmt.Errorf("remove a file that nothing generates any more: %w", err)
		}
		changed = append(changed, path)
	}
	return changed, nil
}

// leftovers are the files in generated folders that nothing generates any more.
func leftovers(root string, files []File) ([]string, error) {
	present, err := filepath.Glob(filepath.Join(root, dashboardsDir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dashboardsDir, err)
	}
	var left []string
	for _, path := range present {
		path = dashboardsDir + "/" + filepath.Base(path)
		if !slices.ContainsFunc(files, func(f File) bool { return f.Path == path }) {
			left = append(left, path)
		}
	}
	return left, nil
}

// Replace writes a file as a whole: whoever reads it meanwhile sees the old or the new one.
func Replace(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write generated file: %w", err)
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write generated file: %w", err)
	}
	_, errWrite := temporary.Write(content)
	err = errors.Join(errWrite, temporary.Chmod(0o644), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write generated file %s: %w", path, err), os.Remove(temporary.Name()))
	}
	return nil
}
