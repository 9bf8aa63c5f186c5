package catalogue

var component = Label{Name: "component", Help: "Program that `lookout up` runs", Bound: "the programs of the stack"}

// ComponentReady says of each program whether it answers.
var ComponentReady = Metric{
	Name: "lookout_component_ready", Type: Gauge, Stability: Development,
	Help:   "Whether the component is ready: 1, or 0. A component that is not installed has no sample.",
	Labels: []Label{component},
}

// ComponentRestarts counts crashes of each program.
var ComponentRestarts = Metric{
	Name: "lookout_component_restarts_total", Type: Counter, Stability: Development,
	Help:   "How often the component was started again after a crash.",
	Labels: []Label{component},
}

// ComponentMemory is what each program takes of the machine.
var ComponentMemory = Metric{
	Name: "lookout_component_resident_memory_bytes", Type: Gauge, Unit: "bytes", Stability: Development,
	Help:   "Resident memory of the component; what programs share is divided among them.",
	Labels: []Label{component},
}

func componentMetrics() []Metric { return []Metric{ComponentReady, ComponentRestarts, ComponentMemory} }
