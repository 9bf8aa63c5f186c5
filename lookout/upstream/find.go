package upstream

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// Found is a program that can be run.
type Found struct {
	Path    string
	Release string // as the project numbers it; empty when the program does not tell
}

// ErrNotFound says that a program is neither on PATH nor built, at a version that will do.
var ErrNotFound = errors.New("not found")

// Find looks for the program on PATH and then in binDir, where a Builder puts it; an empty binDir stands for none. A program on PATH serves when its release
// is at least the pinned one. The error is ErrNotFound, with what was found instead.
func Find(ctx context.Context, program Program, binDir string) (Found, error) {
	var rejected []string
	for _, path := range candidates(program.Name, binDir) {
		release, err := releaseOf(ctx, program, path)
		switch {
		case err != nil:
			rejected = append(rejected, fmt.Sprintf("%s does not tell its version: %v", path, err))
		case !AtLeast(release, program.Release):
			rejected = append(rejected, fmt.Sprintf("%s is %s", path, release))
		default:
			return Found{Path: path, Release: release}, nil
		}
	}
	why := ""
	if len(rejected) > 0 {
		why = " (" + strings.Join(rejected, "; ") + ")"
	}
	return Found{}, fmt.Errorf("%s %s or later: %w%s", program.Name, program.Release, ErrNotFound, why)
}

func candidates(name, binDir string) []string {
	var paths []string
	if path, err := exec.LookPath(name); err == nil {
		paths = append(paths, path)
	}
	if binDir == "" {
		return paths
	}
	built := filepath.Join(binDir, name)
	if _, err := os.Stat(built); err == nil {
		paths = append(paths, built)
	}
	return paths
}

// AtLeast compares two releases such as 3.16.0; a pre-release counts as older than its release.
func AtLeast(release, wanted string) bool {
	release = "v" + strings.TrimPrefix(release, "v")
	return semver.IsValid(release) && semver.Compare(release, "v"+wanted) >= 0
}

// printed is how the programs tell their release: `prometheus, version 3.16.0 (branch: …`, `…"gitVersion":"v2.13.0"…` or
// `…Redis Metrics Exporter 1.82.0    build date: …`.
var printed = regexp.MustCompile(`(?:[Vv]ersion |Exporter |"gitVersion":")v?(\d+\.\d+\.\d+(?:-[\w.]+)?)`)

// releaseOf asks the program, and for one built without a stamped version its embedded build information.
func releaseOf(ctx context.Context, program Program, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, program.versionArgs...).CombinedOutput() //nolint:gosec // a found program
	if err != nil {
		return "", fmt.Errorf("run %s %s: %w", path, strings.Join(program.versionArgs, " "), err)
	}
	if match := printed.FindSubmatch(out); match != nil {
		return string(match[1]), nil
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read build information: %w", err)
	}
	for _, module := range append(info.Deps, &info.Main) {
		isIts := program.Package == module.Path || strings.HasPrefix(program.Package, module.Path+"/cmd/")
		if isIts && module.Version == program.Version {
			return program.Release, nil
		}
	}
	return "", fmt.Errorf("its build information names another module than %s", program.Version)
}
