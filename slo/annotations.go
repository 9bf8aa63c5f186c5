package slo

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/OpenSLO/go-sdk/pkg/openslo/v1"

	"github.com/farmersmarket/platform/internal/nearest"
)

// Annotations of ours in an OpenSLO file. They carry what OpenSLO has no field for.
const (
	annotationPrefix       = "lookout/"
	annotationEvents       = annotationPrefix + "events"
	annotationDashboard    = annotationPrefix + "dashboard"
	annotationMinBadEvents = annotationPrefix + "min-bad-events"
	annotationDropTiers    = annotationPrefix + "drop-tiers"
)

// defaultMinBadEvents is the fewest bad events that may wake somebody up.
const defaultMinBadEvents = 5

func (r reader) annotations(s *SLO, d v1.SLO) error {
	var problems []error
	for key, value := range d.Metadata.Annotations {
		if err := s.setAnnotation(key, value); err != nil {
			problems = append(problems, r.errorAt(err, "metadata", "annotations", key))
		}
	}
	if s.Dashboard == "" {
		problems = append(problems, r.errorAt(fmt.Errorf("%s is missing: the UID of the dashboard that alerts link to", annotationDashboard),
			"metadata", "annotations"))
	}
	return errors.Join(problems...)
}

func (s *SLO) setAnnotation(key, value string) error {
	switch key {
	case annotationEvents:
		s.Events = value
	case annotationDashboard:
		s.Dashboard = value
	case annotationMinBadEvents:
		count, err := strconv.Atoi(value)
		if err != nil || count < 1 {
			return fmt.Errorf("%q is not a whole number of at least 1", value)
		}
		s.MinBadEvents = count
	case annotationDropTiers:
		return s.dropTiers(value)
	default:
		if !strings.HasPrefix(key, annotationPrefix) {
			return nil // somebody else's
		}
		known := []string{annotationEvents, annotationDashboard, annotationMinBadEvents, annotationDropTiers}
		return fmt.Errorf("unknown annotation %q: %s", key, nearest.Suggest(key, known))
	}
	return nil
}

// dropTiers removes the tiers named by their long windows, as in "1h, 6h".
func (s *SLO) dropTiers(list string) error {
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		index := slices.IndexFunc(s.Tiers, func(t Tier) bool { return t.Long.String() == name })
		if index < 0 {
			return fmt.Errorf("no alert has a long window of %q: there are 1h, 6h, 1d and 3d", name)
		}
		s.Tiers = slices.Delete(s.Tiers, index, index+1)
	}
	return nil
}
