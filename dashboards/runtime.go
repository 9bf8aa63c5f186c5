package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// What client_golang's Go and process collectors expose. The platform does not declare these metrics, so they are not in
// the catalogue.
const (
	goGoroutines    = "go_goroutines"
	goHeapInUse     = "go_memstats_heap_inuse_bytes"
	goGCPause       = "go_gc_duration_seconds"
	goAllocated     = "go_memstats_alloc_bytes_total"
	processCPU      = "process_cpu_seconds_total"
	processMemory   = "process_resident_memory_bytes"
	processOpenFDs  = "process_open_fds"
	processMaxFDs   = "process_max_fds"
	processStart    = "process_start_time_seconds"
	goMaxProcs      = "go_sched_gomaxprocs_threads"
	instanceLegend  = "{{instance}}"
	perInstanceName = "instance"
)

func runtimeRow() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		graph("CPU", "Processor cores in use, and how many the runtime may use.", units.Short, third,
			query(instanceLegend, sumBy(perSecond(processCPU), perInstanceName)),
			query("{{instance}} bound", sumBy(selector(goMaxProcs), perInstanceName))),
		graph("Memory", "Resident memory of the process, and the part that is Go's heap in use.", units.BytesIEC, third,
			query("{{instance}} resident", sumBy(selector(processMemory), perInstanceName)),
			query("{{instance}} heap", sumBy(selector(goHeapInUse), perInstanceName))),
		graph("Goroutines", "Goroutines that exist. A count that only climbs is a leak.", units.Short, third,
			query(instanceLegend, sumBy(selector(goGoroutines), perInstanceName))),
		graph("Longest pause for garbage collection", "Longest time of the recent past for which a collection stopped the program.", units.Seconds, third,
			query(instanceLegend, `max by (instance) (`+selector(goGCPause, `quantile="1"`)+`)`)),
		graph("Allocation", "Memory allocated per second. It drives garbage collection, and with it latency.", units.BytesPerSecondIEC, third,
			query(instanceLegend, sumBy(perSecond(goAllocated), perInstanceName))),
		graph("Open files", "Share of the allowed file descriptors in use. At 1 no connection can be accepted.", units.PercentUnit, third,
			query(instanceLegend, sumBy(selector(processOpenFDs), perInstanceName)+" / "+sumBy(selector(processMaxFDs), perInstanceName))).Max(1),
	}
}
