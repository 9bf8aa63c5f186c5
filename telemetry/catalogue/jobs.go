package catalogue

// Attributes of the spans of background jobs.
const (
	JobName  = "job.name"
	JobItems = "job.items"
	JobItem  = "job.item"
)

// JobNames returns the background jobs.
func JobNames() []string { return JobDuration.Labels[0].Values }

func jobSpans() []Span {
	name := Attribute{Name: JobName, Type: Text, Help: "Background job", Values: JobNames()}
	return []Span{
		{
			Name: "job {job.name}", Kind: InternalSpan, Stability: Development,
			Help:      "A run of a background job, the root of a trace. It links to what was done. Runs that find nothing to do leave none.",
			Always:    []Attribute{name, {Name: JobItems, Type: Integer, Help: "How much was done"}},
			Sometimes: []Attribute{errorTypeAttribute, exemplarAttribute},
		},
		{
			Name: "do {job.name}", Kind: InternalSpan, Stability: Development,
			Help:      "What a background job does about one order, payment, market day or image, the root of a trace.",
			Always:    []Attribute{name, {Name: JobItem, Type: Text, Help: "Id of the order, payment or market day, or hash of the image"}},
			Sometimes: []Attribute{errorTypeAttribute},
		},
	}
}
