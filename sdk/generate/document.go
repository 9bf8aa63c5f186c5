package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
)

// readDocument asks the server for its OpenAPI document, and lays it out so that a difference is a line.
func readDocument(ctx context.Context) ([]byte, error) {
	raw, err := output(ctx, ".", "go", "run", "./server", "openapi")
	if err != nil {
		return nil, err
	}
	var document bytes.Buffer
	if err := json.Indent(&document, bytes.TrimSpace(raw), "", "  "); err != nil {
		return nil, fmt.Errorf("read what `server openapi` prints: %w", err)
	}
	document.WriteByte('\n')
	return document.Bytes(), nil
}
