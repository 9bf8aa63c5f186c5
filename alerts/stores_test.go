package alerts_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each case is 15 minutes of scrapes, every 15 seconds.
func TestWhatAnExporterWithoutItsStoreRaises(t *testing.T) {
	const up = "\nup{job=\"server\",instance=\"a\"} 1x60"
	for sentence, c := range map[string]struct {
		series string
		want   []string
	}{
		"there are no exporters, as in the embedded mode": {``, nil},
		"both see their store": {`
			pg_up{job="postgres",instance="e"} 1x60
			redis_up{job="redis",instance="f"} 1x60`, nil},
		"PostgreSQL does not let its exporter in": {
			`
			pg_up{job="postgres",instance="e"} 1x10 0x50
			redis_up{job="redis",instance="f"} 1x60`,
			[]string{"ticket: The exporter of postgres cannot see its store"},
		},
		"Redis is down": {
			`
			redis_up{job="redis",instance="f"} 1x10 0x50`,
			[]string{"ticket: The exporter of redis cannot see its store"},
		},
		"PostgreSQL restarts": {`
			pg_up{job="postgres",instance="e"} 1x10 0x8 1x42`, nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			require.ElementsMatch(t, c.want, raised(t, up+c.series, 15*time.Minute))
		})
	}
}
