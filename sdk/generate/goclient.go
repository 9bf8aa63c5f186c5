package main

import (
	"context"
	"os"
	"path/filepath"
)

// oapiCodegen makes the Go client. It is run as a program, so that our module does not need what it needs.
const oapiCodegen = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2"

func goClient(ctx context.Context, source, work string) (file, error) {
	target := filepath.Join(work, "market.gen.go")
	_, err := output(ctx, ".", "go", "run", oapiCodegen, "-config", "sdk/go/oapi-codegen.yaml", "-o", target, source)
	if err != nil {
		return file{}, err
	}
	content, err := os.ReadFile(target) //nolint:gosec // our own work folder
	return file{path: "sdk/go/market/market.gen.go", content: content}, err
}
