package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/farmersmarket/platform/lookout/home"
	"github.com/farmersmarket/platform/lookout/stack"
	"github.com/farmersmarket/platform/lookout/traffic"
	"github.com/farmersmarket/platform/telemetry"
)

// defaultDir is the folder of the stack that runs in a clone of the repository.
const defaultDir = ".run"

func newUpCommand() *cobra.Command {
	var options stack.Options
	var ports []string
	var offset int
	command := &cobra.Command{
		Use:   "up",
		Short: "Run the API and its telemetry stack, and watch them until Ctrl-C",
		Long: `Run the API and its telemetry stack, and watch them until Ctrl-C.

Started are the API server, Prometheus, Alertmanager, Jaeger, a page inbox, a home page and, when it is on
PATH, Grafana; probes that ask and order as customers do (blackbox exporter, lookout probe); and a little
shopper traffic, so that there is something to see. A program that is missing
is built once from source into .bin/: that takes some minutes, while the API already answers. A program
that crashes is started again. Ctrl-C stops all of them; a second Ctrl-C kills them at once.

The configuration of each program is in compose/. A change of Prometheus's rules (lookout build) takes
effect by itself within seconds. All ports are bound to 127.0.0.1.

Exit status: 0 after Ctrl-C, 2 when the stack cannot run here; then nothing is left running.`,
		Example: `  lookout up
  lookout up --port server=9000 --traffic 20
  lookout up --dir /tmp/second --port-offset 10000     a second stack beside the first`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			options.Ports = stack.DefaultPorts(offset)
			if err := options.Ports.Set(ports); err != nil {
				return err
			}
			if options.TrafficRate < 0 {
				return fmt.Errorf("--traffic %g: want requests per second, or 0 for none", options.TrafficRate)
			}
			if share := options.SamplingShare; !(share >= 0 && share <= 100) {
				return fmt.Errorf("--sampling-share %g: want percent, from 0 to 100", share)
			}
			return runUp(command.Context(), options)
		},
	}
	flags := command.Flags()
	flags.StringVar(&options.Dir, "dir", "", "folder for state, data and logs (default .run of the repository)")
	flags.StringArrayVar(&ports, "port", nil, "`NAME=PORT` to use instead of the default; repeatable. Names and defaults: "+
		"home=8090 server=8080 server-admin=8081 pager=8091 prometheus=9090 alertmanager=9093 grafana=3000 jaeger=16686 "+
		"jaeger-grpc=16685 jaeger-health=13133 jaeger-metrics=8888 otlp-grpc=4317 otlp-http=4318 blackbox=9115 probe=8092")
	flags.IntVar(&offset, "port-offset", 0, "`N` to add to every default port")
	flags.Float64Var(&options.TrafficRate, "traffic", 3, "shopper `requests` per second; 0 for none")
	flags.Float64Var(&options.SamplingShare, "sampling-share", 100, "`percent` of the traces kept that show nothing remarkable; "+
		"below 100, each trace appears after seconds")
	flags.BoolVar(&options.Faults, "faults", true, "let the server's admin port inject faults, as drills do")
	flags.StringSliceVar(&options.Without, "without", nil, "component `NAME` to leave out; repeatable")
	flags.BoolVar(&options.NoBuild, "no-build", false, "fail where a program would have to be built")
	flags.StringVar(&options.Server, "server", "", "`path` of the API server's program (default: built from ./server)")
	return command
}

func runUp(ctx context.Context, options stack.Options) error {
	root, err := stack.FindRepository()
	if err != nil {
		return err
	}
	if options.Self, err = os.Executable(); err != nil {
		return fmt.Errorf("find the path of this program: %w", err)
	}
	options.Root, options.Bin = root, filepath.Join(root, ".bin")
	if options.Dir == "" {
		options.Dir = filepath.Join(root, defaultDir)
	}
	options.Home, options.Traffic = homePage(root), shoppers(options.TrafficRate)
	display, restore := newDisplay(os.Stdout)
	defer restore()
	options.Display = display
	ctx, hurry, release := stopSignals(ctx)
	defer release()
	options.Hurry = hurry
	return stack.Up(ctx, options)
}

// stopSignals returns a context that the first signal ends, and a channel that the second closes. A closed terminal and
// a closed output count as signals to stop.
func stopSignals(ctx context.Context) (stopped context.Context, hurry <-chan struct{}, release func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals, hurried := make(chan os.Signal, 4), make(chan struct{})
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	go func() {
		<-signals
		cancel()
		for received := range signals {
			// A terminal that closes sends several signals; only a person's second one means hurry.
			if received == syscall.SIGINT || received == syscall.SIGTERM {
				close(hurried)
				return
			}
		}
	}()
	return ctx, hurried, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}

// newDisplay returns a live table on a terminal, and lines elsewhere; restore gives the terminal back as it was.
func newDisplay(out *os.File) (display stack.Display, restore func()) {
	terminal := int(out.Fd())
	if !term.IsTerminal(terminal) {
		return stack.NewLines(out), func() {}
	}
	size := func() (width, height int) {
		width, height, err := term.GetSize(terminal)
		if err != nil {
			return 80, 24
		}
		return width, height
	}
	const hideCursor, showCursor = "\x1b[?25l", "\x1b[?25h"
	_, _ = out.WriteString(hideCursor) // a terminal that is gone needs no cursor
	return stack.NewScreen(out, os.Args[0], size, colourful()), func() { _, _ = out.WriteString(showCursor) }
}

// colourful says whether a terminal may be written to in colour (https://no-color.org).
func colourful() bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func homePage(root string) func(stack.Running) (http.Handler, error) {
	return func(running stack.Running) (http.Handler, error) {
		page, err := home.New(home.Config{
			Components:      func() []stack.Component { return running.Status().Components },
			PrometheusURL:   running.Ports.URL(stack.PortPrometheus),
			AlertmanagerURL: running.Ports.URL(stack.PortAlertmanager),
			JaegerURL:       running.Ports.URL(stack.PortJaeger),
			PagerURL:        running.Ports.URL(stack.PortPager),
			GrafanaURL:      running.Ports.URL(stack.PortGrafana),
			ServerURL:       running.Ports.URL(stack.PortServer),
			Links: home.Links{
				Server:       running.Ports.Link(stack.PortServer),
				Alertmanager: running.Ports.Link(stack.PortAlertmanager),
				Pager:        running.Ports.Link(stack.PortPager),
				Grafana:      running.Ports.Link(stack.PortGrafana),
			},
			RunbookDir: filepath.Join(root, "docs", "runbooks"),
			Log:        running.Log,
		})
		if err != nil {
			return nil, err
		}
		metrics := telemetry.NewMetrics()
		stack.ExposeStates(metrics, running.Status)
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", metrics.Handler(running.Log))
		mux.Handle("/", page)
		return mux, nil
	}
}

func shoppers(rate float64) func(context.Context, stack.Running) error {
	return func(ctx context.Context, running stack.Running) error {
		return traffic.Run(ctx, traffic.Config{BaseURL: running.Ports.URL(stack.PortServer), Rate: rate})
	}
}
