package alerts

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// How long it takes until something is wrong with the market's books or jobs, and not just late.
const (
	invariantBrokenFor = model.Duration(2 * time.Minute) // two audits say so
	auditOverdueFor    = model.Duration(5 * time.Minute)
	jobFailingFor      = model.Duration(15 * time.Minute)
)

// invariantBroken is a ticket: money or stock is wrong, but of few orders, and it does not get better by being woken up.
func invariantBroken(linkBase string) rulefmt.Rule {
	return marketRule(linkBase, MarketInvariantBroken, invariantBrokenFor,
		`max by (invariant) (`+catalogue.InvariantViolations.Name+`) > 0`,
		annotations(linkBase, "market-invariants",
			"{{ $value }} rows break the rule {{ $labels.invariant }}",
			"The audit of the database finds {{ $value }} rows that break the rule {{ $labels.invariant }}. That is a fault of ours: somebody may "+
				"have been charged wrongly, or promised what is not there."))
}

// auditOverdue is a ticket: nobody knows whether the books are right.
func auditOverdue(linkBase string) rulefmt.Rule {
	const overdue = "900" // seconds; it runs every minute
	return marketRule(linkBase, MarketAuditOverdue, auditOverdueFor,
		`time() - max(`+catalogue.AuditTime.Name+`) > `+overdue,
		annotations(linkBase, "market-invariants",
			"The books of the market have not been audited for 15 minutes",
			"No instance has completed an audit of the database for 15 minutes. A broken rule would go unseen."))
}

// refundFailed is a ticket: a customer is owed money, and nothing more happens by itself.
func refundFailed(linkBase string) rulefmt.Rule {
	return marketRule(linkBase, RefundFailed, 0,
		`max(`+catalogue.RefundsOpen.Name+`{state="refund_failed"}) > 0`,
		annotations(linkBase, "refund-failed",
			"{{ $value }} refunds have failed",
			"{{ $value }} customers have not got their money back: the payment provider took the refund over, and it failed. A market manager has to try it again."))
}

// jobFailing is a ticket: what the market does by itself is not done. Holds that do not expire keep stock from others. Of a job
// that runs every few seconds five minutes tell enough. Of one that runs every ten minutes they tell nothing between its runs,
// so the last 25 tell, which hold two: three in a row have failed by the time that it fires.
func jobFailing(linkBase string) rulefmt.Rule {
	failing := func(window string) string {
		runs := catalogue.JobDuration.Count()
		return fmt.Sprintf(`(sum by (job_name) (increase(%[1]s{error_type!=""}[%[2]s])) > 0 unless sum by (job_name) (increase(%[1]s{error_type=""}[%[2]s])) > 0)`,
			runs, window)
	}
	return marketRule(linkBase, BackgroundJobFailing, jobFailingFor, failing("5m")+` or `+failing("25m"),
		annotations(linkBase, "background-jobs",
			"Every run of the background job {{ $labels.job_name }} fails",
			"No run of {{ $labels.job_name }} has succeeded on any instance for 20 minutes, or for three runs where it runs less often."))
}

func marketRule(linkBase, name string, lasting model.Duration, expr string, annotations map[string]string) rulefmt.Rule {
	annotations["dashboard_url"] = linkBase + "/d/fm-market"
	return rulefmt.Rule{
		Alert: name, For: lasting, Expr: expr,
		Labels: map[string]string{LabelSeverity: SeverityTicket}, Annotations: annotations,
	}
}
