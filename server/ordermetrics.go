package main

import (
	"context"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/farmersmarket/platform/server/jobs"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// orderMetrics counts what happens to orders and payments.
type orderMetrics struct {
	orders    *prometheus.CounterVec
	lines     prometheus.Observer
	totals    *prometheus.HistogramVec
	revenue   *prometheus.CounterVec
	payments  *prometheus.CounterVec
	refunds   *prometheus.CounterVec
	stockOuts prometheus.Counter
	logger    *slog.Logger
	sandbox   bool // payments go to the sandbox, the only place where a probe orders
}

func newOrderMetrics(tel *telemetry.Telemetry, sandbox bool) *orderMetrics {
	metrics := tel.Metrics
	m := &orderMetrics{
		sandbox: sandbox,
		orders:  metrics.Counter(catalogue.OrdersTotal), lines: metrics.Histogram(catalogue.OrderLines).WithLabelValues(),
		totals: metrics.Histogram(catalogue.OrderTotal), revenue: metrics.Counter(catalogue.OrderRevenue),
		payments: metrics.Counter(catalogue.Payments), refunds: metrics.Counter(catalogue.Refunds),
		stockOuts: metrics.Counter(catalogue.StockOuts).WithLabelValues(), logger: tel.Logger,
	}
	for _, state := range market.OrderStates() {
		m.orders.WithLabelValues(string(state))
	}
	for _, state := range market.PaymentStates() {
		m.payments.WithLabelValues(string(state))
	}
	m.totals.WithLabelValues(string(market.EUR))
	m.revenue.WithLabelValues(string(market.EUR))
	m.refunds.WithLabelValues(string(market.EUR))
	return m
}

// isSynthetic says of an idempotency key that a probe made it. What a probe orders and pays is no business. Where money is
// real no key hides an order: any customer can send any key.
func (m *orderMetrics) isSynthetic(key string) bool {
	return m.sandbox && strings.HasPrefix(key, catalogue.SyntheticKeyPrefix)
}

// OrderBecame implements market.Observer.
func (m *orderMetrics) OrderBecame(order market.Order) {
	if m.isSynthetic(order.IdempotencyKey) {
		return
	}
	m.orders.WithLabelValues(string(order.State)).Inc()
	total, currency := float64(order.Total.Amount), string(order.Total.Currency)
	switch order.State {
	case market.OrderPendingPayment:
		m.lines.Observe(float64(len(order.Lines)))
		m.totals.WithLabelValues(currency).Observe(total)
	case market.OrderPaid:
		m.revenue.WithLabelValues(currency).Add(total)
	}
}

// PaymentBecame implements market.Observer.
func (m *orderMetrics) PaymentBecame(ctx context.Context, payment market.Payment) {
	if payment.State == market.PaymentRefundFailed {
		m.logger.ErrorContext(ctx, "a refund has failed", "order_id", payment.OrderID, "payment_id", payment.ID,
			"refund_ref", payment.RefundRef, "error", payment.RefundFailure)
	}
	if m.isSynthetic(payment.IdempotencyKey) {
		return
	}
	m.payments.WithLabelValues(string(payment.State)).Inc()
	if payment.State == market.PaymentRefunded {
		m.refunds.WithLabelValues(string(payment.Amount.Currency)).Add(float64(payment.Amount.Amount))
	}
}

// SoldOut implements market.Observer.
func (m *orderMetrics) SoldOut(*market.SoldOutError) { m.stockOuts.Inc() }

// Attending implements market.Observer.
func (*orderMetrics) Attending(ctx context.Context, id string) (context.Context, func(error)) {
	return jobs.Attend(ctx, id)
}
