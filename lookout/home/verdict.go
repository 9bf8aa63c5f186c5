package home

import (
	"fmt"
	"slices"
	"strings"

	"github.com/farmersmarket/platform/lookout/stack"
	"github.com/farmersmarket/platform/slo"
)

// verdict is the page in one sentence: the worst that is known.
type verdict struct{ Text, Class string }

// Verdict weighs what the sources say. What cannot be known is said before what is well.
func (v frontView) Verdict() verdict {
	if n := len(v.Alerts.Data); n > 0 {
		if v.paging() {
			return verdict{fmt.Sprintf("Somebody is being paged: %s.", count(n, "alert fires", "alerts fire")), "bad"}
		}
		return verdict{count(n, "alert fires", "alerts fire") + ".", "warn"}
	}
	if down := v.down(); len(down) > 0 {
		return verdict{strings.Join(down, ", ") + isAre(len(down)) + " not running.", "bad"}
	}
	if starting := v.inState(stack.Building, stack.Starting); len(starting) > 0 {
		return verdict{strings.Join(starting, ", ") + isAre(len(starting)) + " starting.", "warn"}
	}
	if blind := v.blind(); len(blind) > 0 {
		return verdict{"Not everything can be seen: " + strings.Join(blind, ", ") + isAre(len(blind)) + " silent.", "warn"}
	}
	if len(v.SLOs.Data) == 0 {
		return verdict{"Everything runs. The first measurements are on their way.", ""}
	}
	if burning, ok := v.burning(); ok {
		return verdict{fmt.Sprintf("No alert fires, but %s of events failed in the last 5 minutes.", burning.RatioText()), "warn"}
	}
	return verdict{"All is well: nothing fires, and the market answers.", ""}
}

// burning is the window that shows an outage first, of the first SLO whose budget it burns at a rate that alerts watch for.
func (v frontView) burning() (burnView, bool) {
	for _, s := range v.SLOs.Data {
		for _, b := range s.Burn {
			if b.Window == slo.Window5m && b.Class != "" {
				return b, true
			}
		}
	}
	return burnView{}, false
}

func (v frontView) paging() bool {
	return slices.ContainsFunc(v.Alerts.Data, func(a alertView) bool { return a.Severity == "page" })
}

func (v frontView) down() []string { return v.inState(stack.Failed, stack.Restarting) }

func (v frontView) inState(states ...stack.State) []string {
	var names []string
	for _, c := range v.Components.Data {
		if slices.Contains(states, c.State) {
			names = append(names, c.Name)
		}
	}
	return names
}

// blind names the sources that gave no answer.
func (v frontView) blind() []string {
	var names []string
	for _, source := range []struct{ name, failure string }{
		{"Prometheus", v.SLOs.Failure + v.Components.Failure},
		{"Alertmanager", v.Alerts.Failure},
		{"Jaeger", v.Traces.Failure},
		{"the pager", v.Pages.Failure},
	} {
		if source.failure != "" {
			names = append(names, source.name)
		}
	}
	return names
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func isAre(n int) string {
	if n == 1 {
		return " is"
	}
	return " are"
}
