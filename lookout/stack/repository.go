package stack

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const modulePath = "github.com/farmersmarket/platform"

// FindRepository returns the folder of this repository, which holds the configuration of every program: the working
// directory or the nearest folder above it with our go.mod and compose/.
func FindRepository() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		module, err := os.ReadFile(filepath.Join(dir, "go.mod")) //nolint:gosec // a go.mod above the working directory
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("find the repository: %w", err)
		}
		if bytes.HasPrefix(module, []byte("module "+modulePath+"\n")) {
			if _, err := os.Stat(filepath.Join(dir, "compose")); err == nil {
				return dir, nil
			}
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside a clone of %s: change into one", start, modulePath)
		}
	}
}
