package faults

import (
	"math/rand/v2"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Kinds of fault, as the span attribute, the log field and the metric label say them.
const (
	kindError   = "error"
	kindLatency = "latency"
)

// Middleware disturbs the requests that a fault in force is for.
func (i *Injector) Middleware(metrics *telemetry.Metrics) fiber.Handler {
	injected := metrics.Counter(catalogue.FaultsInjected)
	failed, delayed := injected.WithLabelValues(kindError), injected.WithLabelValues(kindLatency)
	metrics.GaugeFunc(catalogue.FaultsActive, func() float64 { return float64(len(i.List())) })
	return func(c *fiber.Ctx) error {
		f, ok := i.find(telemetry.RouteOf(c.UserContext()))
		if !ok {
			return c.Next()
		}
		return f.apply(c, failed, delayed)
	}
}

func (f *Fault) apply(c *fiber.Ctx, failed, delayed prometheus.Counter) error {
	if f.Latency != nil {
		delayed.Inc()
		telemetry.MarkInjected(c.UserContext(), kindLatency, false)
		if err := wait(c, f.Latency.draw()); err != nil {
			return err
		}
	}
	if rand.Float64() < f.ErrorRate { //nolint:gosec // a drill needs no secure randomness
		failed.Inc()
		telemetry.MarkInjected(c.UserContext(), kindError, true)
		return fiber.NewError(f.Status, "this failure was injected by a drill")
	}
	return c.Next()
}

func wait(c *fiber.Ctx, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.UserContext().Done():
		return c.UserContext().Err()
	}
}
