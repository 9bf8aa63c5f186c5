package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"

	"github.com/farmersmarket/platform/server/config"
	"github.com/farmersmarket/platform/server/health"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/payments"
	"github.com/farmersmarket/platform/server/payments/guard"
	"github.com/farmersmarket/platform/server/payments/sandbox"
	"github.com/farmersmarket/platform/server/payments/stripe"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/telemetry"
)

// paying is the payment provider in use, and the ways to and from it.
type paying struct {
	provider *guard.Guard
	name     string
	webhook  payments.Webhook
	sandbox  *sandbox.Sandbox // nil with a real provider
}

// openPayments makes the provider that the configuration chooses. It contacts nobody.
func openPayments(c config.Config, db *store.Store, tel *telemetry.Telemetry) (*paying, error) {
	p := &paying{name: c.Payments}
	secret := c.StripeWebhookSecret.Reveal()
	if c.Payments == config.SandboxPayments {
		secret = rand.Text() // the sandbox signs for this process only
	}
	var err error
	if p.webhook, err = payments.NewWebhook(secret); err != nil {
		return nil, fmt.Errorf("take payment events of %s: %w", p.name, err)
	}
	var provider market.PaymentProvider
	switch c.Payments {
	case config.StripePayments:
		provider, err = stripe.New(stripe.Config{
			SecretKey: c.StripeSecretKey.Reveal(), BaseURL: c.StripeBaseURL, Transport: transportTo(c.StripeBaseURL, tel),
		})
	default:
		p.sandbox = sandbox.New(db, p.webhook, market.SystemClock{}, tel.Logger)
		provider = p.sandbox
	}
	if err != nil {
		return nil, err
	}
	p.provider = guard.New(p.name, provider, guard.Settings{Timeout: c.PaymentTimeout}, tel)
	return p, nil
}

// check is part of the health report. The market can be browsed, and ordered from, without it.
func (p *paying) check() health.Check {
	return health.Check{Name: "payments", Probe: p.provider.Probe, Breaker: p.provider.State}
}

// inbox takes the provider's events to the checkout.
func (p *paying) inbox(checkout *market.Checkout, tel *telemetry.Telemetry) *payments.Inbox {
	return payments.NewInbox(map[string]payments.Webhook{p.name: p.webhook}, checkout.HandlePaymentEvent, tel)
}

// routes adds the sandbox to the admin port.
func (p *paying) routes(mux *http.ServeMux) {
	if p.sandbox != nil {
		p.sandbox.Routes(mux)
	}
}

// transportTo measures requests to the URL's host, which is told nothing of our traces.
func transportTo(base string, tel *telemetry.Telemetry) http.RoundTripper {
	var hosts []string
	if u, err := url.Parse(base); err == nil {
		hosts = append(hosts, u.Hostname())
	}
	return tel.Transport(telemetry.TransportOptions{Hosts: hosts, Methods: []string{http.MethodGet, http.MethodPost}})
}

// deliver lets the sandbox send its events to the API that listens at the address. The returned function waits until it
// has stopped, which is when the context ends.
func (p *paying) deliver(ctx context.Context, api net.Addr, tel *telemetry.Telemetry) (wait func()) {
	var running sync.WaitGroup
	if tcp, ok := api.(*net.TCPAddr); ok && p.sandbox != nil {
		to := net.TCPAddr{IP: tcp.IP, Port: tcp.Port}
		if to.IP.IsUnspecified() {
			to.IP = net.IPv4(127, 0, 0, 1)
		}
		ourselves := []string{to.IP.String()}
		transport := tel.Transport(telemetry.TransportOptions{Hosts: ourselves, Ours: ourselves, Methods: []string{http.MethodPost}})
		running.Go(func() { p.sandbox.Deliver(ctx, transport, "http://"+to.String()+"/api/v1/payments/webhook/"+p.name) })
	}
	return running.Wait
}
