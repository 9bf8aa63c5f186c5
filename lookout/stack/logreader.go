package stack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/farmersmarket/platform/internal/nearest"
)

const followInterval = 200 * time.Millisecond

// Log is a component's log as a reader sees it.
type Log struct {
	Dir  string // the folder of all logs
	Name string // of the component
}

// Print writes the last lines of the log.
func (l Log) Print(out io.Writer, lines int) error {
	file, err := l.open()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return l.copyLast(out, file, lines)
}

// Follow writes the last lines of the log and then every new one, across rotations, until ctx is done.
func (l Log) Follow(ctx context.Context, out io.Writer, lines int) error {
	file, err := l.open()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if err := l.copyLast(out, file, lines); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followInterval):
		}
		if _, err := io.Copy(out, file); err != nil {
			return fmt.Errorf("follow the log of %s: %w", l.Name, err)
		}
		newer, err := l.rotated(file)
		if err != nil {
			return err
		}
		if newer == nil {
			continue
		}
		// What was written between the copy above and the rotation.
		if _, err := io.Copy(out, file); err != nil {
			return fmt.Errorf("follow the log of %s: %w", l.Name, err)
		}
		_ = file.Close()
		file = newer
	}
}

// rotated returns the newer file when the log was rotated away from this one, else nil.
func (l Log) rotated(file *os.File) (*os.File, error) {
	current, err := os.Stat(l.path())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // between the two steps of a rotation there is no newer file yet
	}
	if err != nil {
		return nil, fmt.Errorf("follow the log of %s: %w", l.Name, err)
	}
	mine, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("follow the log of %s: %w", l.Name, err)
	}
	if os.SameFile(current, mine) {
		return nil, nil //nolint:nilnil // the log was not rotated
	}
	return l.open()
}

func (l Log) path() string {
	return filepath.Join(l.Dir, l.Name+".log")
}

func (l Log) open() (*os.File, error) {
	names := append([]string{nameLookout}, Names()...)
	if !slices.Contains(names, l.Name) {
		return nil, fmt.Errorf("there is no component %q: %s", l.Name, nearest.Suggest(l.Name, names))
	}
	file, err := os.Open(l.path())
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s has no log yet in %s: start the stack with `lookout up`", l.Name, l.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", l.Name, err)
	}
	return file, nil
}

// copyLast writes the last lines of the log, also those in the file that was rotated away, and leaves file at its end.
func (l Log) copyLast(out io.Writer, file *os.File, lines int) error {
	last, err := lastLinesOf(file, lines)
	if err != nil {
		return fmt.Errorf("read the log of %s: %w", l.Name, err)
	}
	older, err := os.Open(l.path() + ".1")
	if err == nil {
		before, readErr := lastLinesOf(older, max(0, lines-len(last)))
		err = errors.Join(readErr, older.Close())
		last = append(before, last...)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read the older log of %s: %w", l.Name, err)
	}
	if _, err := io.WriteString(out, strings.Join(last, "")); err != nil {
		return fmt.Errorf("print the log of %s: %w", l.Name, err)
	}
	return nil
}

func lastLinesOf(from io.Reader, n int) ([]string, error) {
	var last []string
	for reader := bufio.NewReader(from); ; {
		line, err := reader.ReadString('\n')
		if line != "" {
			last = append(last, line)
			last = last[max(0, len(last)-n):]
		}
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
