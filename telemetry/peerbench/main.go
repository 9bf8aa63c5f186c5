// peerbench measures what the instrumentation in telemetry/ costs, side by side with the usual pair of middlewares for
// Fiber, otelfiber and fiberprometheus, in one run. It is a module of its own, so that these are no dependencies of ours.
//
//	cd telemetry/peerbench && go run . --server ../../.bin/server
//
// docs/performance.md explains the figures.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	missed, err := run(ctx, os.Args[1:])
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "peerbench:", err)
		os.Exit(2)
	case len(missed) > 0:
		fmt.Fprintln(os.Stderr, "missed:", strings.Join(missed, "; "))
		os.Exit(1)
	}
}

// run measures, prints a table for each part, and returns the aims that were missed when it is to check them.
func run(ctx context.Context, args []string) (missed []string, err error) {
	flags := flag.NewFlagSet("peerbench", flag.ExitOnError)
	check := flags.Bool("check", false, "fail when an aim is missed")
	rounds := flags.Int("rounds", 15, "turns that each contender gets; the median counts")
	requests := flags.Int("requests", 20_000, "requests in a turn")
	server := flags.String("server", "", "the server's binary, to measure the whole stack with; empty: leave that out")
	with := flags.String("with", "", "more settings of the server that has telemetry, by spaces: ACCESS_LOG_RATIO=0")
	turn := flags.Duration("turn", 2*time.Second, "length of a turn of the whole stack")
	parts := flags.String("parts", "requests,scrape,stack", "what is measured")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	aims := &aims{}
	if strings.Contains(*parts, "requests") {
		if err := compareRequests(ctx, aims, *rounds, *requests); err != nil {
			return nil, err
		}
	}
	if strings.Contains(*parts, "scrape") {
		if err := measureScrape(ctx, aims); err != nil {
			return nil, err
		}
	}
	if strings.Contains(*parts, "stack") && *server != "" {
		if err := compareStack(ctx, aims, *server, strings.Fields(*with), *rounds, *turn); err != nil {
			return nil, err
		}
	}
	if *check {
		return aims.missed, nil
	}
	return nil, nil
}

// aims are what the figures must reach.
type aims struct{ missed []string }

// atMost returns the figure with its bound, for the table.
func (a *aims) atMost(name string, figure, bound float64) string {
	return a.hold(name, figure, bound, "≤", figure <= bound)
}

func (a *aims) atLeast(name string, figure, bound float64) string {
	return a.hold(name, figure, bound, "≥", figure >= bound)
}

func (a *aims) hold(name string, figure, bound float64, relation string, holds bool) string {
	text := fmt.Sprintf("%.3g (%s %.3g)", figure, relation, bound)
	if !holds {
		a.missed = append(a.missed, name+" is "+text)
		text += " MISSED"
	}
	return text
}
