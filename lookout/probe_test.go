package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheProbesCollectorIsReadFromTheServersSettings(t *testing.T) {
	for sentence, c := range map[string]struct {
		settings map[string]string
		endpoint string
		insecure bool
		says     string
	}{
		"nothing is set":         {nil, "", true, ""},
		"there is to be none":    {map[string]string{"OTLP_ENDPOINT": "none"}, "", true, ""},
		"a collector of the box": {map[string]string{"OTLP_ENDPOINT": "127.0.0.1:4317", "OTLP_INSECURE": "on"}, "127.0.0.1:4317", true, ""},
		"a collector with TLS":   {map[string]string{"OTLP_ENDPOINT": "otel.example.org:443", "OTLP_INSECURE": "off"}, "otel.example.org:443", false, ""},
		"neither on nor off":     {map[string]string{"OTLP_INSECURE": "yes"}, "", false, `OTLP_INSECURE is "yes": want on or off`},
	} {
		t.Run(sentence, func(t *testing.T) {
			endpoint, insecure, err := collectorOf(func(name string) string { return c.settings[name] })
			if c.says != "" {
				require.EqualError(t, err, c.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.endpoint, endpoint)
			require.Equal(t, c.insecure, insecure)
		})
	}
}
