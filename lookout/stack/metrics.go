package stack

import (
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// ExposeStates exposes the components' states to Prometheus.
func ExposeStates(metrics *telemetry.Metrics, status func() Status) {
	metrics.OnScrape(func(sample telemetry.Sample) {
		for _, c := range status().Components {
			if c.State == Absent {
				continue
			}
			ready := 0.0
			if c.State == Ready {
				ready = 1
			}
			sample(catalogue.ComponentReady, ready, c.Name)
			sample(catalogue.ComponentRestarts, float64(c.Restarts), c.Name)
			sample(catalogue.ComponentMemory, float64(c.MemoryBytes), c.Name)
		}
	}, catalogue.Stack().Metrics...)
}
