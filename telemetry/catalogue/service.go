package catalogue

import "regexp"

// BuildInfo is constantly 1; its labels say what is running.
var BuildInfo = Metric{
	Name: "market_build_info", Type: Gauge, Stability: Stable,
	Help: "What is running: always 1.",
	Labels: []Label{
		{Name: "version", Help: "Version of the service", Bound: "one per process", Within: regexp.MustCompile(`^\S+$`).MatchString},
		{Name: "revision", Help: "Commit it was built from", Bound: "one per process", Within: regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})?$`).MatchString},
		{Name: "goversion", Help: "Go version it was built with", Bound: "one per process", Within: regexp.MustCompile(`^(go|devel)\S*`).MatchString},
		{Name: "environment", Help: "Deployment environment", Bound: "one per process", Within: regexp.MustCompile("^(development|staging|production)$").MatchString},
	},
}

// FaultsActive is the number of injected faults in force. Anything but 0 outside a drill is a mistake.
var FaultsActive = Metric{
	Name: "market_faults_active", Type: Gauge, Stability: Stable,
	Help: "Number of injected faults in force.",
}

// FaultsInjected counts requests that an injected fault failed or delayed.
var FaultsInjected = Metric{
	Name: "market_faults_injected_total", Type: Counter, Stability: Stable,
	Help:   "Number of requests that an injected fault failed or delayed.",
	Labels: []Label{{Name: "kind", Help: "What was done to the request", Values: []string{"error", "latency", "panic"}}},
}

// HealthCheckUp says whether a dependency answered its last health check.
var HealthCheckUp = Metric{
	Name: "market_health_check_up", Type: Gauge, Stability: Stable,
	Help:   "Whether the dependency answered its last health check: 1 or 0.",
	Labels: []Label{{Name: "check", Help: "Dependency", Values: []string{"database", "payments", "cache", "images"}}},
}

func serviceMetrics() []Metric {
	return []Metric{BuildInfo, FaultsActive, FaultsInjected, HealthCheckUp}
}

// delayField is in lines of the stop and of the sandbox.
var delayField = Attribute{Name: "delay", Type: Text, Help: "How long is waited, as a Go duration"}

func serviceLines() []Line {
	check := Attribute{Name: "check", Type: Text, Help: "Dependency", Values: HealthCheckUp.Labels[0].Values}
	address := Attribute{Name: "address", Type: Text, Help: "Address of Redis"}
	return []Line{
		{
			Message: "migrated", Levels: info, Help: "The schema is that of the program.",
			Always: []Attribute{{Name: "applied", Type: Object, Help: "Migrations that were applied"}},
		},
		{
			Message: "seeded", Levels: info, Help: "The example catalogue is there.",
			Always: []Attribute{
				{Name: "changed", Type: Text, Help: "What the example catalogue changed, in words"},
				{Name: "market_days", Type: Integer, Help: "Market days that were added"},
			},
		},
		{
			Message: "serving", Levels: info, Help: "The API answers.",
			Always: []Attribute{
				{Name: "api", Type: Text, Help: "Address of the API"},
				{Name: "admin", Type: Text, Help: "Address of the admin port"},
				{Name: "version", Type: Text, Help: "Version of the service"},
				{Name: "environment", Type: Text, Help: "Where it is deployed"},
				{Name: "faults", Type: Flag, Help: "Whether faults can be injected"},
			},
		},
		{
			Message: "draining", Levels: info, Help: "A signal to stop has come.",
			Always: []Attribute{delayField, {Name: "timeout", Type: Text, Help: "Time that requests in flight get, as a Go duration"}},
		},
		{Message: "stopped", Levels: info, Help: "The last line."},
		{
			Message: "dependency down", Levels: fault, Help: "A health check fails.",
			Always: []Attribute{check, errorField},
		},
		{
			Message: "dependency up again", Levels: info, Help: "A health check succeeds again.",
			Always: []Attribute{check},
		},
		{
			Message: "redis away: doing without it", Levels: warn, Help: "Redis does not answer.",
			Always: []Attribute{address},
		},
		{
			Message: "redis back", Levels: info, Help: "Redis answers again.",
			Always: []Attribute{address},
		},
	}
}
