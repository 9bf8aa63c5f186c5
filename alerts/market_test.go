package alerts_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each case is some minutes of scrapes, every 15 seconds. Time begins at 0, so an audit at 0 is one that never was.
func TestWhatTheMarketRaises(t *testing.T) {
	const (
		up      = "\nup{job=\"server\",instance=\"a\"} 1x200"
		audited = "\nmarket_audit_timestamp_seconds{instance=\"a\"} 0+15x200"
	)
	for sentence, c := range map[string]struct {
		series string
		want   []string
	}{
		"the books are right": {audited + `
			market_invariant_violations{instance="a",invariant="stock_conserved"} 0x200`, nil},
		"stock leaks": {
			audited + `
			market_invariant_violations{instance="a",invariant="stock_conserved"} 0x20 3x180`,
			[]string{"ticket: 3 rows break the rule stock_conserved"},
		},
		"one audit of two instances was in the middle of something": {audited + `
			market_invariant_violations{instance="a",invariant="stock_conserved"} 0x20 1 1 1 1 0x180`, nil},
		"no audit is completed any more": {
			`
			market_audit_timestamp_seconds{instance="a"} 0+15x20 300x180`,
			[]string{"ticket: The books of the market have not been audited for 15 minutes"},
		},
		"another instance still audits": {audited + `
			market_audit_timestamp_seconds{instance="b"} 0x200`, nil},
		"every run of a job fails": {
			audited + `
			market_job_duration_seconds_count{instance="a",job_name="expire-holds",error_type=""} 0+3x10 30x190
			market_job_duration_seconds_count{instance="a",job_name="expire-holds",error_type="dependency"} 0x10 0+3x190`,
			[]string{"ticket: Every run of the background job expire-holds fails"},
		},
		"every run fails of a job that runs every ten minutes": {
			audited + `
			market_job_duration_seconds_count{instance="a",job_name="forget",error_type=""} 1x200
			market_job_duration_seconds_count{instance="a",job_name="forget",error_type="dependency"} 0x39 1x39 2x39 3x39 4x40`,
			[]string{"ticket: Every run of the background job forget fails"},
		},
		"the last two runs of such a job failed": {audited + `
			market_job_duration_seconds_count{instance="a",job_name="forget",error_type=""} 1x39 2x39 3x120
			market_job_duration_seconds_count{instance="a",job_name="forget",error_type="dependency"} 0x119 1x39 2x40`, nil},
		"some runs of a job fail": {audited + `
			market_job_duration_seconds_count{instance="a",job_name="expire-holds",error_type=""} 0+3x200
			market_job_duration_seconds_count{instance="a",job_name="expire-holds",error_type="dependency"} 0+1x200`, nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			require.ElementsMatch(t, c.want, raised(t, up+c.series, 45*time.Minute))
		})
	}
}
