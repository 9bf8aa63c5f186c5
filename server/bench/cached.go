package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"
)

const (
	productsPath    = "/api/v1/products"
	productsRequest = "GET " + productsPath + " HTTP/1.1\r\nHost: market.example\r\nUser-Agent: bench\r\n\r\n"
)

// cached compares the list of products, which the server has in its cache, with a bare Fiber handler that sends the same
// bytes, in a process of its own, too.
func (r *ratios) cached(ctx context.Context) (c comparison, err error) {
	run, err := openMeasured(ctx, "sqlite", r.server)
	if err != nil {
		return comparison{}, err
	}
	defer func() { err = errors.Join(err, run.close()) }()
	body, err := get(run.server.url + productsPath)
	if err != nil {
		return comparison{}, err
	}
	bare, err := startBareHandler(ctx, body)
	if err != nil {
		return comparison{}, err
	}
	defer bare.stop()
	return compare(ctx, r.turns, r.length, asking(run.server.address()), asking(bare.address))
}

// asking is the side that asks for the products there.
func asking(address string) side {
	return func(ctx context.Context, end time.Time) (int, error) {
		conn, err := connect(ctx, address)
		if err != nil {
			return 0, err
		}
		defer func() { _ = conn.Close() }()
		return repeat(ctx, end, func() error { return conn.ask(productsRequest, "200") })
	}
}

// bareHandlerCommand is the hidden command that is the bare side. It is not for people.
const bareHandlerCommand = "bare-handler"

// bareHandler is Fiber with one handler and nothing else.
type bareHandler struct {
	address string
	command *exec.Cmd
}

// startBareHandler runs this program again, as the bare side.
func startBareHandler(ctx context.Context, body []byte) (*bareHandler, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	b := &bareHandler{command: exec.CommandContext(ctx, self, bareHandlerCommand)} //nolint:gosec // this program
	b.command.Stdin, b.command.Stderr = strings.NewReader(string(body)), os.Stderr
	output, err := b.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := b.command.Start(); err != nil {
		return nil, fmt.Errorf("start the bare handler: %w", err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		b.stop()
		return nil, fmt.Errorf("wait for the address of the bare handler: %w", err)
	}
	b.address = strings.TrimSpace(line)
	return b, nil
}

func (b *bareHandler) stop() {
	_ = b.command.Process.Signal(syscall.SIGTERM) // it may have ended
	_ = b.command.Wait()
}

// serveBare is the bare side: it sends the bytes of its input until it is told to stop.
func serveBare(ctx context.Context, input io.Reader, output io.Writer) error {
	body, err := io.ReadAll(input)
	if err != nil {
		return err
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get(productsPath, func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Send(body)
	})
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(output, listener.Addr()); err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = app.ShutdownWithTimeout(time.Second) })
	return app.Listener(listener)
}
