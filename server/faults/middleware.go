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
	kindPanic   = "panic"
)

// Middleware disturbs the requests that a fault in force is for.
func (i *Injector) Middleware(metrics *telemetry.Metrics) fiber.Handler {
	injected := metrics.Counter(catalogue.FaultsInjected)
	for _, kind := range []string{kindError, kindLatency, kindPanic} {
		injected.WithLabelValues(kind) // so that the first is an increase
	}
	metrics.GaugeFunc(catalogue.FaultsActive, func() float64 { return float64(len(i.List())) })
	return func(c *fiber.Ctx) error {
		f, ok := i.find(telemetry.RouteOf(c.UserContext()))
		if !ok {
			return c.Next()
		}
		return f.apply(c, injected)
	}
}

func (f *Fault) apply(c *fiber.Ctx, injected *prometheus.CounterVec) error {
	if f.Latency != nil {
		injected.WithLabelValues(kindLatency).Inc()
		telemetry.MarkInjected(c.UserContext(), kindLatency, false)
		if err := wait(c, f.Latency.draw()); err != nil {
			return err
		}
	}
	if rand.Float64() < f.ErrorRate { //nolint:gosec // a drill needs no secure randomness
		return f.fail(c, injected)
	}
	return c.Next()
}

const injectedFailure = "this failure was injected by a drill"

func (f *Fault) fail(c *fiber.Ctx, injected *prometheus.CounterVec) error {
	kind := kindError
	if f.Panic {
		kind = kindPanic
	}
	injected.WithLabelValues(kind).Inc()
	telemetry.MarkInjected(c.UserContext(), kind, true)
	if f.Panic {
		panic(injectedFailure)
	}
	return fiber.NewError(f.Status, injectedFailure)
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
