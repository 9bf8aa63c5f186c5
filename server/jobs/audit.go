package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// auditReach is how far back an audit looks. It keeps it quick however many years of orders there are.
const auditReach = 30 * 24 * time.Hour

// AuditStore finds what in the database breaks a rule of the market.
type AuditStore interface {
	Audit(ctx context.Context, since time.Time) (market.Audit, error)
	// OpenOrders counts the orders in each state that is not the last.
	OpenOrders(ctx context.Context) (map[market.OrderState]int, error)
	// OpenRefunds counts the payments in each state of a refund that has not succeeded.
	OpenRefunds(ctx context.Context) (map[market.PaymentState]int, error)
}

// Auditor tells the metrics what audits find.
type Auditor struct {
	store      AuditStore
	telemetry  *telemetry.Telemetry
	violations *prometheus.GaugeVec
	open       *prometheus.GaugeVec
	refunds    *prometheus.GaugeVec
	time       prometheus.Gauge
}

// NewAuditor returns an auditor of the store.
func NewAuditor(store AuditStore, tel *telemetry.Telemetry) *Auditor {
	a := &Auditor{
		store: store, telemetry: tel, violations: tel.Metrics.Gauge(catalogue.InvariantViolations),
		open: tel.Metrics.Gauge(catalogue.OrdersOpen), refunds: tel.Metrics.Gauge(catalogue.RefundsOpen), time: tel.Metrics.Gauge(catalogue.AuditTime).WithLabelValues(),
	}
	a.show(market.Audit{})
	return a
}

// Run audits once. It never asks to be run again at once.
func (a *Auditor) Run(ctx context.Context) (int, error) {
	found, err := a.store.Audit(ctx, time.Now().Add(-auditReach))
	if err != nil {
		return 0, err
	}
	a.show(found)
	open, err := a.store.OpenOrders(ctx)
	if err != nil {
		return 0, err
	}
	for state, n := range open {
		a.open.WithLabelValues(string(state)).Set(float64(n))
	}
	refunds, err := a.store.OpenRefunds(ctx)
	if err != nil {
		return 0, err
	}
	for state, n := range refunds {
		a.refunds.WithLabelValues(string(state)).Set(float64(n))
	}
	a.time.Set(float64(time.Now().Unix()))
	if !found.Clean() {
		a.telemetry.Logger.ErrorContext(ctx, "the audit found rows that break a rule", "found", found.String())
		a.telemetry.ReportError(ctx, telemetry.ErrorEvent{
			Category: catalogue.ErrorInternal, Job: "audit", Err: errors.New("rows break a rule: " + found.String()),
		})
	}
	return 0, nil
}

func (a *Auditor) show(found market.Audit) {
	for invariant, n := range found.ByInvariant() {
		a.violations.WithLabelValues(invariant).Set(float64(n))
	}
}
