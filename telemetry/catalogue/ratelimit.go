package catalogue

// The classes of requests that are limited, and what becomes of them, as their labels say it.
const (
	LimitAuth    = "auth"
	LimitWrites  = "writes"
	LimitReads   = "reads"
	LimitImages  = "images"
	LimitRUM     = "rum"
	LimitAllowed = "allowed"
	LimitRefused = "refused"
)

// RateLimitDecisions counts requests by whether their client was within its limit.
var RateLimitDecisions = Metric{
	Name: "market_rate_limit_decisions_total", Type: Counter, Stability: Stable,
	Help: "Number of requests counted against a limit.",
	Labels: []Label{
		{Name: "class", Help: "Kind of request", Values: []string{LimitAuth, LimitWrites, LimitImages, LimitReads, LimitRUM}},
		{Name: "outcome", Help: "refused: answered with 429", Values: []string{LimitAllowed, LimitRefused}},
	},
}

// RateLimitFallbacks counts requests that the process counted for itself because Redis did not answer.
var RateLimitFallbacks = Metric{
	Name: "market_rate_limit_fallbacks_total", Type: Counter, Stability: Stable,
	Help: "Number of requests counted in the process because Redis did not answer.",
}

func rateLimitMetrics() []Metric { return []Metric{RateLimitDecisions, RateLimitFallbacks} }
