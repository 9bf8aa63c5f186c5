package pager

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	currentName = "pages.jsonl"
	olderName   = "pages.older.jsonl"
)

// store keeps notifications in two append-only files of JSON lines: the current one and the one before it. When the
// current file is full it takes the older one's place, so that the two together stay within the bound.
type store struct {
	dir      string
	maxBytes int64 // of one file

	mu      sync.Mutex
	file    *os.File
	size    int64
	older   []Notification // those of the older file, oldest first
	current []Notification // those of the current file, oldest first
	lastID  uint64
	lost    recovered
}

// recovered is what opening the store found damaged.
type recovered struct {
	TornBytes int64 // of a last line that was never finished, cut off
	BadLines  int   // lines that are no notification, left in the file and passed over
}

// openStore reads what is on disk. A last line that a crash left unfinished is cut off: its sender was never answered
// and sends it again.
func openStore(dir string, maxBytes int64) (*store, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the folder for notifications: %w", err)
	}
	s := &store{dir: dir, maxBytes: maxBytes / 2}
	older, _, err := s.read(olderName)
	if err != nil {
		return nil, err
	}
	s.older = older
	current, complete, err := s.read(currentName)
	if err != nil {
		return nil, err
	}
	s.current = current
	if err := s.open(complete); err != nil {
		return nil, err
	}
	for _, n := range append(older[:len(older):len(older)], current...) {
		s.lastID = max(s.lastID, n.ID)
	}
	return s, nil
}

// read returns the notifications of a file and the length of its complete lines.
func (s *store) read(name string) (notifications []Notification, complete int64, err error) {
	content, err := os.ReadFile(filepath.Join(s.dir, name)) //nolint:gosec // the folder is the operator's choice
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read stored notifications: %w", err)
	}
	for len(content) > 0 {
		line, rest, whole := bytes.Cut(content, []byte("\n"))
		if !whole {
			s.lost.TornBytes += int64(len(line))
			break
		}
		complete += int64(len(line)) + 1
		content = rest
		var n Notification
		if json.Unmarshal(line, &n) != nil || n.ID == 0 || checkStatus(n.Status) != nil {
			s.lost.BadLines++
			continue
		}
		notifications = append(notifications, n)
	}
	return notifications, complete, nil
}

// open opens the current file for appending and cuts it to its complete lines.
func (s *store) open(complete int64) error {
	path := filepath.Join(s.dir, currentName)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the folder is the operator's choice
	if err != nil {
		return fmt.Errorf("open %s for notifications: %w", path, err)
	}
	if err := file.Truncate(complete); err != nil {
		return errors.Join(fmt.Errorf("cut the unfinished line off %s: %w", path, err), file.Close())
	}
	if _, err := file.Seek(complete, io.SeekStart); err != nil {
		return errors.Join(fmt.Errorf("find the end of %s: %w", path, err), file.Close())
	}
	s.file, s.size = file, complete
	return s.syncDir()
}

// append gives the notification its id and time and returns only once it is on disk.
func (s *store) append(n Notification, now time.Time) (Notification, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return n, errors.New("store a notification: the store is closed")
	}
	n.ID, n.ReceivedAt = s.lastID+1, now.UTC()
	line, err := json.Marshal(n)
	if err != nil {
		return n, fmt.Errorf("encode notification %d: %w", n.ID, err)
	}
	line = append(line, '\n')
	if s.size > 0 && s.size+int64(len(line)) > s.maxBytes {
		if err := s.rotate(); err != nil {
			return n, err
		}
	}
	if err := s.write(line); err != nil {
		return n, fmt.Errorf("store notification %d in %s: %w", n.ID, s.dir, err)
	}
	s.lastID = n.ID
	s.current = append(s.current, n)
	return n, nil
}

// write leaves the file as it was when the line cannot be written and flushed in full.
func (s *store) write(line []byte) error {
	_, err := s.file.Write(line)
	if err == nil {
		err = s.file.Sync()
	}
	if err == nil {
		s.size += int64(len(line))
		return nil
	}
	_, seekErr := s.file.Seek(s.size, io.SeekStart)
	return errors.Join(err, s.file.Truncate(s.size), seekErr)
}

func (s *store) rotate() error {
	full := s.file
	err := os.Rename(filepath.Join(s.dir, currentName), filepath.Join(s.dir, olderName))
	switch {
	case errors.Is(err, os.ErrNotExist): // put aside before, but the new file could not be opened then
	case err != nil:
		return fmt.Errorf("put the full file of notifications aside: %w", err)
	default:
		s.older, s.current = s.current, nil
	}
	if err := s.open(0); err != nil {
		return err
	}
	if err := full.Close(); err != nil {
		return fmt.Errorf("close the full file of notifications: %w", err)
	}
	return nil
}

// syncDir makes renames and new files last through a crash.
func (s *store) syncDir() error {
	dir, err := os.Open(s.dir)
	if err != nil {
		return fmt.Errorf("open the folder of notifications: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("flush the folder of notifications: %w", err)
	}
	return nil
}

// all returns every notification kept, oldest first.
func (s *store) all() []Notification {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(s.older[:len(s.older):len(s.older)], s.current...)
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	file := s.file
	s.file = nil
	if err := file.Close(); err != nil {
		return fmt.Errorf("close the file of notifications: %w", err)
	}
	return nil
}
