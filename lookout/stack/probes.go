package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/farmersmarket/platform/lookout/upstream"
)

// blackbox is the Prometheus blackbox exporter, which asks the API what its customers and its load balancer ask.
func (o *Options) blackbox(builder upstream.Builder, turn turn, onReady func() error) program {
	return program{
		name: nameBlackbox, endpoint: o.Ports.Address(PortBlackbox), ports: []string{PortBlackbox},
		health: o.Ports.URL(PortBlackbox) + "/-/healthy", page: o.Ports.Link(PortBlackbox),
		find: o.upstream(builder, "blackbox_exporter", turn),
		args: func(string) []string {
			return []string{
				"--config.file=" + filepath.Join(o.Root, "compose", "blackbox", "config.yml"),
				"--web.listen-address=" + o.Ports.Address(PortBlackbox),
				"--web.external-url=" + o.Ports.Link(PortBlackbox),
				"--history.limit=20", // each keeps the whole log of one probe
			}
		},
		env: []string{leanHeap}, dir: o.Root,
		onReady: joined(func() error { return o.addTarget(nameBlackbox, PortBlackbox) }, onReady),
	}
}

// probe is this program as the customer that orders again and again.
func (o *Options) probe() program {
	password := o.path("probe", "password")
	return program{
		name: nameProbe, endpoint: o.Ports.Address(PortProbe), ports: []string{PortProbe},
		health: o.Ports.URL(PortProbe) + "/healthz",
		find: func(context.Context, report) (upstream.Found, error) {
			if err := keepPassword(password); err != nil {
				return upstream.Found{}, err
			}
			return ownProgram(o.Self)
		},
		args: func(string) []string {
			return []string{
				"probe", "--addr", o.Ports.Address(PortProbe),
				"--url", o.Ports.URL(PortServer), "--admin-url", o.Ports.URL(PortAdmin),
				"--wait", firstBuild.String(),
			}
		},
		env: []string{leanHeap, "PROBE_EMAIL=stack@synthetic.invalid", "PROBE_PASSWORD_FILE=" + password, "OTLP_ENDPOINT=" + o.Ports.Address(PortOTLPGRPC)}, dir: o.Root,
		onReady: func() error { return o.addLabelledTarget(nameProbe, PortProbe, "probe: order") },
	}
}

// firstBuild is far more than the server takes to be built and started, which the probe waits for.
const firstBuild = 30 * time.Minute

// probed is what blackbox asks the API: the probe's name, the module of compose/blackbox/config.yml, the path.
var probed = [][3]string{
	{"live", "http_2xx", "/api/live"},
	{"ready", "http_2xx", "/api/ready"},
	{"docs", "docs", "/docs"},
	{"products", "products", "/api/v1/products?limit=5"},
}

// addProbes makes Prometheus probe the API by way of blackbox.
func (o *Options) addProbes() error {
	var content strings.Builder
	for _, p := range probed {
		fmt.Fprintf(&content, "- targets: [%q]\n  labels: {probe: %s, instance: %s, __metrics_path__: /probe, __param_module: %s, __param_target: %q}\n",
			o.Ports.Address(PortBlackbox), p[0], nameServer, p[1], o.Ports.URL(PortServer)+p[2])
	}
	return writeFile(o.path("prometheus", "targets", "probes.yml"), []byte(content.String()))
}

// keepPassword makes the password of the synthetic customer once: the account lives on in the database.
func keepPassword(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep the password of the synthetic customer: %w", err)
	}
	return writeFile(path, []byte(rand.Text()))
}

// whenBoth returns two functions; do is called once both of them have been, and again whenever one is after that.
func whenBoth(do func() error) (first, second func() error) {
	var mu sync.Mutex
	var called [2]bool
	call := func(i int) func() error {
		return func() error {
			mu.Lock()
			defer mu.Unlock()
			called[i] = true
			if called[0] && called[1] {
				return do()
			}
			return nil
		}
	}
	return call(0), call(1)
}

// joined calls both, whatever the first says.
func joined(first, second func() error) func() error {
	return func() error { return errors.Join(first(), second()) }
}
