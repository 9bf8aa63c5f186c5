package main

import (
	"context"

	"github.com/farmersmarket/platform/server/config"
	"github.com/farmersmarket/platform/server/images"
	"github.com/farmersmarket/platform/server/jobs"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/telemetry"
)

// newCheckout returns the checkout by the configuration's rules, counted.
func newCheckout(c config.Config, db *store.Store, tel *telemetry.Telemetry, payments market.PaymentProvider) *market.Checkout {
	counted := newOrderMetrics(tel, c.Payments == config.SandboxPayments)
	return market.NewCheckout(db, payments, market.SystemClock{}, counted, checkoutRules(c))
}

func checkoutRules(c config.Config) market.CheckoutRules {
	return market.CheckoutRules{Hold: c.OrderHold, Grace: c.OrderGrace}
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
