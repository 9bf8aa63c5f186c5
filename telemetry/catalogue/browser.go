package catalogue

// The web vitals that browsers report, by the names of the OpenTelemetry conventions for browser events.
const (
	VitalLCP  = "lcp"  // largest contentful paint
	VitalINP  = "inp"  // interaction to next paint
	VitalCLS  = "cls"  // cumulative layout shift
	VitalTTFB = "ttfb" // time to first byte
	PageLoad  = "page_load"
)

// What went wrong in a page, as its label says it.
const (
	BrowserException = "exception"           // thrown, and caught by nobody
	BrowserRejection = "unhandled_rejection" // of a promise
	BrowserResource  = "resource"            // a script, a style sheet or an image that did not load
	BrowserReported  = "reported"            // caught by the page, and reported by it
)

// BrowserErrorKinds returns everything that can go wrong in a page.
func BrowserErrorKinds() []string {
	return []string{BrowserException, BrowserRejection, BrowserResource, BrowserReported}
}

// OtherInBrowser is the app and the page of all that the server is not set up to know. A browser can be made to report
// anything, so what it says never becomes a label of itself.
const OtherInBrowser = "other"

var (
	browserApp = Label{
		Name: "app", Help: "Web client that the page is of; " + OtherInBrowser + " for unknown ones",
		Bound: "the apps in RUM_APPS and " + OtherInBrowser,
	}
	browserPage = Label{
		Name: "page", Help: "Route template of the page; " + OtherInBrowser + " for unknown ones",
		Bound: "the pages in RUM_PAGES and " + OtherInBrowser,
	}
)

// The web vitals. Among the buckets of each are the two thresholds of web.dev, up to which a value is good and beyond
// which it is poor: https://web.dev/articles/defining-core-web-vitals-thresholds.
var (
	// BrowserLCP is good up to 2.5 s and poor beyond 4 s.
	BrowserLCP = browserHistogram("browser_web_vital_lcp_seconds", "seconds",
		"Largest contentful paint: time from the navigation until the largest element was painted.",
		0.25, 0.5, 1, 1.5, 2, 2.5, 3, 4, 6, 10, 20)
	// BrowserINP is good up to 200 ms and poor beyond 500 ms.
	BrowserINP = browserHistogram("browser_web_vital_inp_seconds", "seconds",
		"Interaction to next paint: time from one of the slowest interactions until the page showed its effect.",
		0.016, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5)
	// BrowserCLS is good up to 0.1 and poor beyond 0.25.
	BrowserCLS = browserHistogram("browser_web_vital_cls_ratio", "ratio",
		"Cumulative layout shift: how much of the page moved without being asked to.",
		0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1)
	// BrowserTTFB is good up to 800 ms and poor beyond 1.8 s. The platform's own target is 200 ms.
	BrowserTTFB = browserHistogram("browser_web_vital_ttfb_seconds", "seconds",
		"Time to first byte: from the navigation until the document began to arrive.",
		0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.8, 3, 6)
	// BrowserPageLoad has no thresholds of its own.
	BrowserPageLoad = browserHistogram("browser_page_load_duration_seconds", "seconds",
		"Time from the navigation until the page and all that it names had loaded.",
		0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 10, 20, 30)
)

// BrowserErrors counts what went wrong in pages. A page reports so many and no more, so it is a sign, not a total.
var BrowserErrors = Metric{
	Name: "browser_errors_total", Type: Counter, Stability: Development,
	Help: "Number of errors in pages that browsers reported.",
	Labels: []Label{browserApp, browserPage, {
		Name: "kind", Help: "What went wrong", Values: BrowserErrorKinds(),
	}},
}

func browserHistogram(name, unit, help string, buckets ...float64) Metric {
	return Metric{
		Name: name, Type: Histogram, Unit: unit, Stability: Development, Help: help,
		Labels: []Label{browserApp, browserPage}, Buckets: buckets,
	}
}

// browserSpans are what a report of a browser adds to the span of its request.
func browserSpans() []Span {
	return []Span{{
		Name: requestSpan, Kind: ServerSpan,
		Events: []Event{
			{
				Name: "browser.web_vital", Help: "A measurement of the page that a report is about.",
				Always: []Attribute{
					{Name: "browser.web_vital.name", Type: Text, Help: "What was measured", Values: []string{VitalLCP, VitalINP, VitalCLS, VitalTTFB, PageLoad}},
					{Name: "browser.web_vital.value", Type: Number, Help: "In seconds; cls has no unit"},
				},
				Sometimes: []Attribute{
					{Name: "browser.web_vital.rating", Type: Text, Help: "By the thresholds of web.dev", Values: []string{"good", "needs-improvement", "poor"}},
					{Name: "browser.web_vital.navigation_type", Type: Text, Help: "How the page was come to", Values: []string{
						"navigate", "reload", "back-forward", "back-forward-cache", "prerender", "restore", "soft-navigation",
					}},
				},
			},
			{
				Name: "browser.error", Help: "An error in the page that a report is about.",
				Always: browserErrorAlways, Sometimes: browserErrorSometimes,
			},
		},
		Links: "the trace that the page of a browser's report was made in, where the report is not part of it",
	}}
}

func browserMetrics() []Metric {
	return []Metric{BrowserLCP, BrowserINP, BrowserCLS, BrowserTTFB, BrowserPageLoad, BrowserErrors}
}

// Fields and attributes about an error in a page. The words of the error are in none: somebody may have typed them.
const (
	BrowserAppField         = "browser.app"
	BrowserPageField        = "browser.page"
	BrowserReleaseField     = "browser.release"
	BrowserKindField        = "browser.error.kind"
	BrowserClassField       = "browser.error.class"
	BrowserFingerprintField = "browser.error.fingerprint"
	BrowserSourceField      = "code.file.path"
	BrowserLineField        = "code.line.number"
)

// BrowserErrorClasses returns the names of errors that are told apart: those of ECMAScript, the usual ones of the DOM, and that of
// a part of a bundle that did not load. All others are OtherInBrowser.
func BrowserErrorClasses() []string {
	return []string{
		"AggregateError", "Error", "EvalError", "InternalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError",
		"AbortError", "DataCloneError", "InvalidStateError", "NetworkError", "NotAllowedError", "NotFoundError", "NotSupportedError",
		"QuotaExceededError", "SecurityError", "TimeoutError", "ChunkLoadError", OtherInBrowser,
	}
}

var (
	browserErrorAlways = []Attribute{
		{Name: BrowserKindField, Type: Text, Help: "What went wrong", Values: BrowserErrorKinds()},
		{Name: BrowserClassField, Type: Text, Help: "Name of the error", Values: BrowserErrorClasses()},
		{Name: BrowserFingerprintField, Type: Text, Help: "The same for errors of one kind and name from one place in the scripts"},
	}
	browserErrorSometimes = []Attribute{
		{Name: BrowserSourceField, Type: Text, Help: "Path of the script that it came from, without host and query"},
		{Name: BrowserLineField, Type: Integer, Help: "Line in it"},
	}
)

func browserLines() []Line {
	return []Line{{
		Message: "error in a page", Levels: warn, Help: "A browser reported an error. What it says in words is not kept.",
		Always: append([]Attribute{
			{Name: BrowserAppField, Type: Text, Help: "Web client that the page is of, or " + OtherInBrowser},
			{Name: BrowserPageField, Type: Text, Help: "Route template of the page, or " + OtherInBrowser},
			{Name: BrowserReleaseField, Type: Text, Help: "Release of the web client, as it says"},
		}, browserErrorAlways...),
		Sometimes: browserErrorSometimes,
	}}
}
