package main

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/farmersmarket/platform/server/config"
	"github.com/farmersmarket/platform/server/images"
	"github.com/farmersmarket/platform/server/jobs"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// newCheckout returns the checkout by the configuration's rules, counted.
func newCheckout(c config.Config, db *store.Store, tel *telemetry.Telemetry, payments market.PaymentProvider) *market.Checkout {
	return market.NewCheckout(db, payments, market.SystemClock{}, newOrderMetrics(tel),
		market.CheckoutRules{Hold: c.OrderHold, Grace: c.OrderGrace})
}

// startJobs starts what the market does by itself.
func startJobs(ctx context.Context, c config.Config, db *store.Store, checkout *market.Checkout, pictures *images.Store,
	tel *telemetry.Telemetry,
) *jobs.Runner {
	return jobs.Start(ctx, tel,
		jobs.Job{Name: "expire-holds", Interval: c.ExpireInterval, Run: checkout.ExpireHolds},
		jobs.Job{Name: "close-days", Interval: c.CloseInterval, Run: checkout.CloseDays},
		jobs.Job{Name: "attend-payments", Interval: c.PaymentInterval, Run: checkout.AttendPayments},
		jobs.Job{Name: "forget", Interval: c.ForgetInterval, Run: checkout.Forget},
		jobs.Job{Name: "collect-images", Interval: c.ForgetInterval, Run: images.NewCollector(pictures, db, market.SystemClock{}).Collect},
		jobs.Job{Name: "audit", Interval: c.AuditInterval, Run: jobs.NewAuditor(db, tel).Run},
	)
}

// orderMetrics counts what happens to orders.
type orderMetrics struct {
	orders    *prometheus.CounterVec
	revenue   *prometheus.CounterVec
	stockOuts prometheus.Counter
}

func newOrderMetrics(tel *telemetry.Telemetry) *orderMetrics {
	m := &orderMetrics{
		orders: tel.Metrics.Counter(catalogue.OrdersTotal), revenue: tel.Metrics.Counter(catalogue.OrderRevenue),
		stockOuts: tel.Metrics.Counter(catalogue.StockOuts).WithLabelValues(),
	}
	for _, state := range market.OrderStates() {
		m.orders.WithLabelValues(string(state))
	}
	m.revenue.WithLabelValues(string(market.EUR))
	return m
}

// OrderBecame implements market.Observer.
func (m *orderMetrics) OrderBecame(order market.Order) {
	m.orders.WithLabelValues(string(order.State)).Inc()
	if order.State == market.OrderPaid {
		m.revenue.WithLabelValues(string(order.Total.Currency)).Add(float64(order.Total.Amount))
	}
}

// SoldOut implements market.Observer.
func (m *orderMetrics) SoldOut(*market.SoldOutError) { m.stockOuts.Inc() }
