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
	Labels: []Label{{Name: "kind", Help: "What was done to the request", Values: []string{"error", "latency"}}},
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
