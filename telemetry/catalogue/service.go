package catalogue

// BuildInfo is constantly 1; its labels say what is running.
var BuildInfo = Metric{
	Name: "market_build_info", Type: Gauge, Stability: Stable,
	Help: "What is running: always 1.",
	Labels: []Label{
		{Name: "version", Help: "Version of the service", Bound: "one per process"},
		{Name: "revision", Help: "Commit it was built from", Bound: "one per process"},
		{Name: "goversion", Help: "Go version it was built with", Bound: "one per process"},
		{Name: "environment", Help: "Deployment environment", Bound: "one per process"},
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

func serviceFields() []Field {
	const start, stop = "lines of the start", "lines of the stop"
	return []Field{
		{Name: "api", Type: Text, Help: "Address of the API", On: start},
		{Name: "admin", Type: Text, Help: "Address of the admin port", On: start},
		{Name: "version", Type: Text, Help: "Version of the service", On: start},
		{Name: "environment", Type: Text, Help: "Where it is deployed", On: start},
		{Name: "faults", Type: Flag, Help: "Whether faults can be injected", On: start},
		{Name: "applied", Type: Object, Help: "Migrations that were applied", On: start},
		{Name: "changed", Type: Object, Help: "What the example catalogue changed", On: start},
		{Name: "market_days", Type: Integer, Help: "Market days that were added", On: start},
		{Name: "timeout", Type: Text, Help: "Time that requests in flight get, as a Go duration", On: stop},
		{Name: "check", Type: Text, Help: "Dependency", On: "lines about a health check"},
		{Name: "address", Type: Text, Help: "Address of Redis", On: "lines about Redis"},
		{Name: "job", Type: Text, Help: "Background job", On: "lines about a background job"},
		{Name: "found", Type: Text, Help: "What the audit found, by rule", On: "lines about the audit"},
	}
}
