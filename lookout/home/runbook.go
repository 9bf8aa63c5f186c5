package home

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
)

// runbookPattern keeps names inside the folder.
var runbookPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,80}$`)

const maxRunbookBytes = 1 << 20

// markdown leaves raw HTML out, which is goldmark's default, so that a runbook cannot script the page.
var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()))

type runbookView struct {
	Name string
	Body template.HTML
}

// runbook shows docs/runbooks/<name>.md; with the suffix .md too, so that links between runbooks work here as well as in
// the repository.
func (s *site) runbook(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(r.PathValue("name"), ".md")
	source, err := s.readRunbook(name)
	if errors.Is(err, os.ErrNotExist) {
		s.render(w, http.StatusNotFound, "runbooks.html", runbookList{Missing: name, Names: s.runbookNames()})
		return
	}
	var body bytes.Buffer
	if err == nil {
		err = markdown.Convert(source, &body)
	}
	if err != nil {
		s.fail(w, http.StatusInternalServerError, "The runbook cannot be shown", err)
		return
	}
	view := runbookView{Name: name, Body: template.HTML(body.String())} //nolint:gosec // goldmark escaped it
	s.render(w, http.StatusOK, "runbook.html", view)
}

func (s *site) readRunbook(name string) ([]byte, error) {
	if s.RunbookDir == "" || !runbookPattern.MatchString(name) {
		return nil, os.ErrNotExist
	}
	root, err := os.OpenRoot(s.RunbookDir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of runbooks: %w", err)
	}
	defer func() { _ = root.Close() }()
	file, err := root.Open(name + ".md")
	if err != nil {
		return nil, fmt.Errorf("open the runbook: %w", err)
	}
	defer func() { _ = file.Close() }()
	source, err := io.ReadAll(io.LimitReader(file, maxRunbookBytes))
	if err != nil {
		return nil, fmt.Errorf("read the runbook: %w", err)
	}
	return source, nil
}

type runbookList struct {
	Missing string // the name that was asked for; empty for the list itself
	Names   []string
}

func (s *site) runbooks(w http.ResponseWriter, _ *http.Request) {
	s.render(w, http.StatusOK, "runbooks.html", runbookList{Names: s.runbookNames()})
}

// runbookNames lists the runbooks there are; none when the folder cannot be read.
func (s *site) runbookNames() []string {
	if s.RunbookDir == "" {
		return nil
	}
	entries, err := os.ReadDir(s.RunbookDir)
	if err != nil {
		return nil
	}
	var names []string
	for _, entry := range entries {
		if name, ok := strings.CutSuffix(entry.Name(), ".md"); ok && runbookPattern.MatchString(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
