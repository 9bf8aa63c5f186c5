package auth

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// keySize is the least size of a key in bytes: that of the hash, as RFC 7518, 3.2 asks.
const keySize = 32

// Keys sign and verify access tokens. The first signs; all verify, so that a new key can be put in front while tokens
// of the old one are still about.
type Keys struct {
	list []key
}

type key struct {
	id     string
	secret []byte
}

var keyID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,40}$`)

// ParseKeys reads a list of keys like "2026-03:BASE64,2025-09:BASE64". Each key is at least 32 random bytes. Its error
// shows no key.
func ParseKeys(text string) (Keys, error) {
	var keys Keys
	seen := map[string]bool{}
	for i, entry := range strings.Split(text, ",") {
		id, encoded, found := strings.Cut(strings.TrimSpace(entry), ":")
		if !found || !keyID.MatchString(id) {
			return Keys{}, fmt.Errorf("key %d is not like ID:BASE64, with an id of letters, digits, dots and dashes", i+1)
		}
		secret, err := base64.StdEncoding.DecodeString(encoded)
		switch {
		case err != nil:
			return Keys{}, fmt.Errorf("key %s is not base64", id)
		case len(secret) < keySize:
			return Keys{}, fmt.Errorf("key %s has %d bytes and needs %d: make one with `openssl rand -base64 32`", id, len(secret), keySize)
		case seen[id]:
			return Keys{}, fmt.Errorf("two keys have the id %s", id)
		}
		seen[id] = true
		keys.list = append(keys.list, key{id: id, secret: secret})
	}
	return keys, nil
}

// Empty reports whether there is no key.
func (k Keys) Empty() bool { return len(k.list) == 0 }

// String keeps the keys out of logs.
func (k Keys) String() string { return fmt.Sprintf("%d key(s)", len(k.list)) }

// GoString keeps the keys out of logs.
func (k Keys) GoString() string { return k.String() }

func (k Keys) signing() key { return k.list[0] }

func (k Keys) find(id string) (key, bool) {
	for _, candidate := range k.list {
		if candidate.id == id {
			return candidate, true
		}
	}
	return key{}, false
}

// DevelopmentKeys returns the key in the file, which it makes when there is none, so that a developer stays logged in
// when the server starts again. Only its owner may read the file.
func DevelopmentKeys(path string) (Keys, error) {
	content, err := os.ReadFile(path) //nolint:gosec // the operator chooses the path
	if errors.Is(err, fs.ErrNotExist) {
		if err := writeDevelopmentKey(path); err != nil {
			return Keys{}, fmt.Errorf("make a development key in %s: %w", path, err)
		}
		content, err = os.ReadFile(path) //nolint:gosec // as above; another server may have been faster
	}
	if err != nil {
		return Keys{}, fmt.Errorf("read the development key: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return Keys{}, fmt.Errorf("read the development key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Keys{}, fmt.Errorf("the development key %s can be read by others: run `chmod 600 %s`, or delete it", path, path)
	}
	keys, err := ParseKeys(strings.TrimSpace(string(content)))
	if err != nil {
		return Keys{}, fmt.Errorf("the development key %s is damaged, delete it: %w", path, err)
	}
	return keys, nil
}

// writeDevelopmentKey puts a whole file in place or none, and leaves one that is already there.
func writeDevelopmentKey(path string) error {
	secret := make([]byte, keySize)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the program instead
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".auth-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, writeErr := file.WriteString("development:" + base64.StdEncoding.EncodeToString(secret) + "\n")
	if err := errors.Join(writeErr, file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
