package catalogue

import "slices"

// Labels of database client metrics, after the OpenTelemetry database conventions.
var (
	DBSystem = Label{
		Name: "db_system_name", Help: "Database product", Values: []string{"sqlite", "postgresql", SystemRedis},
	}
	DBOperation = Label{
		Name: "db_operation_name", Help: "SQL command, or transaction for a whole transaction; Redis command, or PIPELINE for several",
		Values: slices.Concat(SQLOperations(), []string{DBTransaction}, RedisOperations()),
	}
	DBCollection = Label{
		Name: "db_collection_name", Help: "Table; empty where the statement has none", Bound: "the tables of the schema",
	}
)

// dbErrorType is the category of what went wrong with a use of a database. Nothing else comes of them.
var dbErrorType = Label{
	Name: ErrorType.Name, Help: "Category of the error; empty when there was none",
	Values: []string{"", ErrorConflict, ErrorDependency, ErrorTimeout, ErrorInternal, ErrorCanceled},
}

// Labels of what only databases with SQL have.
var (
	sqlSystem    = Label{Name: DBSystem.Name, Help: DBSystem.Help, Values: []string{"sqlite", "postgresql"}}
	sqlOperation = Label{
		Name: DBOperation.Name, Help: "SQL command", Values: SQLOperations(),
	}
)

// redisSystem is the label of what the pool of SQL databases does not tell.
var redisSystem = Label{Name: DBSystem.Name, Help: DBSystem.Help, Values: []string{SystemRedis}}

// SystemRedis is the db_system_name of Redis.
const SystemRedis = "redis"

// Operations of a database that are no SQL command.
const (
	DBTransaction    = "transaction" // a whole one, from BEGIN until COMMIT or ROLLBACK has answered
	DBOtherOperation = "OTHER"       // a command that is rare
)

// The uses of Redis, as db_operation_name says them.
const (
	RedisRead     = "MGET"
	RedisWrite    = "SET"
	RedisPipeline = "PIPELINE"
	RedisScript   = "EVALSHA"
)

// SQLOperations returns the commands that are told apart.
func SQLOperations() []string {
	return []string{"SELECT", "INSERT", "UPDATE", "DELETE", DBOtherOperation}
}

// RedisOperations returns the uses of Redis.
func RedisOperations() []string { return []string{RedisRead, RedisWrite, RedisPipeline, RedisScript} }

// DBClientOperationDuration is the duration of every statement and transaction. Buckets are those that the
// OpenTelemetry database conventions advise.
var DBClientOperationDuration = Metric{
	Name: "db_client_operation_duration_seconds", Type: Histogram, Unit: "seconds", Stability: Stable,
	Help:    "Duration of database client operations.",
	Labels:  []Label{DBSystem, DBOperation, DBCollection, dbErrorType},
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

// DBClientSlowStatements counts statements that took as long as SLOW_QUERY or longer.
var DBClientSlowStatements = Metric{
	Name: "db_client_slow_statements_total", Type: Counter, Stability: Development,
	Help:   "Number of statements that took as long as is called slow, or longer.",
	Labels: []Label{sqlSystem, sqlOperation, DBCollection},
}

// DBClientConnectionCreateTime is how long opening a connection takes. Buckets are those that the OpenTelemetry database
// conventions advise.
var DBClientConnectionCreateTime = Metric{
	Name: "db_client_connection_create_time_seconds", Type: Histogram, Unit: "seconds", Stability: Development,
	Help: "Time it takes to open a database connection.",
	Labels: []Label{DBSystem, {
		Name: "error_type", Help: "Category of the error; empty when the connection was opened",
		Values: append([]string{""}, ReachErrors()...),
	}},
	Buckets: []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10},
}

// ReachErrors returns the categories of errors of somebody who is reached over a network.
func ReachErrors() []string { return []string{ErrorDependency, ErrorTimeout, ErrorCanceled} }

// DBClientConnectionWaits counts callers that had to wait for a connection.
var DBClientConnectionWaits = Metric{
	Name: "db_client_connection_waits_total", Type: Counter, Stability: Development,
	Help:   "Number of times that a caller had to wait for a free database connection.",
	Labels: []Label{DBSystem},
}

// DBClientConnectionPending is the number of callers that wait for a connection. The pool of SQL databases does not tell.
var DBClientConnectionPending = Metric{
	Name: "db_client_connection_pending_requests", Type: Gauge, Stability: Development,
	Help:   "Number of callers waiting for a free database connection.",
	Labels: []Label{redisSystem},
}

// DBClientConnectionTimeouts counts callers that waited in vain. The pool of SQL databases does not tell.
var DBClientConnectionTimeouts = Metric{
	Name: "db_client_connection_timeouts_total", Type: Counter, Stability: Development,
	Help:   "Number of times that waiting for a free database connection took too long.",
	Labels: []Label{redisSystem},
}

// DBClientConnectionWait is the total time that callers have waited for a connection.
var DBClientConnectionWait = Metric{
	Name: "db_client_connection_wait_seconds_total", Type: Counter, Unit: "seconds", Stability: Development,
	Help:   "Total time spent waiting for a free database connection.",
	Labels: []Label{DBSystem},
}

func databaseMetrics() []Metric {
	return []Metric{
		DBClientOperationDuration, DBClientSlowStatements,
		DBClientConnectionCount, DBClientConnectionMax, DBClientConnectionCreateTime,
		DBClientConnectionWait, DBClientConnectionWaits, DBClientConnectionPending, DBClientConnectionTimeouts,
	}
}

// Attributes and fields about databases that are ours.
const (
	DBAffectedRows       = "db.response.affected_rows"
	DBTransactionOutcome = "db.transaction.outcome"
	DBQueryPlan          = "db.query.plan"
)

var dbErrorTypeAttribute = Attribute{Name: "error.type", Type: Text, Help: "Category of the error", Values: dbErrorType.Values[1:]}

// How a transaction ends.
const (
	TransactionCommitted  = "committed"
	TransactionRolledBack = "rolled_back"
	TransactionFailed     = "failed" // its BEGIN or its COMMIT did
)

func databaseSpans() []Span {
	always := []Attribute{
		{Name: "db.system.name", Type: Text, Help: "Database product", Values: DBSystem.Values},
		{Name: "db.operation.name", Type: Text, Help: "SQL command, or Redis command"},
	}
	var (
		namespace = Attribute{Name: "db.namespace", Type: Text, Help: "Name of the database"}
		status    = Attribute{Name: "db.response.status_code", Type: Text, Help: "SQLSTATE of an error, result code of SQLite, or Redis's word for it"}
	)
	return []Span{
		{
			Name: "{db.operation.name} {db.collection.name}", Fallback: "{db.operation.name}", Kind: ClientSpan, Stability: Stable,
			Help:   "A statement.",
			Always: slices.Concat(always, []Attribute{{Name: "db.query.text", Type: Text, Help: "Statement, with every value left out"}}),
			Sometimes: []Attribute{
				namespace,
				{Name: "db.collection.name", Type: Text, Help: "Table"},
				{Name: "db.response.returned_rows", Type: Integer, Help: "Number of rows of a SELECT"},
				{Name: DBAffectedRows, Type: Integer, Help: "Number of rows that were changed"},
				status, dbErrorTypeAttribute, exemplarAttribute,
			},
			Events: []Event{exceptionEvent},
		},
		{
			Name: DBTransaction, Kind: ClientSpan, Stability: Development,
			Help: "A transaction, from BEGIN until COMMIT or ROLLBACK has answered; its statements are below it.",
			Always: slices.Concat(always, []Attribute{{
				Name: DBTransactionOutcome, Type: Text, Help: "How it ended; failed: its BEGIN or its COMMIT did",
				Values: []string{TransactionCommitted, TransactionRolledBack, TransactionFailed},
			}}),
			Sometimes: []Attribute{namespace, status, dbErrorTypeAttribute, exemplarAttribute},
			Events:    []Event{exceptionEvent},
		},
		{
			Name: "{db.operation.name}", Kind: ClientSpan, Stability: Stable,
			Help:   "A use of Redis.",
			Always: always,
			Sometimes: []Attribute{
				{Name: "db.operation.batch.size", Type: Integer, Help: "Number of commands of a PIPELINE"},
				status, dbErrorTypeAttribute, exemplarAttribute,
			},
			Events: []Event{exceptionEvent},
		},
	}
}

func databaseLines() []Line {
	text := Attribute{Name: "db.query.text", Type: Text, Help: "Statement, with every value left out"}
	return []Line{
		{
			Message: "slow statement", Levels: warn,
			Help: "A statement took as long as is called slow, or longer. Of those that are alike one is logged in a second.",
			Always: []Attribute{
				{Name: "db.system.name", Type: Text, Help: "Database product", Values: sqlSystem.Values},
				{Name: "db.operation.name", Type: Text, Help: "SQL command"},
				{Name: "db.collection.name", Type: Text, Help: "Table; empty where the statement has none"},
				text,
				{Name: "db.client.operation.duration", Type: Number, Help: "Duration of the statement in seconds"},
			},
			Sometimes: []Attribute{
				{Name: "db.response.returned_rows", Type: Integer, Help: "Number of rows of a SELECT"},
				{Name: DBAffectedRows, Type: Integer, Help: "Number of rows that were changed"},
				{Name: "omitted", Type: Integer, Help: "How many like it were not logged since the line before"},
				dbErrorTypeAttribute,
			},
		},
		{
			Message: "plan of a slow statement", Levels: warn, Help: "How the database runs it.",
			Always: []Attribute{text, {Name: DBQueryPlan, Type: Text, Help: "How the database runs it, with every value left out"}},
		},
		{
			Message: "a slow statement could not be explained", Levels: info, Help: "The database did not say how it runs it.",
			Always: []Attribute{text},
		},
	}
}
