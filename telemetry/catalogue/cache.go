package catalogue

// What a look into a cache found.
const (
	CacheHit    = "hit"    // in the process
	CacheShared = "shared" // in Redis
	CacheMiss   = "miss"
)

// Caches of the service, as their label says them.
const (
	CacheOfCatalogue = "catalogue" // farms and products, as they came from the database
	CacheOfResponses = "responses" // whole answers, as they are sent
)

// CacheLookups counts looks into the caches.
var CacheLookups = Metric{
	Name: "market_cache_lookups_total", Type: Counter, Stability: Stable,
	Help: "Number of looks into a cache.",
	Labels: []Label{
		{Name: "cache", Help: "What is cached", Values: []string{CacheOfCatalogue, CacheOfResponses}},
		{
			Name: "outcome", Help: "hit: found in the process; shared: found in Redis; miss: asked the database",
			Values: []string{CacheHit, CacheShared, CacheMiss},
		},
	},
}

// CacheErrors counts uses of the shared cache that failed. Answers stay right: they come from the database.
var CacheErrors = Metric{
	Name: "market_cache_errors_total", Type: Counter, Stability: Stable,
	Help: "Number of failed uses of the cache in Redis.",
	Labels: []Label{{
		Name: "operation", Help: "What failed", Values: []string{CacheRead, CacheWrite, CacheInvalidate},
	}},
}

// The uses of the shared cache, as their label says them.
const (
	CacheRead       = "read"
	CacheWrite      = "write"
	CacheInvalidate = "invalidate"
)

// CacheLoadErrors returns the categories of errors of reads for the cache. Not found is an answer, which is not kept.
func CacheLoadErrors() []string {
	return []string{ErrorNotFound, ErrorDependency, ErrorTimeout, ErrorInternal}
}

// CacheLoadDuration is how long it takes to read what a cache does not have: what a miss costs.
var CacheLoadDuration = Metric{
	Name: "market_cache_load_duration_seconds", Type: Histogram, Unit: "seconds", Stability: Development,
	Help: "Duration of reads of what a cache did not have, each for all who wait for it.",
	Labels: []Label{
		{Name: "cache", Help: "What is cached", Values: []string{CacheOfCatalogue}},
		{Name: "error_type", Help: "Category of the error; empty when the read succeeded", Values: append([]string{""}, CacheLoadErrors()...)},
	},
	Buckets: DBClientOperationDuration.Buckets,
}

// CacheEntries is the number of entries in the process.
var CacheEntries = Metric{
	Name: "market_cache_entries", Type: Gauge, Stability: Stable,
	Help: "Number of entries in the cache of the process.",
}

// CacheSize is the estimated size of the entries in the process.
var CacheSize = Metric{
	Name: "market_cache_size_bytes", Type: Gauge, Unit: "bytes", Stability: Stable,
	Help: "Estimated size of the entries in the cache of the process.",
}

// RedisUp says whether Redis is in use, or left alone because it does not answer.
var RedisUp = Metric{
	Name: "market_redis_up", Type: Gauge, Stability: Stable,
	Help: "Whether Redis is in use: 1, or 0 while its circuit breaker is open.",
}

func cacheMetrics() []Metric {
	return []Metric{CacheLookups, CacheErrors, CacheLoadDuration, CacheEntries, CacheSize, RedisUp}
}

// CacheName is the attribute that says which cache it is about.
const CacheName = "cache.name"

func cacheSpans() []Span {
	name := Attribute{Name: CacheName, Type: Text, Help: "What is cached", Values: []string{CacheOfCatalogue}}
	return []Span{
		{
			Name: "cache load {cache.name}", Kind: InternalSpan, Stability: Development,
			Help:      "A read from the database of what the cache did not have, for everyone who waits for it.",
			Always:    []Attribute{name},
			Sometimes: []Attribute{{Name: "error.type", Type: Text, Help: "Category of the error", Values: CacheLoadErrors()}, exemplarAttribute},
		},
		{
			Name: "cache wait {cache.name}", Kind: InternalSpan, Stability: Development,
			Help:   "A wait for what another request is reading already.",
			Always: []Attribute{name},
			Links:  "the other request's cache load",
		},
	}
}
