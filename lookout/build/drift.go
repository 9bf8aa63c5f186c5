package build

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// Drift is a generated file that is not what would be generated now.
type Drift struct {
	Path string `json:"path"`
	Diff string `json:"diff"` // unified, from what is there to what would be generated
}

// Check compares the repository at root with what would be generated. It writes nothing.
func Check(root string, files []File) ([]Drift, error) {
	var drifts []Drift
	for _, file := range files {
		present, err := os.ReadFile(filepath.Join(root, file.Path)) //nolint:gosec // a file of the repository that the user named
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("compare generated file: %w", err)
		}
		if err == nil && bytes.Equal(present, file.Content) {
			continue
		}
		drifts = append(drifts, drift(file.Path, present, file.Content))
	}
	left, err := leftovers(root, files)
	if err != nil {
		return nil, err
	}
	for _, path := range left {
		present, err := os.ReadFile(filepath.Join(root, path)) //nolint:gosec // a file of the repository that the user named
		if err != nil {
			return nil, fmt.Errorf("compare generated file: %w", err)
		}
		drifts = append(drifts, drift(path, present, nil))
	}
	return drifts, nil
}

func drift(path string, present, wanted []byte) Drift {
	return Drift{Path: path, Diff: string(diff.Diff(path, present, path+" (generated)", wanted))}
}

// Short is the diff cut to that many lines.
func (d Drift) Short(lines int) string {
	all := strings.Split(strings.TrimRight(d.Diff, "\n"), "\n")
	if len(all) <= lines {
		return strings.Join(all, "\n")
	}
	return strings.Join(all[:lines], "\n") + fmt.Sprintf("\n... %d more lines", len(all)-lines)
}
