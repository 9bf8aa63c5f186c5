package catalogue

// How an attempt to log in or to renew a session ends.
const (
	Granted   = "granted"
	Refused   = "refused"
	Throttled = "throttled"
	Reused    = "reused"
)

// Labels of the metrics of accounts.
var (
	LoginOutcome = Label{
		Name: "outcome", Help: "How the attempt ended", Values: []string{Granted, Refused, Throttled},
	}
	RenewalOutcome = Label{
		Name: "outcome", Help: "How the attempt ended; reused: with a token that was used before, so that the session was ended",
		Values: []string{Granted, Refused, Reused},
	}
)

// Logins counts attempts to log in. Many that are refused or throttled are someone guessing passwords.
var Logins = Metric{
	Name: "market_logins_total", Type: Counter, Stability: Stable,
	Help: "Number of attempts to log in.", Labels: []Label{LoginOutcome},
}

// SessionRenewals counts refreshes of sessions. One that is reused may be a stolen token.
var SessionRenewals = Metric{
	Name: "market_session_renewals_total", Type: Counter, Stability: Stable,
	Help: "Number of attempts to renew a session with a refresh token.", Labels: []Label{RenewalOutcome},
}

func accountMetrics() []Metric { return []Metric{Logins, SessionRenewals} }
