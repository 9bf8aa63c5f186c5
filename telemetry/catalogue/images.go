package catalogue

// What becomes of an uploaded image, as its label says it.
const (
	ImageTaken     = "taken"
	ImageRefused   = "refused"
	ImageAbandoned = "abandoned"
)

// ImageUploads counts uploaded images.
var ImageUploads = Metric{
	Name: "market_image_uploads_total", Type: Counter, Stability: Stable,
	Help: "Number of images uploaded.",
	Labels: []Label{{
		Name: "outcome", Values: []string{ImageTaken, ImageRefused, ImageAbandoned},
		Help: "refused: no image, broken, or of a size out of bounds; abandoned: the request's time was up first",
	}},
}

// ImageProcessingDuration is how long an image is worked on, without the wait for others.
var ImageProcessingDuration = Metric{
	Name: "market_image_processing_duration_seconds", Type: Histogram, Unit: "seconds", Stability: Stable,
	Help:    "Time it takes to decode an image, scale it and encode it.",
	Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10},
}

func imageMetrics() []Metric { return []Metric{ImageUploads, ImageProcessingDuration} }
