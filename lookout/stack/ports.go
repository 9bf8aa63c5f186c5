package stack

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/farmersmarket/platform/internal/nearest"
)

// The ports of the stack by name. All are bound to 127.0.0.1.
const (
	PortHome         = "home"
	PortServer       = "server"
	PortAdmin        = "server-admin"
	PortPager        = "pager"
	PortPrometheus   = "prometheus"
	PortAlertmanager = "alertmanager"
	PortGrafana      = "grafana"
	PortJaeger       = "jaeger"
	PortJaegerGRPC   = "jaeger-grpc"
	PortOTLPGRPC     = "otlp-grpc"
	PortOTLPHTTP     = "otlp-http"
	PortJaegerHealth = "jaeger-health"
	PortJaegerStats  = "jaeger-metrics"
	PortBlackbox     = "blackbox"
	PortProbe        = "probe"
)

const (
	localhost = "127.0.0.1"
	lastPort  = 65535
)

// Ports maps the name of a port to its number.
type Ports map[string]int

// DefaultPorts returns the usual port of every program, each raised by offset.
func DefaultPorts(offset int) Ports {
	ports := Ports{
		PortHome: 8090, PortServer: 8080, PortAdmin: 8081, PortPager: 8091,
		PortPrometheus: 9090, PortAlertmanager: 9093, PortGrafana: 3000,
		PortJaeger: 16686, PortJaegerGRPC: 16685, PortJaegerHealth: 13133, PortJaegerStats: 8888,
		PortOTLPGRPC: 4317, PortOTLPHTTP: 4318,
		PortBlackbox: 9115, PortProbe: 8092,
	}
	for name := range ports {
		ports[name] += offset
	}
	return ports
}

// Set changes ports by settings such as `server=9000`, and checks that all ports are valid and distinct.
func (p Ports) Set(settings []string) error {
	names := slices.Sorted(maps.Keys(p))
	for _, setting := range settings {
		name, value, found := strings.Cut(setting, "=")
		if !found {
			return fmt.Errorf("--port %s: want NAME=PORT, for example server=9000", setting)
		}
		if _, known := p[name]; !known {
			return fmt.Errorf("--port %s: there is no port named %q: %s", setting, name, nearest.Suggest(name, names))
		}
		port, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("--port %s: %q is not a number", setting, value)
		}
		p[name] = port
	}
	return p.check(names)
}

func (p Ports) check(names []string) error {
	owner := map[int]string{}
	for _, name := range names {
		port := p[name]
		if port < 1 || port > lastPort {
			return fmt.Errorf("port %d of %s: want 1 to %d", port, name, lastPort)
		}
		if other, taken := owner[port]; taken {
			return fmt.Errorf("%s and %s both have port %d: change one with --port %s=PORT", other, name, port, name)
		}
		owner[port] = name
	}
	return nil
}

// Address is where programs reach the port, for example 127.0.0.1:9090.
func (p Ports) Address(name string) string {
	return fmt.Sprintf("%s:%d", localhost, p[name])
}

// URL is where programs reach the port by HTTP, for example http://127.0.0.1:9090.
func (p Ports) URL(name string) string {
	return "http://" + p.Address(name)
}

// Link is what a person opens, for example http://localhost:9090.
func (p Ports) Link(name string) string {
	return fmt.Sprintf("http://localhost:%d", p[name])
}
