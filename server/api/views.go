package api

import (
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// countViews counts what customers are shown before they order, be it from a cache or not.
func countViews(metrics *telemetry.Metrics) fiber.Handler {
	views := metrics.Counter(catalogue.Views)
	products, offerings := views.WithLabelValues(catalogue.ViewOfProducts), views.WithLabelValues(catalogue.ViewOfOfferings)
	ofRoute := map[string]prometheus.Counter{
		"/api/v1/products": products, "/api/v1/products/{id}": products,
		"/api/v1/offerings": offerings, "/api/v1/offerings/{id}": offerings,
	}
	return func(c *fiber.Ctx) error {
		if err := c.Next(); err != nil {
			return err
		}
		view := ofRoute[telemetry.RouteOf(c.UserContext())]
		if view == nil || c.Method() != http.MethodGet || catalogue.IsSyntheticAgent(c.Get(fiber.HeaderUserAgent)) {
			return nil
		}
		if status := c.Response().StatusCode(); status == http.StatusOK || status == http.StatusNotModified {
			view.Inc()
		}
		return nil
	}
}
