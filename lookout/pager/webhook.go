package pager

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// The two states of a notification and of the alerts in it.
const (
	Firing   = "firing"
	Resolved = "resolved"
)

// Alert is one alert of a notification.
type Alert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     time.Time         `json:"starts_at"`
	EndsAt       time.Time         `json:"ends_at,omitzero"` // zero while the alert fires
	GeneratorURL string            `json:"generator_url,omitempty"`
	Fingerprint  string            `json:"fingerprint"`
}

// Notification is one call of Alertmanager: the state of one group of alerts at one moment.
type Notification struct {
	ID                uint64            `json:"id"` // rises by one with every notification stored
	ReceivedAt        time.Time         `json:"received_at"`
	Status            string            `json:"status"` // firing or resolved
	Receiver          string            `json:"receiver"`
	GroupKey          string            `json:"group_key"`
	GroupLabels       map[string]string `json:"group_labels,omitempty"`
	CommonLabels      map[string]string `json:"common_labels,omitempty"`
	CommonAnnotations map[string]string `json:"common_annotations,omitempty"`
	ExternalURL       string            `json:"external_url,omitempty"` // of the Alertmanager that sent it
	TruncatedAlerts   uint64            `json:"truncated_alerts,omitempty"`
	Alerts            []Alert           `json:"alerts"`
}

// Summary is the notification in one line: what the alert's author wrote for the on-call, else the alert's name.
func (n *Notification) Summary() string {
	for _, name := range []string{n.CommonAnnotations["summary"], n.first("summary"), n.CommonLabels["alertname"]} {
		if name != "" {
			return name
		}
	}
	if len(n.Alerts) == 0 {
		return n.GroupKey
	}
	return n.Alerts[0].Labels["alertname"]
}

// first is the annotation of the first alert that has it, one that fires before one that is over.
func (n *Notification) first(annotation string) string {
	over := ""
	for _, a := range n.Alerts {
		switch value := a.Annotations[annotation]; {
		case value == "":
		case a.Status == Firing:
			return value
		case over == "":
			over = value
		}
	}
	return over
}

const webhookVersion = "4"

// webhookMessage is Alertmanager's webhook body, version 4. Unknown fields are let through on purpose: Alertmanager has
// added fields within the version (notification_reason, routeLabels), and a page must not be lost to a new field.
type webhookMessage struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   uint64            `json:"truncatedAlerts"`
	Status            string            `json:"status"`
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []webhookAlert    `json:"alerts"`
}

type webhookAlert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// decodeWebhook reads exactly one webhook message of version 4. Its errors say what was expected and what was found.
func decodeWebhook(body io.Reader) (Notification, error) {
	decoder := json.NewDecoder(body)
	var message webhookMessage
	if err := decoder.Decode(&message); err != nil {
		return Notification{}, fmt.Errorf("the body is not an Alertmanager webhook message: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Notification{}, errors.New("the body has more after the webhook message: want exactly one JSON object")
	}
	if err := message.check(); err != nil {
		return Notification{}, err
	}
	return message.notification(), nil
}

func (m *webhookMessage) check() error {
	if m.Version != webhookVersion {
		return fmt.Errorf("version %q: want %q, the webhook version of Alertmanager", m.Version, webhookVersion)
	}
	if err := checkStatus(m.Status); err != nil {
		return err
	}
	if m.GroupKey == "" {
		return errors.New("groupKey is empty: it is what tells incidents apart")
	}
	if len(m.Alerts) == 0 {
		return errors.New("alerts is empty: a notification without an alert says nothing")
	}
	firing := 0
	for i, alert := range m.Alerts {
		if err := alert.check(); err != nil {
			return fmt.Errorf("alerts[%d]: %w", i, err)
		}
		if alert.Status == Firing {
			firing++
		}
	}
	if m.Status == Resolved && firing > 0 {
		return fmt.Errorf("status is resolved, but %d of its alerts are firing", firing)
	}
	return nil
}

func (a *webhookAlert) check() error {
	if err := checkStatus(a.Status); err != nil {
		return err
	}
	if a.Labels["alertname"] == "" {
		return errors.New("label alertname is missing: nobody could tell what is wrong")
	}
	if a.StartsAt.IsZero() {
		return errors.New("startsAt is missing")
	}
	return nil
}

func checkStatus(status string) error {
	if status != Firing && status != Resolved {
		return fmt.Errorf("status %q: want %q or %q", status, Firing, Resolved)
	}
	return nil
}

func (m *webhookMessage) notification() Notification {
	alerts := make([]Alert, len(m.Alerts))
	for i, a := range m.Alerts {
		alerts[i] = Alert(a)
	}
	return Notification{
		Status: m.Status, Receiver: m.Receiver, GroupKey: m.GroupKey,
		GroupLabels: m.GroupLabels, CommonLabels: m.CommonLabels, CommonAnnotations: m.CommonAnnotations,
		ExternalURL: m.ExternalURL, TruncatedAlerts: m.TruncatedAlerts, Alerts: alerts,
	}
}
