package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// assemble lays out the folders that the programs work in. Their configuration is linked from compose/, so that an edit
// there is an edit of what runs; only addresses, which depend on the ports, are written here.
func (o *Options) assemble() error {
	compose := filepath.Join(o.Root, "compose")
	links := map[string]string{
		"prometheus/prometheus.yml":     "prometheus/prometheus.yml",
		"prometheus/rules":              "prometheus/rules",
		"alertmanager/alertmanager.yml": "alertmanager/alertmanager.local.yml",
	}
	targets := filepath.Join(o.Dir, "prometheus", "targets")
	// Targets of an earlier run could name components that are no longer wanted.
	if err := os.RemoveAll(targets); err != nil {
		return fmt.Errorf("remove the targets of an earlier run: %w", err)
	}
	for _, dir := range []string{targets, o.path("alertmanager", "secrets"), o.path("pager"), o.path("logs")} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return fmt.Errorf("create a folder of the stack: %w", err)
		}
	}
	for link, target := range links {
		if err := replaceLink(filepath.Join(compose, target), o.path(link)); err != nil {
			return err
		}
	}
	return errors.Join(
		writeFile(o.path("alertmanager", "secrets", "pager_url"), []byte(o.Ports.URL(PortPager)+"/webhook")),
		writeFile(o.path("alertmanager", "secrets", "watchdog_url"), []byte(o.Ports.URL(PortPager)+"/watchdog")),
	)
}

func (o *Options) path(elements ...string) string {
	return filepath.Join(append([]string{o.Dir}, elements...)...)
}

func replaceLink(target, link string) error {
	if _, err := os.Stat(target); err != nil {
		return fmt.Errorf("a configuration of the repository is missing: %w: get it back with git, or write it with `lookout build`", err)
	}
	if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("replace the link %s: %w", link, err)
	}
	if err := os.Symlink(target, link); err != nil {
		return fmt.Errorf("link the configuration: %w", err)
	}
	return nil
}

// addTarget makes Prometheus scrape a component. It is called when the component is first ready, so that nothing counts
// as down that is still being built.
func (o *Options) addTarget(name, port string) error {
	return o.addLabelledTarget(name, port, "")
}

// addLabelledTarget adds a target whose series get these labels, in YAML's flow style, beside job and instance.
func (o *Options) addLabelledTarget(name, port, labels string) error {
	content := fmt.Sprintf("- targets: [%q]\n  labels: {%s}\n", o.Ports.Address(port), labels)
	return writeFile(o.path("prometheus", "targets", name+".yml"), []byte(content))
}
