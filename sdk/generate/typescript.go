package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

const typeScriptDir = "sdk/typescript"

// typeScript makes the types of the TypeScript client, with the openapi-typescript that its package-lock.json pins.
func typeScript(ctx context.Context, source, work string) (file, error) {
	if _, err := exec.LookPath("npm"); err != nil {
		return file{}, errors.New("npm is not on PATH: install Node.js 20 or later (Debian: apt-get install nodejs npm)")
	}
	if _, err := output(ctx, typeScriptDir, "npm", "ci", "--no-audit", "--no-fund", "--prefer-offline"); err != nil {
		return file{}, err
	}
	target := filepath.Join(work, "schema.ts")
	if _, err := output(ctx, typeScriptDir, "node_modules/.bin/openapi-typescript", source, "--output", target); err != nil {
		return file{}, err
	}
	content, err := os.ReadFile(target) //nolint:gosec // our own work folder
	return file{path: typeScriptDir + "/src/schema.ts", content: content}, err
}
