package telemetry

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// goneAfter is the duration from which is looked whether the client is still there. It costs a system call, and who asks
// and goes away sooner has hardly been kept waiting.
const goneAfter = 100 * time.Millisecond

// followedStream is the body stream of a response. The request is over when it is: fasthttp reads it after the handler
// has returned.
type followedStream struct {
	io.Reader

	done func(*followedStream)
	err  error // of the stream itself, rather than of sending it
	sent error // of sending it
}

// follow puts a followedStream in the place of the response's body stream.
func follow(response *fasthttp.Response, done func(*followedStream)) {
	stream, size := response.BodyStream(), response.Header.ContentLength()
	if limited, ok := stream.(*io.LimitedReader); ok && size < 0 {
		size = int(limited.N)
	}
	// SetBodyStream closes the stream that it replaces. So the response is emptied first, in the one way there is: its
	// content is moved out of it, and back without the stream.
	moved := take(response)
	response.ImmediateHeaderFlush, response.SkipBody = moved.ImmediateHeaderFlush, moved.SkipBody
	response.Header = take(&moved.Header)
	response.SetBodyStream(&followedStream{Reader: stream, done: done}, size)
}

// take moves a value out of its place, in which nothing is left: of what must not be copied there is one at any time.
func take[T any](place *T) T {
	var nothing T
	value := *place
	*place = nothing
	return value
}

// Read remembers what went wrong in the stream. A panic in it becomes an error, for there is nobody else to tell.
func (s *followedStream) Read(p []byte) (n int, err error) {
	defer func() {
		if value := recover(); value != nil {
			n, err = 0, newPanicError(value)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			s.err = err
		}
	}()
	return s.Reader.Read(p)
}

// Close is called before CloseWithError.
func (s *followedStream) Close() error {
	switch stream := s.Reader.(type) {
	case *writtenStream:
		if err := stream.Close(); s.err == nil {
			s.err = err
		}
	case io.Closer:
		if err := stream.Close(); err != nil {
			return fmt.Errorf("close the body stream: %w", err)
		}
	}
	return nil
}

// CloseWithError ends the request. fasthttp gives it what kept the stream from being sent.
func (s *followedStream) CloseWithError(sent error) error {
	s.sent = sent
	s.done(s)
	return nil
}

// outcome is how the request ended, given how it had begun to be answered.
func (s *followedStream) outcome(o outcome) outcome {
	switch {
	case o.errorType != "":
	case s.err != nil:
		o.errorType = catalogue.ErrorInternal
	case errors.Is(s.sent, os.ErrDeadlineExceeded): // the client takes too long to read it
		o.errorType = catalogue.ErrorTimeout
	case s.sent != nil:
		o.errorType = catalogue.ErrorCanceled
	}
	return o
}

// cause is what went wrong first.
func (s *followedStream) cause(before error) error {
	switch {
	case before != nil:
		return before
	case s.err != nil:
		return s.err
	}
	return s.sent
}

// clientGone says whether the client has closed its end of the connection. fasthttp does not read from a connection while
// a handler runs, so it does not know. A client behind TLS looks as if it were there: what waits to be read may be its
// farewell or its next request.
func clientGone(conn net.Conn) bool {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		var next [1]byte
		n, _, err := syscall.Recvfrom(int(fd), next[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		gone = n == 0 && err == nil || errors.Is(err, syscall.ECONNRESET)
	})
	return gone && err == nil
}
