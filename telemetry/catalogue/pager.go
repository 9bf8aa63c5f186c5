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

func pagerLines() []Line {
	status := Attribute{Name: "status", Type: Text, Help: "Whether alerts fire or are over", Values: PagerNotifications.Labels[0].Values}
	dir := Attribute{Name: "dir", Type: Text, Help: "Folder of the notifications"}
	return []Line{
		{
			Message: "pager is listening", Levels: info, Help: "`lookout pager` can be told of alerts.",
			Always: []Attribute{addrField, dir},
		},
		{
			Message: "some stored notifications could not be read", Levels: warn, Help: "The pager has left them out. A crash tears the last one.",
			Always: []Attribute{
				{Name: "torn_bytes", Type: Integer, Help: "Bytes of a notification that was not written to its end"},
				{Name: "bad_lines", Type: Integer, Help: "Notifications that are illegible"},
				dir,
			},
		},
		{
			Message: "notification", Levels: info, Help: "The pager was told of alerts, and has it on disk.",
			Always: []Attribute{
				{Name: "id", Type: Integer, Help: "Number of the notification"},
				status,
				{Name: "receiver", Type: Text, Help: "Receiver of Alertmanager that it is for"},
				{Name: "alertname", Type: Text, Help: "Name that its alerts have in common; empty when they have none"},
				{Name: "alerts", Type: Integer, Help: "How many alerts it is about"},
			},
		},
		{
			Message: "a notification is not on disk; Alertmanager will send it again", Levels: fault, Help: "The pager could not write it.",
			Always: []Attribute{errorField, {Name: "group_key", Type: Text, Help: "Alertmanager's key of the group of alerts"}, status},
		},
		{
			Message: "refused a notification", Levels: warn, Help: "What the pager was sent is no notification.",
			Always: []Attribute{
				{Name: "reason", Type: Text, Help: "What is wrong with it", Values: PagerRejections.Labels[0].Values},
				{Name: "detail", Type: Text, Help: "What is wrong with it, in words"},
			},
		},
		{
			Message: "the page inbox cannot be shown", Levels: fault, Help: "A fault of ours.",
			Always: []Attribute{errorField},
		},
		metricsNotSent,
	}
}

func pagerMetrics() []Metric {
	return []Metric{PagerNotifications, PagerRejections, PagerStoreFailures, PagerWatchdogSilence}
}
