package telemetry

import (
	"context"
	"log/slog"
	"strings"
)

// serverLogger takes what fasthttp has to say, which would go to standard error as plain text. Most of it is about
// connections that broke, and about requests of which there is a line already.
type serverLogger struct{ logger *slog.Logger }

// Printf implements fasthttp.Logger. Of the arguments only errors are logged: others are addresses of clients.
func (l serverLogger) Printf(format string, args ...any) {
	var texts []string
	for _, arg := range args {
		if err, ok := arg.(error); ok {
			texts = append(texts, withoutContent(err).Error())
		}
	}
	if texts == nil {
		texts = []string{format}
	}
	l.logger.LogAttrs(context.Background(), slog.LevelDebug, "HTTP server", slog.String("error", strings.Join(texts, ": ")))
}

// requestError is an error of fasthttp's about what it was sent.
type requestError struct {
	text  string
	cause error
}

func (e *requestError) Error() string { return e.text }

func (e *requestError) Unwrap() error { return e.cause }

// withoutContent leaves out what the error quotes of the request: headers have secrets in them.
func withoutContent(err error) error {
	text, _, quotes := strings.Cut(err.Error(), `"`)
	if !quotes {
		return err
	}
	return &requestError{text: strings.TrimRight(text, ": "), cause: err}
}
