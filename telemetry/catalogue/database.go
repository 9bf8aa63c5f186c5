package catalogue

// Labels of database client metrics, after the OpenTelemetry database conventions.
var (
	DBSystem = Label{
		Name: "db_system_name", Help: "Database product", Values: []string{"sqlite", "postgresql", "redis"},
	}
	DBOperation = Label{
		Name: "db_operation_name", Help: "SQL command, or transaction for a whole transaction; Redis command, or PIPELINE for several",
		Values: []string{
			"SELECT", "INSERT", "UPDATE", "DELETE", "OTHER", "transaction", RedisRead, RedisWrite, RedisPipeline, RedisScript,
		},
	}
	DBCollection = Label{
		Name: "db_collection_name", Help: "Table; empty where the statement has none", Bound: "the tables of the schema",
	}
)

// The uses of Redis, as db_operation_name says them.
const (
	RedisRead     = "MGET"
	RedisWrite    = "SET"
	RedisPipeline = "PIPELINE"
	RedisScript   = "EVALSHA"
)

// DBClientOperationDuration is the duration of every statement and transaction. Buckets are those that the
// OpenTelemetry database conventions advise.
var DBClientOperationDuration = Metric{
	Name: "db_client_operation_duration_seconds", Type: Histogram, Unit: "seconds", Stability: Stable,
	Help:    "Duration of database client operations.",
	Labels:  []Label{DBSystem, DBOperation, DBCollection, ErrorType},
	Buckets: []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10},
}

// DBClientConnectionCount is the number of connections in the pool, by state.
var DBClientConnectionCount = Metric{
	Name: "db_client_connection_count", Type: Gauge, Stability: Development,
	Help: "Number of database connections in the pool.",
	Labels: []Label{DBSystem, {
		Name: "db_client_connection_state", Help: "Whether the connection is in use", Values: []string{"idle", "used"},
	}},
}

// DBClientConnectionMax is the bound on open connections.
var DBClientConnectionMax = Metric{
	Name: "db_client_connection_max", Type: Gauge, Stability: Development,
	Help:   "Maximum number of open database connections.",
	Labels: []Label{DBSystem},
}

// DBClientConnectionWait is the total time that callers have waited for a connection.
var DBClientConnectionWait = Metric{
	Name: "db_client_connection_wait_seconds_total", Type: Counter, Unit: "seconds", Stability: Development,
	Help:   "Total time spent waiting for a free database connection.",
	Labels: []Label{DBSystem},
}

func databaseMetrics() []Metric {
	return []Metric{
		DBClientOperationDuration, DBClientConnectionCount, DBClientConnectionMax, DBClientConnectionWait,
	}
}

func databaseSpans() []Span {
	always := []Attribute{
		{Name: "db.system.name", Type: Text, Help: "Database product", Values: DBSystem.Values},
		{Name: "db.operation.name", Type: Text, Help: "SQL command, or Redis command"},
	}
	return []Span{
		{
			Name: "{db.operation.name} {db.collection.name}", Fallback: "{db.operation.name}", Kind: ClientSpan, Stability: Stable,
			Help:   "A statement.",
			Always: append(always, Attribute{Name: "db.query.text", Type: Text, Help: "Statement, with every value left out"}),
			Sometimes: []Attribute{
				{Name: "db.collection.name", Type: Text, Help: "Table"},
				{Name: "db.response.status_code", Type: Text, Help: "SQLSTATE of an error"},
				{Name: "db.response.returned_rows", Type: Integer, Help: "Number of rows of a SELECT"},
				errorTypeAttribute,
			},
		},
		{
			Name: "{db.operation.name}", Kind: ClientSpan, Stability: Stable,
			Help:   "A use of Redis.",
			Always: always, Sometimes: []Attribute{errorTypeAttribute},
		},
	}
}
