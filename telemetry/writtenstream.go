package telemetry

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"

	"github.com/gofiber/fiber/v2"
)

// Stream answers a request with what the function writes, which goes on when the handler has returned. It stands in the
// place of fasthttp's SetBodyStreamWriter, in whose function a panic ends the process. Here a panic, or an error that the
// function returns, fails the request and cuts its answer off. The function must not use the request: fasthttp uses it again.
func (t *Telemetry) Stream(c *fiber.Ctx, write func(*bufio.Writer) error) {
	reader, writer := io.Pipe()
	ctx := c.UserContext()
	s := &writtenStream{
		PipeReader: reader,
		over:       t.config.Off, // nobody follows it
		tell:       func(err error) { t.logLateFailure(ctx, err) },
	}
	go func() {
		err := writeAll(writer, write)
		s.ended(err)
		_ = writer.CloseWithError(err) // it never fails
	}()
	c.Context().SetBodyStream(s, -1)
}

func writeAll(to io.Writer, write func(*bufio.Writer) error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = newPanicError(value)
		}
	}()
	buffered := bufio.NewWriter(to)
	if err := write(buffered); err != nil {
		return err
	}
	return buffered.Flush()
}

// writtenStream is a body stream that a goroutine of its own writes.
type writtenStream struct {
	*io.PipeReader

	tell func(error)

	mu     sync.Mutex
	failed error
	over   bool // the request is: what fails from now on has to be told otherwise
}

// ended notes how the writing ended. That nobody reads any more is what ends most streams whose client has gone.
func (s *writtenStream) ended(err error) {
	if errors.Is(err, io.ErrClosedPipe) {
		return
	}
	s.mu.Lock()
	over := s.over
	s.failed = err
	s.mu.Unlock()
	if over && err != nil {
		s.tell(err)
	}
}

// Close ends the reading. It returns what the writing has failed with, which may not have been read.
func (s *writtenStream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	_ = s.PipeReader.Close() // it never fails
	return s.failed
}

// logLateFailure tells of what there is no request's line for.
func (t *Telemetry) logLateFailure(ctx context.Context, err error) {
	attrs := []slog.Attr{slog.String("error", err.Error())}
	var p *PanicError
	if errors.As(err, &p) {
		attrs = append(attrs, slog.String("stack", p.Stack))
	}
	t.Logger.LogAttrs(ctx, slog.LevelError, "a stream failed that nobody reads", attrs...)
}
