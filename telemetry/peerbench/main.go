// peerbench measures what the instrumentation in telemetry/ costs, side by side with the usual pair of middlewares for
// Fiber, otelfiber and fiberprometheus, in one run. It is a module of its own, so that these are no dependencies of ours.
//
//	cd telemetry/peerbench && go run . --server ../../.bin/server
//
// docs/performance.md explains the figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	missed, err := run(ctx, os.Args[1:])
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("interrupted: %w", err)
	}
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

// options are what the command line says.
type options struct {
	check            bool
	rounds, requests int
	server           string
	with             []string
	turn             time.Duration
	parts            []string
}

// allParts are what can be measured.
var allParts = []string{"requests", "scrape", "stack"}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("peerbench", flag.ExitOnError)
	flags.BoolVar(&o.check, "check", false, "fail with status 1 when an aim is missed")
	flags.IntVar(&o.rounds, "rounds", 15, "turns that each contender gets; the median counts")
	flags.IntVar(&o.requests, "requests", 20_000, "requests in a turn")
	flags.StringVar(&o.server, "server", "", "the server's binary, which the part stack needs")
	with := flags.String("with", "", "more settings of the server that has telemetry, by spaces: ACCESS_LOG_RATIO=0")
	flags.DurationVar(&o.turn, "turn", 2*time.Second, "length of a turn of the whole stack")
	parts := flags.String("parts", strings.Join(allParts, ","), "what is measured")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.with, o.parts = strings.Fields(*with), strings.Split(*parts, ",")
	for _, part := range o.parts {
		if !slices.Contains(allParts, part) {
			return o, fmt.Errorf("--parts: there is no part %q; there are %s", part, strings.Join(allParts, ", "))
		}
	}
	switch {
	case o.rounds < 1 || o.requests < 1:
		return o, fmt.Errorf("--rounds %d --requests %d: both must be 1 or more", o.rounds, o.requests)
	case slices.Contains(o.parts, "stack") && o.server == "":
		return o, errors.New("the part stack needs --server, the path of the server's binary; --parts requests,scrape leaves it out")
	}
	return o, nil
}

// run measures, prints a table for each part, and returns the aims that were missed when it is to check them.
func run(ctx context.Context, args []string) (missed []string, err error) {
	o, err := parse(args)
	if err != nil {
		return nil, err
	}
	aims := &aims{}
	for _, part := range o.parts {
		switch part {
		case "requests":
			err = compareRequests(ctx, aims, o.rounds, o.requests)
		case "scrape":
			err = measureScrape(ctx, aims)
		case "stack":
			err = compareStack(ctx, aims, o)
		}
		if err != nil {
			return nil, err
		}
	}
	if o.check {
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
