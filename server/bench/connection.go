package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// connection is one of HTTP that is kept alive. It does as little as can be done, so that the servers are what is measured.
type connection struct {
	net.Conn
	reader *bufio.Reader
}

func connect(ctx context.Context, address string) (*connection, error) {
	const buffer = 64 << 10
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{conn, bufio.NewReaderSize(conn, buffer)}, nil
}

// ask sends a request and reads the answer, which must have the status and a Content-Length.
func (c *connection) ask(request, status string) error {
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	length := 0
	for first := true; ; first = false {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("read the answer to %.40q: %w", request, err)
		}
		if first && !strings.HasPrefix(string(line), "HTTP/1.1 "+status) {
			return fmt.Errorf("%.40q was answered with %q", request, line)
		}
		if len(line) <= len("\r\n") {
			break
		}
		if value, ok := strings.CutPrefix(string(line), "Content-Length: "); ok {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return err
			}
		}
	}
	_, err := c.reader.Discard(length)
	return err
}
