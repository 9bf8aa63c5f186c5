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

// Uses of the image store.
const (
	ImageStorePut    = "put"
	ImageStoreGet    = "get"
	ImageStoreExists = "exists"
	ImageStoreDelete = "delete"
)

// ImageStoreOperations returns every use of the image store.
func ImageStoreOperations() []string {
	return []string{ImageStorePut, ImageStoreGet, ImageStoreExists, ImageStoreDelete}
}

// imageStoreErrors are the categories of errors of the image store.
var imageStoreErrors = []string{ErrorNotFound, ErrorDependency, ErrorTimeout, ErrorCanceled}

// ImageStoreDuration is the duration of each use of the image store, of which an image in three widths takes several.
var ImageStoreDuration = Metric{
	Name: "market_image_store_operation_duration_seconds", Type: Histogram, Unit: "seconds", Stability: Development,
	Help: "Duration of uses of the image store.",
	Labels: []Label{
		{Name: "operation", Help: "What was asked of it", Values: ImageStoreOperations()},
		{
			Name: "error_type", Help: "Category of the error; empty when the use succeeded",
			Values: append([]string{""}, imageStoreErrors...),
		},
	},
	Buckets: DBClientOperationDuration.Buckets,
}

func imageMetrics() []Metric {
	return []Metric{ImageUploads, ImageProcessingDuration, ImageStoreDuration}
}

// Attributes of the spans of the image store. OpenTelemetry has no conventions for stores of objects but for the requests
// of Amazon's own client.
const (
	ImageStoreSystem    = "image.store.system"
	ImageStoreOperation = "image.store.operation"
	ImageFile           = "image.file"
)

func imageSpans() []Span {
	return []Span{{
		Name: "images {" + ImageStoreOperation + "}", Kind: ClientSpan, Stability: Development,
		Help: "A use of the image store, for one file.",
		Always: []Attribute{
			{Name: ImageStoreSystem, Type: Text, Help: "What keeps the images", Values: []string{"file", "s3", "azblob", "mem"}},
			{Name: ImageStoreOperation, Type: Text, Help: "What was asked of it", Values: ImageStoreOperations()},
			{Name: ImageFile, Type: Text, Help: "Name of the file"},
		},
		Sometimes: []Attribute{{Name: "error.type", Type: Text, Help: "Category of the error", Values: imageStoreErrors}},
		Events:    []Event{exceptionEvent},
	}}
}
