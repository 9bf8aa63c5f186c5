package stack

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhereTheServerSendsTelemetry(t *testing.T) {
	for sentence, c := range map[string]struct {
		without     []string
		environment string
		want        string
	}{
		"to Jaeger, whatever the environment says":      {nil, "collector:4317", "OTLP_ENDPOINT=127.0.0.1:4317"},
		"nowhere in a stack without Jaeger":             {[]string{nameJaeger}, "", "OTLP_ENDPOINT=none"},
		"in such a stack to what the environment names": {[]string{nameJaeger}, "collector:4317", "OTLP_ENDPOINT=collector:4317"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Setenv("OTLP_ENDPOINT", c.environment)
			options := Options{Ports: DefaultPorts(0), Without: c.without}
			require.Contains(t, options.server(nil, turn{}, nil).env, c.want)
		})
	}
}
