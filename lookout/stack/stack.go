package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/farmersmarket/platform/lookout/process"
)

const (
	homeShutdown = 2 * time.Second
	showInterval = time.Second
)

// Up runs the stack until ctx is done or it cannot go on, then stops every program, and returns when none is left. An
// error says what stands in the way and what to do; a stop that was asked for is none.
func Up(ctx context.Context, options Options) error {
	return up(ctx, options, func(ctx context.Context, o *Options, starter *process.Starter, onServer func()) []program {
		return o.programs(ctx, starter, onServer)
	})
}

// choose returns the programs to run, in the order of starting. It is a parameter so that tests can run small ones.
type choose func(ctx context.Context, o *Options, starter *process.Starter, onServer func()) []program

func up(ctx context.Context, options Options, programs choose) error {
	if err := options.prepare(); err != nil {
		return err
	}
	locked, err := lock(options.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = locked.Close() }()
	s := &stack{
		Options: options, board: newBoard(), started: time.Now(), starter: process.NewStarter(),
		fatal: make(chan error, 1), published: make(chan struct{}),
	}
	defer s.starter.Close()
	// The end of ctx begins an orderly stop; it must not pull the ground from under everything at once.
	lasting, stopTraffic := context.WithCancel(context.WithoutCancel(ctx))
	defer stopTraffic()
	s.stopTraffic = stopTraffic
	chosen := programs(ctx, &s.Options, s.starter, s.trafficStarter(lasting))
	if err := s.Ports.checkFree(ctx, portsOf(chosen)); err != nil {
		return err
	}
	if err := s.open(lasting, chosen); err != nil {
		return explainDisk(err, s.Dir)
	}
	return explainDisk(s.run(ctx), s.Dir)
}

// stack is one run.
type stack struct {
	Options
	board       *board
	starter     *process.Starter
	supervisors []*supervisor // in the order of starting
	home        *http.Server
	listener    net.Listener
	log         *logFile // lookout's own
	started     time.Time
	stopTraffic context.CancelFunc
	traffic     sync.WaitGroup
	fatal       chan error    // what makes the stack impossible
	published   chan struct{} // closed when nothing more is written or shown

	mu         sync.Mutex
	readyAfter time.Duration
}

// open does all that can fail before anything is started.
func (s *stack) open(ctx context.Context, chosen []program) error {
	if err := s.assemble(); err != nil {
		return err
	}
	own, err := ownProgram(s.Self)
	if err != nil {
		return err
	}
	if s.log, err = openLog(s.path("logs", nameLookout+".log")); err != nil {
		return err
	}
	s.board.add(Component{
		Name: nameLookout, Version: own.Release, State: Ready, PID: os.Getpid(),
		URL: s.Ports.Link(PortHome), Endpoint: s.Ports.Address(PortHome),
	})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	for _, program := range chosen {
		log, err := openLog(s.path("logs", program.name+".log"))
		if err != nil {
			return err
		}
		s.supervisors = append(s.supervisors, &supervisor{
			program: program, board: s.board, starter: s.starter, log: log, client: client,
			notify: s.notify, fatal: s.fail, hurry: s.Hurry,
		})
	}
	// Shown from the outside in: what people use first, what everything rests on last.
	for _, supervised := range slices.Backward(s.supervisors) {
		s.board.add(Component{Name: supervised.name, State: Starting, Endpoint: supervised.endpoint})
	}
	handler, err := s.Home(s.running())
	if err != nil {
		return err
	}
	s.home = &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	if err := errors.Join(s.status().write(s.Dir), s.addTarget(nameLookout, PortHome)); err != nil {
		return err
	}
	s.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", s.Ports.Address(PortHome))
	if err != nil {
		return fmt.Errorf("serve the home page: %w", err)
	}
	return nil
}

func (s *stack) running() Running {
	return Running{Ports: s.Ports, Status: s.status, Log: slog.New(slog.NewJSONHandler(s.log, nil)).With("service", nameLookout)}
}

// notify tells the person at the terminal, and the log for those who come later.
func (s *stack) notify(text string) {
	s.Display.Notice(text)
	s.running().Log.Info("notice", "text", text)
}

func (s *stack) fail(err error) {
	select {
	case s.fatal <- err:
	default: // the first reason is the one to tell
	}
}

func (s *stack) run(ctx context.Context) error {
	go func() {
		if err := s.home.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.fail(fmt.Errorf("serve the home page: %w", err))
		}
	}()
	quit := make(chan struct{})
	go s.publish(quit)
	for _, supervised := range s.supervisors {
		supervised.start(context.WithoutCancel(ctx))
	}
	var reason error
	select {
	case <-ctx.Done():
	case reason = <-s.fatal:
	}
	s.stop(context.WithoutCancel(ctx))
	close(quit)
	<-s.published
	s.log.close()
	if err := os.Remove(s.path(stateFile)); err != nil && reason == nil {
		reason = fmt.Errorf("remove the state of the stopped stack: %w", err)
	}
	return reason
}

// stop ends everything, in the reverse of the order of starting.
func (s *stack) stop(ctx context.Context) {
	s.board.update(nameLookout, func(c *Component) { c.State = Stopping })
	s.stopTraffic()
	s.traffic.Wait()
	for _, supervised := range slices.Backward(s.supervisors) {
		supervised.stop()
	}
	s.board.update(nameLookout, func(c *Component) { c.State, c.PID = Stopped, 0 })
	ctx, cancel := context.WithTimeout(ctx, homeShutdown)
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
		changed, becameReady := false, false
		select {
		case <-quit:
			s.Display.Show(s.status())
			return
		case <-s.board.changed:
			changed, becameReady = true, s.noteReady()
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
		if becameReady {
			s.notify(fmt.Sprintf("everything is ready after %.1f s", status.ReadyAfterSeconds))
		}
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

// noteReady takes the time when all are ready for the first time, and says whether that is now.
func (s *stack) noteReady() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readyAfter != 0 || len((Status{Components: s.board.snapshot()}).NotReady()) > 0 {
		return false
	}
	s.readyAfter = time.Since(s.started)
	return true
}

func (s *stack) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{
		PID: os.Getpid(), Started: s.started, ReadyAfterSeconds: s.readyAfter.Seconds(),
		Traffic: s.TrafficRate, Ports: s.Ports, Components: s.board.snapshot(),
	}
}

// trafficStarter returns what starts the shoppers' traffic when the server is ready for the first time.
func (s *stack) trafficStarter(ctx context.Context) func() {
	var once sync.Once
	return func() {
		if s.TrafficRate == 0 {
			return
		}
		once.Do(func() {
			s.traffic.Go(func() {
				if err := s.Traffic(ctx, s.running()); err != nil {
					s.notify(fmt.Sprintf("the shoppers' traffic has ended: %v", err))
				}
			})
		})
	}
}
