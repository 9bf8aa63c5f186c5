package pager

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// incident is one span of time in which a group of alerts fired, with every notification about it.
type incident struct {
	GroupKey      string
	Notifications []Notification // oldest first
}

// incidents groups notifications, oldest first, by group and by the resolves that end each. Firing incidents come
// first, then the most recently heard of.
func incidents(notifications []Notification) []incident {
	var all []*incident
	open := map[string]*incident{}
	for _, n := range notifications {
		current, ok := open[n.GroupKey]
		if !ok {
			current = &incident{GroupKey: n.GroupKey}
			all = append(all, current)
			open[n.GroupKey] = current
		}
		current.Notifications = append(current.Notifications, n)
		if n.Status == Resolved {
			delete(open, n.GroupKey)
		}
	}
	slices.SortStableFunc(all, func(a, b *incident) int {
		if a.Firing() != b.Firing() {
			if a.Firing() {
				return -1
			}
			return 1
		}
		return b.latest().ReceivedAt.Compare(a.latest().ReceivedAt)
	})
	result := make([]incident, len(all))
	for i, in := range all {
		result[i] = *in
	}
	return result
}

func (i incident) latest() Notification { return i.Notifications[len(i.Notifications)-1] }

// Firing says whether the last that was heard of the incident is that it is still going on.
func (i incident) Firing() bool { return i.latest().Status == Firing }

// ID is a stable anchor for the page.
func (i incident) ID() uint64 { return i.Notifications[0].ID }

// Since is when the first of its alerts started.
func (i incident) Since() time.Time {
	since := i.Notifications[0].ReceivedAt
	for _, n := range i.Notifications {
		for _, a := range n.Alerts {
			if a.StartsAt.Before(since) {
				since = a.StartsAt
			}
		}
	}
	return since
}

// Until is when the last of its alerts ended, as far as is known; zero while it is firing.
func (i incident) Until() time.Time {
	if i.Firing() {
		return time.Time{}
	}
	var until time.Time
	for _, a := range i.latest().Alerts {
		if a.EndsAt.After(until) {
			until = a.EndsAt
		}
	}
	if until.IsZero() {
		return i.latest().ReceivedAt
	}
	return until
}

// Alerts are those of the latest notification.
func (i incident) Alerts() []Alert { return i.latest().Alerts }

// Title is the summary written for the on-call, else the alert's name.
func (i incident) Title() string {
	if text := i.annotation("summary"); text != "" {
		return text
	}
	return i.Name()
}

// Name is the alert's name.
func (i incident) Name() string { return i.label("alertname") }

// Severity is the urgency label of the alert.
func (i incident) Severity() string { return i.label("severity") }

// Description says what is broken and how much of the budget is left, as written at the latest notification.
func (i incident) Description() string { return i.annotation("description") }

// RunbookURL and DashboardURL are links out; empty unless they are http or https.
func (i incident) RunbookURL() string { return webLink(i.annotation("runbook_url")) }

// DashboardURL is the link to the dashboard.
func (i incident) DashboardURL() string { return webLink(i.annotation("dashboard_url")) }

// fact is a short statement about the incident: error ratio, budget left.
type fact struct{ Name, Value string }

// Facts are the annotations that have no place of their own, such as error_ratio and budget_left.
func (i incident) Facts() []fact {
	placed := []string{"summary", "description", "runbook_url", "dashboard_url"}
	values := map[string]string{}
	for _, a := range i.latest().Alerts {
		for name, value := range a.Annotations {
			if !slices.Contains(placed, name) && values[name] == "" {
				values[name] = value
			}
		}
	}
	var facts []fact
	for _, name := range slices.Sorted(maps.Keys(values)) {
		facts = append(facts, fact{Name: strings.ReplaceAll(name, "_", " "), Value: values[name]})
	}
	return facts
}

// annotation returns what all alerts share, else what an alert says, one that fires before one that is over; an earlier
// notification speaks where the latest is silent.
func (i incident) annotation(name string) string {
	for _, n := range slices.Backward(i.Notifications) {
		if value := n.CommonAnnotations[name]; value != "" {
			return value
		}
		if value := n.first(name); value != "" {
			return value
		}
	}
	return ""
}

func (i incident) label(name string) string {
	for _, n := range slices.Backward(i.Notifications) {
		if value := n.CommonLabels[name]; value != "" {
			return value
		}
		for _, a := range n.Alerts {
			if value := a.Labels[name]; value != "" {
				return value
			}
		}
	}
	return ""
}

func webLink(raw string) string {
	parsed, err := url.Parse(raw)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return ""
	}
	return raw
}
