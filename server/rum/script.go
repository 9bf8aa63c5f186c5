package rum

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Script is /rum.js: the bundle of the TypeScript SDK's module for pages without a build of their own.
type Script struct {
	Body       []byte
	Gzipped    []byte
	ETag       string // of the body
	GzippedTag string
}

// LoadScript reads the bundle and compresses it. It returns nil when there is no such file, because it takes npm to make
// it and the server does without.
func LoadScript(path string) (*Script, error) {
	body, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // nil is what callers ask about
	}
	if err != nil {
		return nil, fmt.Errorf("read the script that browsers get as /rum.js (RUM_JS): %w", err)
	}
	var gzipped bytes.Buffer
	writer, err := gzip.NewWriterLevel(&gzipped, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(body); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	name := base64.RawURLEncoding.EncodeToString(sum[:12])
	return &Script{Body: body, Gzipped: gzipped.Bytes(), ETag: `"` + name + `"`, GzippedTag: `"` + name + `-gzip"`}, nil
}
