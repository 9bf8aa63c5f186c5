package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/farmersmarket/platform/alerts"
	"github.com/farmersmarket/platform/lookout/drill"
	"github.com/farmersmarket/platform/lookout/stack"
	"github.com/farmersmarket/platform/slo"
)

type drillOptions struct {
	config  drill.Config
	dir     string
	sloFile string
	asJSON  bool
	list    bool
}

func newDrillCommand() *cobra.Command {
	var o drillOptions
	command := &cobra.Command{
		Use:   "drill NAME",
		Short: "Break the running stack on purpose and check that the page arrives",
		Long: `Break the running stack on purpose and check that the page arrives.

A drill drives traffic, injects a fault for a bounded time, waits for the page at the pager, clears the fault and waits
for the page to be resolved. It prints a timeline and compares it with the computed detection time. An interrupted
drill clears its fault; that of a killed one ends by itself.

Exit status 0: the page arrived in time, alone, and was resolved. 1: it did not. 2: the drill could not be held.`,
		Example: `  lookout drill --list
  lookout drill api-outage
  lookout drill api-outage --page-within 60s --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if o.list {
				return listDrills(command.OutOrStdout())
			}
			if len(args) == 0 {
				return errors.New("name a drill; `lookout drill --list` shows them")
			}
			return o.hold(command.Context(), args[0], command.OutOrStdout(), command.ErrOrStderr())
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, d := range drill.All() {
				names = append(names, d.Name)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	flags := command.Flags()
	flags.BoolVar(&o.list, "list", false, "list the drills")
	flags.BoolVar(&o.asJSON, "json", false, "print the report as JSON; the timeline goes to standard error")
	flags.StringVar(&o.dir, "dir", defaultDir, "folder of the running stack, to find its components")
	flags.StringVar(&o.sloFile, "slo", "slo/api-availability.yaml", "the SLO whose alert must page")
	flags.Float64Var(&o.config.Rate, "rate", 5, "requests per second that the drill adds during the outage")
	flags.Float64Var(&o.config.RecoveryRate, "recovery-rate", 500,
		"good requests per second after the outage, so that the windows forget it sooner; 0 waits")
	flags.DurationVar(&o.config.PageWithin, "page-within", 90*time.Second, "the page must come this soon after the first bad response")
	flags.DurationVar(&o.config.ResolveWithin, "resolve-within", 0,
		"the page must be resolved this soon after the fault's end (default 10m, and 45m with --recovery-rate 0)")
	flags.StringVar(&o.config.ServerURL, "server-url", "", "the API (default: of the running stack)")
	flags.StringVar(&o.config.AdminURL, "admin-url", "", "the server's admin port (default: of the running stack)")
	flags.StringVar(&o.config.PrometheusURL, "prometheus-url", "", "Prometheus (default: of the running stack)")
	flags.StringVar(&o.config.AlertmanagerURL, "alertmanager-url", "", "Alertmanager (default: of the running stack)")
	flags.StringVar(&o.config.PagerURL, "pager-url", "", "the pager (default: of the running stack)")
	return command
}

func listDrills(w io.Writer) error {
	for _, d := range drill.All() {
		if _, err := fmt.Fprintf(w, "%-14s %s\n", d.Name, d.Description); err != nil {
			return fmt.Errorf("list the drills: %w", err)
		}
	}
	return nil
}

func (o *drillOptions) hold(ctx context.Context, name string, out, progress io.Writer) error {
	held, err := drill.Find(name)
	if err != nil {
		return err
	}
	definitions, err := slo.LoadFile(o.sloFile)
	if err != nil {
		return fmt.Errorf("run this in the repository, or give --slo: %w", err)
	}
	o.config.SLO, o.config.GroupWait = definitions[0], alerts.PageGroupWait
	if err := o.discover(); err != nil {
		return err
	}
	if o.config.ResolveWithin == 0 {
		o.config.ResolveWithin = 10 * time.Minute
		if o.config.RecoveryRate == 0 {
			o.config.ResolveWithin = 45 * time.Minute
		}
	}
	live := out
	if o.asJSON {
		live = progress
	}
	printer := &drillPrinter{out: live}
	o.config.Tell, o.config.Say = printer.event, printer.say
	_, _ = fmt.Fprintf(live, "Drill %s: %s\n", held.Name, held.Description)
	report, err := drill.Run(ctx, held, o.config)
	if o.asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		if writeErr := encoder.Encode(report); writeErr != nil {
			return fmt.Errorf("print the report: %w", writeErr)
		}
	}
	if err != nil {
		return err
	}
	if err := report.WriteSummary(live); err != nil {
		return err
	}
	if !report.Passed {
		return failure{fmt.Errorf("drill %s failed: %s", held.Name, strings.Join(report.Failures, "; "))}
	}
	return nil
}

// discover fills in the addresses that no flag gave from the running stack.
func (o *drillOptions) discover() error {
	c := &o.config
	addresses := map[string]*string{
		stack.PortServer: &c.ServerURL, stack.PortAdmin: &c.AdminURL, stack.PortPrometheus: &c.PrometheusURL,
		stack.PortAlertmanager: &c.AlertmanagerURL, stack.PortPager: &c.PagerURL,
	}
	maps.DeleteFunc(addresses, func(_ string, address *string) bool { return *address != "" })
	if len(addresses) == 0 {
		return nil
	}
	status, err := stack.ReadStatus(o.dir)
	if err != nil {
		return fmt.Errorf("find the running stack (or give the --...-url flags): %w", err)
	}
	for port, address := range addresses {
		*address = status.Ports.URL(port)
	}
	return nil
}

// drillPrinter prints a timeline as it happens, in seconds after the first bad response.
type drillPrinter struct {
	out   io.Writer
	early []drill.Event // before the first bad response, whose time is not known yet
	first time.Time
}

func (p *drillPrinter) event(e drill.Event) {
	if e.Name == drill.FirstBad {
		p.first = e.At
		for _, earlier := range p.early {
			p.line(earlier)
		}
	}
	if p.first.IsZero() {
		p.early = append(p.early, e)
		return
	}
	p.line(e)
}

func (p *drillPrinter) line(e drill.Event) {
	name := fmt.Sprintf("%-19s", e.Name)
	switch e.Name {
	case drill.FirstBad, drill.Firing, drill.Notified:
		name = color.RedString("%s", name)
	case drill.Recovered, drill.ResolvedAt:
		name = color.GreenString("%s", name)
	}
	_, _ = fmt.Fprintf(p.out, "%8.1f s  %s %s\n", e.At.Sub(p.first).Seconds(), name, strings.TrimSpace(e.Detail))
}

func (p *drillPrinter) say(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" {
			_, _ = fmt.Fprintf(p.out, "            %s\n", color.New(color.Faint).Sprint(line))
		}
	}
}
