package catalogue

// SyntheticKeyPrefix begins the Idempotency-Key of every order that a probe places. Such orders are no business: the
// service leaves them out of the metrics of orders and revenue.
const SyntheticKeyPrefix = "synthetic-"
