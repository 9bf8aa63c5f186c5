package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/farmersmarket/platform/lookout/probe"
)

type probeOptions struct {
	config   probe.Config
	addr     string
	interval time.Duration
	wait     time.Duration
	once     bool
	asJSON   bool
}

func newProbeCommand() *cobra.Command {
	var o probeOptions
	command := &cobra.Command{
		Use:   "probe",
		Short: "Order, pay and cancel as a customer would, and export whether it works",
		Long: `Order, pay and cancel as a customer would, and export whether it works.

A run logs in as a synthetic customer, chooses an offering, orders one unit, pays in the payment provider's sandbox, reads
the order back, cancels it, and waits for the refund, so that no stock is used up and nothing is packed. What a killed run
left open, the next one cancels. Where payments do not go to the sandbox the probe refuses to run. Metrics (probe_*) are at
/metrics.

The customer is PROBE_EMAIL, with the password in PROBE_PASSWORD or in the file PROBE_PASSWORD_FILE; the account is
registered when there is none. Two probes must not share a customer: each would cancel the other's order.

Each run is a trace, which goes to the collector at OTLP_ENDPOINT (host:port; default none) over gRPC, and with TLS when
OTLP_INSECURE is off.

Exit status of --once: 0 when the order went through, 1 when it did not, 2 when it was not tried.`,
		Example: `  PROBE_PASSWORD_FILE=.run/probe/password lookout probe --once
  lookout probe --interval 30s --addr 127.0.0.1:8092`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			var err error
			if o.config.Password, err = secret(os.Getenv("PROBE_PASSWORD_FILE"), "PROBE_PASSWORD"); err != nil {
				return fmt.Errorf("PROBE_PASSWORD_FILE: %w", err)
			}
			o.config.Email, o.config.Logs = os.Getenv("PROBE_EMAIL"), command.ErrOrStderr()
			if o.config.OTLPEndpoint, o.config.OTLPInsecure, err = collectorOf(os.Getenv); err != nil {
				return err
			}
			prober, err := probe.New(o.config)
			if err != nil {
				return err
			}
			if o.once {
				return o.runOnce(command.Context(), prober, command.OutOrStdout())
			}
			return o.serve(command.Context(), prober)
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.config.URL, "url", "http://127.0.0.1:8080", "the API as customers reach it")
	flags.StringVar(&o.config.AdminURL, "admin-url", "http://127.0.0.1:8081", "the server's admin port, which tells whether payments are real")
	flags.DurationVar(&o.config.Timeout, "timeout", 15*time.Second, "a run that takes longer has failed")
	flags.StringVar(&o.addr, "addr", "127.0.0.1:8092", "address to serve metrics on")
	flags.DurationVar(&o.interval, "interval", 30*time.Second, "from the start of one run to that of the next")
	flags.DurationVar(&o.wait, "wait", time.Minute, "wait at most this long for the API to be ready before the first run")
	flags.BoolVar(&o.once, "once", false, "run once, print the steps, and end")
	flags.BoolVar(&o.asJSON, "json", false, "with --once: print JSON")
	return command
}

// collectorOf reads which collector takes the spans, from the settings that the server has too.
func collectorOf(getenv func(string) string) (endpoint string, insecure bool, err error) {
	if endpoint = getenv("OTLP_ENDPOINT"); endpoint == "none" {
		endpoint = ""
	}
	switch value := getenv("OTLP_INSECURE"); value {
	case "", "on":
		return endpoint, true, nil
	case "off":
		return endpoint, false, nil
	default:
		return "", false, fmt.Errorf("OTLP_INSECURE is %q: want on or off", value)
	}
}

func (o *probeOptions) runOnce(ctx context.Context, prober *probe.Prober, out io.Writer) error {
	defer prober.Close()
	result := prober.Run(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	var err error
	if o.asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(result)
	} else {
		err = result.WriteTable(out)
	}
	switch {
	case err != nil:
		return err
	case errors.Is(result.Err(), probe.ErrNotSandbox):
		return result.Err()
	case result.Err() != nil:
		return failure{result.Err()}
	}
	return nil
}

func (o *probeOptions) serve(ctx context.Context, prober *probe.Prober) error {
	daemon, err := probe.NewDaemon(prober, o.interval, o.wait)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.addr)
	if err != nil {
		return fmt.Errorf("probe: listen on %s (change it with --addr): %w", o.addr, err)
	}
	return daemon.Serve(ctx, listener)
}
