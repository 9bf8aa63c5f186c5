package alerts

// Receiver is where notifications go. Secrets are read from files, relative to Alertmanager's working directory.
type Receiver struct {
	Name      string      `yaml:"name"`
	PagerDuty []PagerDuty `yaml:"pagerduty_configs,omitempty"`
	Slack     []Slack     `yaml:"slack_configs,omitempty"`
	Webhook   []Webhook   `yaml:"webhook_configs,omitempty"`
}

// PagerDuty opens an incident for each group of alerts, and closes it when they are resolved.
type PagerDuty struct {
	RoutingKeyFile string            `yaml:"routing_key_file"`
	Severity       string            `yaml:"severity"` // critical, error, warning or info; PagerDuty refuses anything else
	Description    string            `yaml:"description"`
	Details        map[string]string `yaml:"details"`
	Links          []PagerDutyLink   `yaml:"links"`
}

// PagerDutyLink is a link shown with an incident.
type PagerDutyLink struct {
	Href string `yaml:"href"`
	Text string `yaml:"text"`
}

// Slack posts a message to the channel that its webhook belongs to.
type Slack struct {
	APIURLFile   string `yaml:"api_url_file"`
	SendResolved bool   `yaml:"send_resolved"` // false by default in Alertmanager
	Title        string `yaml:"title"`
	TitleLink    string `yaml:"title_link"`
	Text         string `yaml:"text"`
	Fallback     string `yaml:"fallback"`
}

// Webhook posts the notification as JSON.
type Webhook struct {
	URLFile      string `yaml:"url_file"`
	SendResolved bool   `yaml:"send_resolved"`
}

// Files that hold where to send, and the keys to be let in.
const (
	secretPagerDuty = "secrets/pagerduty_routing_key"
	secretSlack     = "secrets/slack_api_url"
	secretPager     = "secrets/pager_url"
	secretWatchdog  = "secrets/watchdog_url"
)

// templatesFile stands next to the production configuration and defines what people read.
const templatesFile = "notifications.tmpl"

func productionReceivers() []Receiver {
	return []Receiver{
		{Name: receiverPage, PagerDuty: []PagerDuty{pagerDuty("critical")}, Slack: []Slack{slack()}},
		{Name: receiverTicket, PagerDuty: []PagerDuty{pagerDuty("warning")}, Slack: []Slack{slack()}},
		{Name: receiverInfo, Slack: []Slack{slack()}},
		deadMansSwitch(),
	}
}

func localReceivers() []Receiver {
	inbox := []Webhook{{URLFile: secretPager, SendResolved: true}}
	return []Receiver{
		{Name: receiverPage, Webhook: inbox},
		{Name: receiverTicket, Webhook: inbox},
		{Name: receiverInfo, Webhook: inbox},
		deadMansSwitch(),
	}
}

// deadMansSwitch waits for the watchdog and raises the alarm when it stops coming.
func deadMansSwitch() Receiver {
	return Receiver{Name: receiverWatchdog, Webhook: []Webhook{{URLFile: secretWatchdog}}}
}

func pagerDuty(severity string) PagerDuty {
	return PagerDuty{
		RoutingKeyFile: secretPagerDuty,
		Severity:       severity,
		Description:    template("summary"),
		Details:        map[string]string{"description": template("description"), "since": template("since")},
		Links:          []PagerDutyLink{{Href: template("runbook"), Text: "Runbook"}, {Href: template("dashboard"), Text: "Dashboard"}},
	}
}

func slack() Slack {
	return Slack{
		APIURLFile: secretSlack, SendResolved: true,
		Title: template("slack.title"), TitleLink: template("dashboard"),
		Text: template("slack.text"), Fallback: template("slack.title"),
	}
}

func template(name string) string { return `{{ template "` + name + `" . }}` }
