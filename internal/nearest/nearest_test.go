package nearest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/nearest"
)

func TestHint(t *testing.T) {
	names := []string{"objectives", "timeWindow", "service", "http_route", "job"}
	for sentence, c := range map[string]struct{ word, want string }{
		"a missing letter finds the name":       {"objectivs", `did you mean "objectives"?`},
		"swapped neighbours count as one edit":  {"serivce", `did you mean "service"?`},
		"another case is near":                  {"timewindow", `did you mean "timeWindow"?`},
		"a short word may be off by two":        {"jbo", `did you mean "job"?`},
		"an unrelated word finds nothing":       {"colour", ""},
		"an empty word finds nothing":           {"", ""},
		"a word of other letters finds nothing": {"xy", ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			require.Equal(t, c.want, nearest.Hint(c.word, names))
			if c.want == "" {
				require.Equal(t, "known are objectives, timeWindow, service, http_route, job", nearest.Suggest(c.word, names))
			} else {
				require.Equal(t, c.want, nearest.Suggest(c.word, names))
			}
		})
	}
}
