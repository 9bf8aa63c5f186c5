package drill

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/farmersmarket/platform/lookout/pager"
	"github.com/farmersmarket/platform/lookout/traffic"
	"github.com/farmersmarket/platform/lookout/webui"
	"github.com/farmersmarket/platform/slo"
)

const (
	// warmUp bounds the wait for the SLO to see the drill's traffic: a few scrapes and evaluations.
	warmUp = time.Minute
	// effect bounds the wait for the first request to fail, and to succeed again.
	effect = 15 * time.Second
	// cheapPath is what recovery requests: one row.
	cheapPath = "/api/v1/farms?limit=1"
)

func apiOutage() Drill {
	return Drill{
		Name:        "api-outage",
		Description: "Every API request fails; the error budget's alert must page, and resolve after the end.",
		run:         runAPIOutage,
	}
}

// runAPIOutage is the drill from beginning to end.
func runAPIOutage(ctx context.Context, s *stage) error {
	if err := s.preflight(ctx); err != nil {
		return err
	}
	ambient, _, err := s.value(ctx, fmt.Sprintf("sum(rate(%s[1m]))", s.SLO.Total))
	if err != nil {
		return err
	}
	shoppers := &traffic.Stats{}
	stopTraffic := s.drive(ctx, traffic.Config{BaseURL: s.ServerURL, Rate: s.Rate, Observe: shoppers.Observe})
	defer stopTraffic()
	defer func() { s.report.Requests = shoppers.Counts() }()
	if err := s.warmUp(ctx, shoppers); err != nil {
		return err
	}
	if err := s.expect(ctx, ambient+s.Rate); err != nil {
		return err
	}
	s.Say(s.report.Expected.String())
	if err := s.canPass(); err != nil {
		return err
	}

	endFault, err := s.inject(ctx)
	if err != nil {
		return err
	}
	page, err := s.awaitPage(ctx, shoppers)
	if err := errors.Join(err, endFault()); err != nil {
		return err
	}
	if err := s.awaitRecovery(ctx, shoppers); err != nil || page == nil {
		return err
	}
	return s.awaitResolve(ctx, page)
}

// canPass refuses an outage that cannot page in time: in a window full of good requests, those of an earlier drill's
// recovery for example, a few bad ones a second are too small a share.
func (s *stage) canPass() error {
	e := s.report.Expected
	if e.Detection > 0 && e.Latest() <= s.PageWithin.Seconds() {
		return nil
	}
	return fmt.Errorf("the page could not come within %s, but after %.0f s: the window holds %.0f requests/s, and the outage would have "+
		"%.0f/s; raise --rate or --page-within, or wait until the traffic of an earlier drill has left the window of %s",
		s.PageWithin, e.Latest(), e.Before, e.During, s.SLO.Tiers[0].Long)
}

// drive runs traffic until the returned function is called.
func (s *stage) drive(ctx context.Context, config traffic.Config) (stop func()) {
	driving, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := traffic.Run(driving, config); err != nil {
			s.Say(err.Error())
		}
	}()
	return func() { cancel(); <-done } // may be called twice
}

// warmUp waits until the API answers and the SLO has counted it.
func (s *stage) warmUp(ctx context.Context, shoppers *traffic.Stats) error {
	seen, err := s.until(ctx, warmUp, func(ctx context.Context) (bool, error) {
		total, ok, err := s.recorded(ctx, slo.EventsTotal(slo.Window5m))
		return ok && total > 0 && !shoppers.Counts().LastSuccess.IsZero(), err
	})
	if err != nil {
		return err
	}
	counts := shoppers.Counts()
	switch {
	case counts.LastSuccess.IsZero():
		return fmt.Errorf("none of %d requests to %s succeeded within %s: the API is broken without a drill", counts.Sent, s.ServerURL, warmUp)
	case !seen:
		return fmt.Errorf("%s stays 0 though %d requests were answered: Prometheus does not scrape the server",
			slo.EventsTotal(slo.Window5m), counts.Sent)
	case counts.Failed > 0:
		return fmt.Errorf("%d of %d requests failed before the fault was injected: the API is broken without a drill", counts.Failed, counts.Sent)
	}
	return nil
}

// awaitPage waits for the first bad response, the alert and its page. It gives no page when none came in time or another
// alert paged; both stand in the report then.
func (s *stage) awaitPage(ctx context.Context, shoppers *traffic.Stats) (*pager.Notification, error) {
	began, err := s.until(ctx, effect, func(context.Context) (bool, error) {
		return !shoppers.Counts().FirstFailure.IsZero(), nil
	})
	if err != nil {
		return nil, err
	}
	if !began {
		return nil, fmt.Errorf("no request failed within %s of the fault: it does not reach the API at %s", effect, s.ServerURL)
	}
	first := shoppers.Counts().FirstFailure
	s.event(FirstBad, first, "")
	var page *pager.Notification
	var foreign string
	_, err = s.until(ctx, time.Until(first.Add(s.PageWithin)), func(ctx context.Context) (bool, error) {
		if err := s.noteFiring(ctx); err != nil {
			return false, err
		}
		page, foreign, err = s.page(ctx)
		return page != nil || foreign != "", err
	})
	switch {
	case err != nil:
		return nil, err
	case foreign != "":
		s.fail("%s paged too, and nothing but %s should", foreign, s.SLO.AlertName())
		return page, nil
	case page == nil:
		s.fail("no page reached the pager within %s of the first bad response", s.PageWithin)
		return nil, nil //nolint:nilnil // the report says so
	}
	if err := s.noteFiring(ctx); err != nil {
		return nil, err
	}
	s.event(Notified, page.ReceivedAt, page.Summary())
	if late := page.ReceivedAt.Sub(first); late > s.PageWithin {
		s.fail("the page took %s, longer than %s", late.Round(time.Second), s.PageWithin)
	}
	return page, nil
}

// noteFiring puts the alert into the timeline when it fires. An alert without `for` is never pending.
func (s *stage) noteFiring(ctx context.Context) error {
	if _, noted := s.report.Find(Firing); noted {
		return nil
	}
	firing, err := s.firing(ctx)
	if err != nil {
		return err
	}
	for _, a := range firing {
		if s.expected(a.Labels) {
			s.event(Firing, a.ActiveAt, fmt.Sprintf("%s over %s and %s; never pending, the alert has no `for`",
				s.SLO.AlertName(), a.Labels[slo.LabelLongWindow], a.Labels[slo.LabelShortWindow]))
			return nil
		}
	}
	return nil
}

func (s *stage) awaitRecovery(ctx context.Context, shoppers *traffic.Stats) error {
	cleared, _ := s.report.Find(Cleared)
	recovered, err := s.until(ctx, effect, func(context.Context) (bool, error) {
		return shoppers.Counts().LastSuccess.After(cleared.At), nil
	})
	if err != nil {
		return err
	}
	if !recovered {
		return fmt.Errorf("no request succeeded within %s of the fault's end", effect)
	}
	s.event(Recovered, shoppers.Counts().LastSuccess, "first good response")
	return nil
}

// awaitResolve waits until the alert is over for good and the pager knows.
func (s *stage) awaitResolve(ctx context.Context, page *pager.Notification) error {
	deadline := s.Now().Add(s.ResolveWithin)
	stop, err := s.dilute(ctx)
	if err != nil {
		return err
	}
	defer stop()
	over, err := s.until(ctx, time.Until(deadline), s.isOver)
	if err != nil {
		return err
	}
	if !over {
		s.fail("the alert was still firing, or about to fire again, %s after the fault's end", s.ResolveWithin)
		return nil
	}
	inactive := s.Now()
	stop()
	var resolved *pager.Notification
	_, err = s.until(ctx, time.Until(deadline), func(ctx context.Context) (bool, error) {
		var err error
		resolved, err = s.resolved(ctx, page)
		return resolved != nil, err
	})
	if err != nil {
		return err
	}
	// The pager is mostly told before the windows are clean: the alert ends then, and could have come back.
	early := resolved != nil && resolved.ReceivedAt.Before(inactive)
	if early {
		s.event(ResolvedAt, resolved.ReceivedAt, "")
	}
	s.event(Inactive, inactive, "and cannot come back")
	if resolved == nil {
		s.fail("the pager was not told of the end within %s of the fault's end", s.ResolveWithin)
		return nil
	}
	if !early {
		s.event(ResolvedAt, resolved.ReceivedAt, "")
	}
	return s.checkNothingElsePaged(ctx)
}

// isOver says whether no page fires and none can start from the errors that the windows still hold.
func (s *stage) isOver(ctx context.Context) (bool, error) {
	firing, err := s.firing(ctx)
	if err != nil || len(firing) > 0 {
		return false, err
	}
	needed, err := s.goodNeeded(ctx)
	return needed == 0, err
}

func (s *stage) checkNothingElsePaged(ctx context.Context) error {
	_, foreign, err := s.page(ctx)
	if err != nil {
		return err
	}
	if foreign != "" {
		s.fail("%s paged too, and nothing but %s should", foreign, s.SLO.AlertName())
	}
	return nil
}

// dilute sends good requests, so that the windows' error ratios fall below their thresholds sooner than the errors leave
// the windows by themselves.
func (s *stage) dilute(ctx context.Context) (stop func(), err error) {
	needed, err := s.goodNeeded(ctx)
	if err != nil {
		return nil, err
	}
	if s.RecoveryRate == 0 {
		s.Say("Waiting until the errors have left the short windows by themselves, up to half an hour (--recovery-rate 0).")
		return func() {}, nil
	}
	s.Say(fmt.Sprintf("The windows still hold the outage's errors, and would page again. %.0f good requests bring all of them below\n"+
		"their thresholds: about %s at %g/s. `--recovery-rate 0` waits up to half an hour instead.",
		needed, webui.Span(time.Duration(needed/s.RecoveryRate*float64(time.Second))), s.RecoveryRate))
	return s.drive(ctx, traffic.Config{BaseURL: s.ServerURL, Rate: s.RecoveryRate, Path: cheapPath, Untraced: true}), nil
}

// margin covers that increase() extrapolates and that the longest windows are sums of 5-minute pieces.
const margin = 1.1

// goodNeeded is how many more good requests make sure that no page tier fires on the errors counted so far: for each, the
// smallest n with bad / (total + n) < threshold in one of its windows, as both must burn; then the most of all tiers.
// Events are counted as they are, not as a window longer than the data is recorded: what is filled up today counts for
// less tomorrow. Good requests made after the errors leave the windows after them.
func (s *stage) goodNeeded(ctx context.Context) (float64, error) {
	most := 0.0
	for _, tier := range s.SLO.Tiers {
		if tier.Severity != slo.SeverityPage {
			continue
		}
		threshold, _ := s.SLO.Threshold(tier).Float64()
		least := math.Inf(1)
		for _, window := range []slo.Window{tier.Long, tier.Short} {
			bad, _, err := s.value(ctx, fmt.Sprintf("sum(increase(%s[%s]))", s.SLO.Bad, window))
			if err != nil {
				return 0, err
			}
			total, _, err := s.value(ctx, fmt.Sprintf("sum(increase(%s[%s]))", s.SLO.Total, window))
			if err != nil {
				return 0, err
			}
			least = math.Min(least, math.Max(0, math.Ceil(margin*bad/threshold-total)))
		}
		most = math.Max(most, least)
	}
	return most, nil
}
