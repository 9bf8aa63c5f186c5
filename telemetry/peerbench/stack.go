package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
)

// stackConnections are enough to keep two cores busy.
const stackConnections = 16

// service is one of the servers that are compared.
type service struct {
	name    string
	api     string
	admin   string
	process *exec.Cmd

	answers int
	rates   []float64 // requests a second, by turn
	cpu     float64   // seconds
}

// compareStack starts the real server twice, with its telemetry on and off, and asks both in turns for as much as they
// can give: what is cached and what is not. With it on, every trace goes to a collector and every access-log line to a
// file.
func compareStack(ctx context.Context, aims *aims, o options) error {
	collector, err := discardTraces(ctx)
	if err != nil {
		return err
	}
	defer collector.stop()
	on, err := startService(ctx, o.server, "telemetry on",
		append([]string{"TELEMETRY=on", "OTLP_ENDPOINT=" + collector.address, "TRACE_SAMPLE_RATIO=1"}, o.with...)...)
	if err != nil {
		return err
	}
	defer on.stop()
	off, err := startService(ctx, o.server, "telemetry off", "TELEMETRY=off")
	if err != nil {
		return err
	}
	defer off.stop()
	for _, s := range []*service{on, off} { // warm up
		if err := s.drive(ctx, o.turn); err != nil {
			return err
		}
		s.answers, s.rates, s.cpu = 0, nil, 0
	}
	order := []*service{off, on}
	for range o.rounds {
		for _, s := range order {
			if err := s.drive(ctx, o.turn); err != nil {
				return err
			}
		}
		slices.Reverse(order) // whatever else the machine does befalls both
	}
	reportStack(aims, on, off, o.rounds, o.turn)
	return nil
}

func reportStack(aims *aims, on, off *service, rounds int, turn time.Duration) {
	fmt.Printf("The whole server on SQLite, %d connections reading what is cached and what is not; median of %d turns of %s\n\n",
		stackConnections, rounds, turn)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\trequests/s\tserver's CPU µs/request")
	for _, s := range []*service{off, on} {
		fmt.Fprintf(w, "%s\t%.0f\t%.1f\n", s.name, median(s.rates), s.cpu*1e6/float64(s.answers))
	}
	_ = w.Flush()
	ratios := make([]float64, len(on.rates))
	for i := range ratios {
		ratios[i] = on.rates[i] / off.rates[i]
	}
	fmt.Printf("throughput, of that without: %s\n\n", aims.atLeast("throughput of the whole server", median(ratios), 0.85))
}

// collector takes traces as an OpenTelemetry Collector does, and forgets them unread: what a collector does with them is
// its own cost.
type collector struct {
	address string
	stop    func()
}

func discardTraces(ctx context.Context) (*collector, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen as a collector: %w", err)
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(unread{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		if err := stream.RecvMsg(nil); err != nil {
			return err
		}
		return stream.SendMsg(nil)
	}))
	go func() { _ = server.Serve(listener) }() // it ends with stop
	return &collector{listener.Addr().String(), server.Stop}, nil
}

type unread struct{}

func (unread) Marshal(any) (mem.BufferSlice, error) { return nil, nil }
func (unread) Unmarshal(mem.BufferSlice, any) error { return nil }
func (unread) Name() string                         { return "unread" }

func startService(ctx context.Context, binary, name string, settings ...string) (s *service, err error) {
	binary, err = filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "peerbench-")
	if err != nil {
		return nil, err
	}
	s = &service{name: name, api: ports[0], admin: ports[1], process: exec.CommandContext(ctx, binary)}
	s.process.Dir = folder
	s.process.Env = append(os.Environ(), append(settings, "ENVIRONMENT=development", "HTTP_ADDR="+s.api, "ADMIN_ADDR="+s.admin,
		"DATABASE_URL=sqlite://"+filepath.Join(folder, "market.db"))...)
	if err := s.start(ctx); err != nil {
		s.stop()
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	return s, nil
}

// start runs the server and waits until it is ready.
func (s *service) start(ctx context.Context) error {
	const patience, interval = 30 * time.Second, 100 * time.Millisecond
	path := filepath.Join(s.process.Dir, "server.log")
	log, err := os.Create(path) //nolint:gosec // G304: the folder is ours
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !s.isReady() {
		select {
		case <-ctx.Done():
			said, _ := os.ReadFile(path) //nolint:gosec // G304: the folder is ours
			return fmt.Errorf("it did not become ready: %w; it said:\n%s", ctx.Err(), said)
		case <-time.After(interval):
		}
	}
	return nil
}

func (s *service) isReady() bool {
	response, err := http.Get("http://" + s.api + "/api/ready") //nolint:noctx // it is the benchmark's own server
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// stop ends the server, if it has started, and deletes what it has written.
func (s *service) stop() {
	if s.process.Process != nil {
		_ = s.process.Process.Signal(syscall.SIGTERM)
		_ = s.process.Wait()
	}
	_ = os.RemoveAll(s.process.Dir)
}

func freePorts(ctx context.Context, n int) ([]string, error) {
	var ports []string
	var listeners []net.Listener
	defer func() { // all at once, so that they differ
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
	for range n {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		ports = append(ports, listener.Addr().String())
		listeners = append(listeners, listener)
	}
	return ports, nil
}

// drive asks over many connections for a turn. Its clients do as little as can be done, so that the server is what is
// measured.
func (s *service) drive(ctx context.Context, turn time.Duration) error {
	requests, err := s.mixture()
	if err != nil {
		return err
	}
	before, err := s.cpuSeconds()
	if err != nil {
		return err
	}
	start := time.Now()
	counts := make([]int, stackConnections)
	group, inner := errgroup.WithContext(ctx)
	for i := range counts {
		group.Go(func() (err error) {
			counts[i], err = s.ask(inner, requests, start.Add(turn))
			return err
		})
	}
	err = group.Wait()
	if ctx.Err() != nil { // what broke then broke for that
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("load the server with %s: %w", s.name, err)
	}
	took := time.Since(start)
	after, err := s.cpuSeconds()
	if err != nil {
		return err
	}
	sum := 0
	for _, n := range counts {
		sum += n
	}
	s.answers += sum
	s.cpu += after - before
	s.rates = append(s.rates, float64(sum)/took.Seconds())
	return nil
}

// mixture is what shoppers read: mostly the catalogue, which is cached, and half as often what is on offer, which is not.
func (s *service) mixture() ([]string, error) {
	paths := []string{"/api/v1/products", "/api/v1/products?category=fruit", "/api/v1/farms", "/api/v1/markets", "/api/v1/market-days"}
	for _, of := range []struct{ list, path string }{
		{"/api/v1/products", "/api/v1/products/"},
		{"/api/v1/farms", "/api/v1/farms/"},
		{"/api/v1/market-days", "/api/v1/market-days/"},
		{"/api/v1/market-days", "/api/v1/offerings?market_day="},
	} {
		ids, err := s.ids(of.list)
		if err != nil {
			return nil, err
		}
		for _, id := range ids[:min(3, len(ids))] {
			paths = append(paths, of.path+id)
		}
	}
	requests := make([]string, len(paths))
	for i, path := range paths {
		requests[i] = "GET " + path + " HTTP/1.1\r\nHost: market.example\r\nUser-Agent: peerbench\r\n\r\n"
	}
	return requests, nil
}

func (s *service) ids(path string) ([]string, error) {
	response, err := http.Get("http://" + s.api + path) //nolint:noctx // it is the benchmark's own server
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var page struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(page.Data) == 0 {
		return nil, fmt.Errorf("%s lists nothing: the server has no example catalogue", path)
	}
	var ids []string
	for _, item := range page.Data {
		ids = append(ids, item.ID)
	}
	return ids, nil
}

// cpuSeconds is what the server has used so far, by its own metric.
func (s *service) cpuSeconds() (float64, error) {
	response, err := http.Get("http://" + s.admin + "/metrics") //nolint:noctx // it is the benchmark's own server
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "process_cpu_seconds_total "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, errors.New("the server does not say what CPU time it has used")
}

func (s *service) ask(ctx context.Context, requests []string, end time.Time) (answers int, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.api)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	reader := bufio.NewReaderSize(conn, 64<<10)
	for time.Now().Before(end) {
		request := requests[rand.IntN(len(requests))] //nolint:gosec // G404: which is asked is no secret
		if _, err := io.WriteString(conn, request); err != nil {
			return answers, err
		}
		if err := skipAnswer(reader); err != nil {
			return answers, fmt.Errorf("%.60q: %w", request, err)
		}
		answers++
	}
	return answers, nil
}

// skipAnswer reads an answer that has a Content-Length, and wants it to be 200.
func skipAnswer(reader *bufio.Reader) error {
	length := 0
	for line := 0; ; line++ {
		text, err := reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line == 0 && !strings.HasPrefix(string(text), "HTTP/1.1 200") {
			return fmt.Errorf("answered %s", text)
		}
		if len(text) <= 2 {
			break
		}
		if value, ok := strings.CutPrefix(string(text), "Content-Length: "); ok {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return err
			}
		}
	}
	_, err := reader.Discard(length)
	return err
}
