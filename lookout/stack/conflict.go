package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/farmersmarket/platform/lookout/process"
)

// portsOf are the names of the ports that the programs and the home page will listen on.
func portsOf(programs []program) []string {
	names := []string{PortHome}
	for _, program := range programs {
		names = append(names, program.ports...)
	}
	return names
}

// checkFree reports every named port that cannot be listened on, with who holds it and what changes ours.
func (p Ports) checkFree(ctx context.Context, names []string) error {
	var problems []string
	for _, name := range slices.Sorted(slices.Values(names)) {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", p.Address(name))
		if err == nil {
			_ = listener.Close()
			continue
		}
		problems = append(problems, p.conflict(name, err))
	}
	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "\n") + "\nNothing was started. " +
			"Stop what holds the port, change ours, or move all of ours at once with --port-offset 10000")
	}
	return nil
}

func (p Ports) conflict(name string, err error) string {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Sprintf("port %d (%s) cannot be used: %v; change it with --port %s=PORT", p[name], name, err, name)
	}
	holder := "another program"
	if known := process.Listener(p[name]); known != "" {
		holder = known
	}
	return fmt.Sprintf("port %d (%s) is in use by %s; change ours with --port %s=PORT", p[name], name, holder, name)
}
