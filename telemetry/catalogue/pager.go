package catalogue

// PagerNotifications counts what the pager was told.
var PagerNotifications = Metric{
	Name: "pager_notifications_received_total", Type: Counter, Stability: Development,
	Help:   "Number of notifications stored.",
	Labels: []Label{{Name: "status", Help: "Whether alerts fire or are over", Values: []string{"firing", "resolved"}}},
}

// Why the pager refuses a call, as a label says it.
const (
	PagerWrongMediaType = "media_type"
	PagerTooLarge       = "too_large"
	PagerInvalid        = "invalid"
)

// PagerRejections counts calls that are no notifications.
var PagerRejections = Metric{
	Name: "pager_notifications_rejected_total", Type: Counter, Stability: Development,
	Help:   "Number of calls refused because they were malformed.",
	Labels: []Label{{Name: "reason", Help: "What is wrong with them", Values: []string{PagerWrongMediaType, PagerTooLarge, PagerInvalid}}},
}

// PagerStoreFailures counts notifications that were not kept. Alertmanager sends them again.
var PagerStoreFailures = Metric{
	Name: "pager_store_failures_total", Type: Counter, Stability: Development,
	Help: "Number of notifications that could not be written to disk.",
}

// PagerWatchdogSilence says whether the alerting path is alive.
var PagerWatchdogSilence = Metric{
	Name: "pager_watchdog_silence_seconds", Type: Gauge, Unit: "seconds", Stability: Development,
	Help: "Time since the Watchdog alert was heard, or since the pager started if it never was.",
}

func pagerMetrics() []Metric {
	return []Metric{PagerNotifications, PagerRejections, PagerStoreFailures, PagerWatchdogSilence}
}
