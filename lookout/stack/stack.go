package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farmersmarket/platform/internal/nearest"
	"github.com/farmersmarket/platform/lookout/process"
)

// Options say what to run and where.
type Options struct {
	Root    string   // this repository
	Dir     string   // the stack's folder: state, data and logs
	Bin     string   // programs built from source
	Self    string   // this program, which is also the pager
	Server  string   // the API's program; built from ./server when empty
	Ports   Ports    // complete, from DefaultPorts
	Without []string // components to leave out
	NoBuild bool     // fail where something would have to be built
	Faults  bool     // let the server's admin port inject faults

	TrafficRate float64                              // requests per second; 0 for none
	Traffic     func(context.Context, Running) error // sends them from when the server is first ready until ctx is done
	Home        func(Running) (http.Handler, error)  // the home page
	Display     Display                              // shows what happens
	Hurry       <-chan struct{}                      // closed when everything shall be killed at once
}

// Running is the stack as its home page and its traffic see it.
type Running struct {
	Ports  Ports
	Status func() Status
	Log    *slog.Logger
}

// Display shows the stack to the person who started it. Its methods are called from many goroutines.
type Display interface {
	Notice(text string) // something that happened
	Show(Status)        // how things are; called at least once a second
}

const (
	folderMode = 0o750
	// leastFree is the free disk space below which no start is tried: the logs and databases of an hour.
	leastFree    = 128 << 20
	homeShutdown = 2 * time.Second
	showInterval = time.Second
)

// Up runs the stack until ctx is done or it cannot go on, then stops every program, and returns when none is left. An
// error says what stands in the way and what to do; a stop that was asked for is none.
func Up(ctx context.Context, options Options) error {
	if err := options.prepare(); err != nil {
		return err
	}
	locked, err := lock(options.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = locked.Close() }()
	if err := options.Ports.checkFree(ctx, options.portsInUse(ctx)); err != nil {
		return err
	}
	if err := options.assemble(); err != nil {
		return explainDisk(err, options.Dir)
	}
	s, err := newStack(options)
	if err != nil {
		return explainDisk(err, options.Dir)
	}
	return explainDisk(s.run(ctx), options.Dir)
}

// prepare checks the options and makes all paths absolute, as programs run in folders of their own.
func (o *Options) prepare() error {
	for _, name := range o.Without {
		if !slices.Contains(Names(), name) {
			return fmt.Errorf("--without %s: there is no such component among %s %s",
				name, strings.Join(Names(), ", "), nearest.Hint(name, Names()))
		}
	}
	for _, path := range []*string{&o.Root, &o.Dir, &o.Bin, &o.Self, &o.Server} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return fmt.Errorf("resolve %s: %w", *path, err)
		}
		*path = absolute
	}
	for _, dir := range []string{o.Dir, o.Bin} {
		if err := os.MkdirAll(dir, folderMode); err != nil {
			return explainDisk(fmt.Errorf("create a folder of the stack: %w", err), dir)
		}
		if err := checkSpace(dir, leastFree); err != nil {
			return err
		}
	}
	return nil
}

func checkSpace(dir string, least uint64) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return fmt.Errorf("look for free space in %s: %w", dir, err)
	}
	free := disk.Bavail * uint64(disk.Bsize) //nolint:gosec // a block size is positive
	if free < least {
		return fmt.Errorf("the disk is full: %s has %s free, and the stack needs %s to start. "+
			"Free some space, or put the stack elsewhere with --dir", dir, mebibytes(free), mebibytes(least))
	}
	return nil
}

// explainDisk adds the remedy to an error that a full disk has caused.
func explainDisk(err error, dir string) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("the disk is full: free some space where %s is, or put the stack elsewhere with --dir: %w", dir, err)
	}
	return err
}

// portsInUse are the names of the ports that the programs of this run will listen on.
func (o *Options) portsInUse(ctx context.Context) []string {
	ports := map[string][]string{
		nameServer: {PortServer, PortAdmin}, namePager: {PortPager}, namePrometheus: {PortPrometheus},
		nameAlertmanager: {PortAlertmanager}, nameGrafana: {PortGrafana},
		nameJaeger: {PortJaeger, PortJaegerGRPC, PortJaegerHealth, PortJaegerStats, PortOTLPGRPC, PortOTLPHTTP},
	}
	if !grafanaInstalled(ctx) {
		delete(ports, nameGrafana)
	}
	names := []string{PortHome}
	for component, its := range ports {
		if !slices.Contains(o.Without, component) {
			names = append(names, its...)
		}
	}
	return names
}

// stack is one run.
type stack struct {
	Options
	board       *board
	starter     *process.Starter
	supervisors []*supervisor // in the order of starting
	home        *http.Server
	listener    net.Listener
	started     time.Time
	fatal       chan error // what makes the stack impossible
	published   chan struct{}
	log         *logFile // lookout's own

	mu         sync.Mutex
	readyAfter time.Duration

	traffic      sync.WaitGroup
	startTraffic sync.Once
	trafficCtx   context.Context //nolint:containedctx // ends the traffic, which a ready server starts
	stopTraffic  context.CancelFunc
}

func newStack(options Options) (*stack, error) {
	s := &stack{
		Options: options, board: newBoard(), started: time.Now(),
		fatal: make(chan error, 1), published: make(chan struct{}),
	}
	s.trafficCtx, s.stopTraffic = context.WithCancel(context.Background())
	own, err := ownProgram(options.Self)
	if err != nil {
		return nil, err
	}
	if s.log, err = openLog(s.path("logs", nameLookout+".log")); err != nil {
		return nil, err
	}
	handler, err := options.Home(s.running())
	if err != nil {
		return nil, err
	}
	s.listener, err = new(net.ListenConfig).Listen(context.Background(), "tcp", options.Ports.Address(PortHome))
	if err != nil {
		return nil, fmt.Errorf("serve the home page: %w", err)
	}
	s.home = &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	s.board.add(Component{
		Name: nameLookout, Version: own.Release, State: Ready, PID: os.Getpid(),
		URL: options.Ports.Link(PortHome), Endpoint: options.Ports.Address(PortHome),
	})
	s.starter = process.NewStarter()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	for _, program := range options.programs(s.starter, s.serverReady) {
		log, err := openLog(s.path("logs", program.name+".log"))
		if err != nil {
			s.starter.Close()
			return nil, errors.Join(err, s.listener.Close())
		}
		s.supervisors = append(s.supervisors, &supervisor{
			program: program, board: s.board, starter: s.starter, log: log, client: client,
			notify: s.notify, fatal: s.fail, hurry: options.Hurry,
		})
	}
	// Shown from the outside in: what people use first, what everything rests on last.
	for _, supervised := range slices.Backward(s.supervisors) {
		s.board.add(Component{Name: supervised.name, State: Starting, Endpoint: supervised.endpoint})
	}
	return s, nil
}

func (s *stack) running() Running {
	return Running{Ports: s.Ports, Status: s.status, Log: slog.New(slog.NewJSONHandler(s.log, nil))}
}

// notify tells the person at the terminal, and the log for those who come later.
func (s *stack) notify(text string) {
	s.Display.Notice(text)
	s.running().Log.Info(text)
}

func (s *stack) fail(err error) {
	select {
	case s.fatal <- err:
	default: // the first reason is the one to tell
	}
}

func (s *stack) run(ctx context.Context) error {
	if err := s.status().write(s.Dir); err != nil {
		s.starter.Close()
		return errors.Join(err, s.listener.Close())
	}
	go func() {
		if err := s.home.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.fail(fmt.Errorf("serve the home page: %w", err))
		}
	}()
	if err := s.addTarget(nameLookout, PortHome); err != nil {
		s.fail(err)
	}
	quit := make(chan struct{})
	go s.publish(quit)
	for _, supervised := range s.supervisors {
		supervised.start()
	}
	var reason error
	select {
	case <-ctx.Done():
	case reason = <-s.fatal:
	}
	s.stop()
	close(quit)
	<-s.published
	if err := os.Remove(s.path(stateFile)); err != nil && reason == nil {
		reason = fmt.Errorf("remove the state of the stopped stack: %w", err)
	}
	return reason
}

// stop ends everything, in the reverse of the order of starting.
func (s *stack) stop() {
	s.board.update(nameLookout, func(c *Component) { c.State = Stopping })
	s.stopTraffic()
	s.traffic.Wait()
	for _, supervised := range slices.Backward(s.supervisors) {
		supervised.stop()
	}
	s.starter.Close()
	s.board.update(nameLookout, func(c *Component) { c.State, c.PID = Stopped, 0 })
	ctx, cancel := context.WithTimeout(context.Background(), homeShutdown)
	defer cancel()
	if s.home.Shutdown(ctx) != nil {
		_ = s.home.Close() // a browser holds a connection open
	}
}

// publish writes and shows the state whenever it changes, until quit is closed.
func (s *stack) publish(quit <-chan struct{}) {
	defer close(s.published)
	tick := time.NewTicker(showInterval)
	defer tick.Stop()
	troubled := false
	for {
		changed := false
		select {
		case <-quit:
			s.Display.Show(s.status())
			return
		case <-s.board.changed:
			changed = true
		case <-tick.C:
		}
		status := s.status()
		err := s.logTrouble()
		if changed {
			err = errors.Join(err, status.write(s.Dir))
		}
		if err != nil && !troubled {
			s.notify(explainDisk(err, s.Dir).Error())
		}
		troubled = err != nil
		s.Display.Show(status)
		s.noteReady(status)
	}
}

// logTrouble returns why log lines are being lost.
func (s *stack) logTrouble() error {
	errs := []error{s.log.err()}
	for _, supervised := range s.supervisors {
		errs = append(errs, supervised.log.err())
	}
	return errors.Join(errs...)
}

// noteReady takes the time when all are ready for the first time.
func (s *stack) noteReady(status Status) {
	if status.ReadyAfterSeconds != 0 || len(status.NotReady()) > 0 {
		return
	}
	s.mu.Lock()
	s.readyAfter = time.Since(s.started)
	s.mu.Unlock()
	s.notify(fmt.Sprintf("everything is ready after %.1f s", s.readyAfter.Seconds()))
}

func (s *stack) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{
		PID: os.Getpid(), Started: s.started, ReadyAfterSeconds: s.readyAfter.Seconds(),
		Traffic: s.TrafficRate, Ports: s.Ports, Components: s.board.snapshot(),
	}
}

// serverReady starts the shoppers' traffic when the server is ready for the first time.
func (s *stack) serverReady() {
	if s.TrafficRate == 0 {
		return
	}
	s.startTraffic.Do(func() {
		s.traffic.Go(func() {
			if err := s.Traffic(s.trafficCtx, s.running()); err != nil {
				s.notify(fmt.Sprintf("the shoppers' traffic has ended: %v", err))
			}
		})
	})
}
