package catalogue

// Attributes of the spans of background jobs.
const (
	JobName  = "job.name"
	JobItems = "job.items"
	JobItem  = "job.item"
)

// JobNames returns the background jobs.
func JobNames() []string { return JobDuration.Labels[0].Values }

// JobErrors returns the categories of errors of runs of background jobs.
func JobErrors() []string { return []string{ErrorInternal, ErrorDependency, ErrorTimeout} }

var jobErrorType = Attribute{Name: "error.type", Type: Text, Help: "Category of the error", Values: JobErrors()}

// jobItemSpan is the name of the span of what a job does about one thing.
const jobItemSpan = "do {job.name}"

func jobSpans() []Span {
	name := Attribute{Name: JobName, Type: Text, Help: "Background job", Values: JobNames()}
	return []Span{
		{
			Name: "job {job.name}", Kind: InternalSpan, Stability: Development,
			Help:      "A run of a background job, the root of a trace. Runs that find nothing to do leave none.",
			Always:    []Attribute{name, {Name: JobItems, Type: Integer, Help: "How much was done"}},
			Sometimes: []Attribute{jobErrorType, exemplarAttribute},
			Events:    []Event{panicEvent},
			Links:     "the span of each thing that was done",
		},
		{
			Name: jobItemSpan, Kind: InternalSpan, Stability: Development,
			Help:      "What a background job does about one order, payment, market day or image, the root of a trace.",
			Always:    []Attribute{name, {Name: JobItem, Type: Text, Help: "Id of the order, payment or market day, or hash of the image"}},
			Sometimes: []Attribute{jobErrorType},
			Events:    []Event{panicEvent},
		},
	}
}

func jobLines() []Line {
	return []Line{
		{
			Message: "a background job failed", Levels: fault, Help: "A run of a background job did.",
			Always:    []Attribute{{Name: "job", Type: Text, Help: "Background job", Values: JobNames()}, jobErrorType, errorField},
			Sometimes: []Attribute{stackField},
		},
		{
			Message: "the audit found rows that break a rule", Levels: fault, Help: "A fault of ours.",
			Always: []Attribute{{Name: "found", Type: Text, Help: "What the audit found, by rule"}},
		},
	}
}
