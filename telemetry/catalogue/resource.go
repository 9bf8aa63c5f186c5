package catalogue

// revision is of the resource of a program that knows it.
var revision = Attribute{Name: "vcs.ref.head.revision", Type: Text, Help: "Commit the service was built from; not there when it was built outside of git"}

// resource returns the attributes that say which process telemetry comes from.
func resource() []Attribute {
	return []Attribute{
		{Name: "service.name", Type: Text, Help: "Name of the service"},
		{Name: "service.version", Type: Text, Help: "Version of the service"},
		{Name: "deployment.environment.name", Type: Text, Help: "Where it is deployed: development, staging or production"},
		{Name: "host.name", Type: Text, Help: "Name of the machine"},
		{Name: "telemetry.sdk.name", Type: Text, Help: "opentelemetry"},
		{Name: "telemetry.sdk.language", Type: Text, Help: "go"},
		{Name: "telemetry.sdk.version", Type: Text, Help: "Version of the OpenTelemetry SDK"},
	}
}
