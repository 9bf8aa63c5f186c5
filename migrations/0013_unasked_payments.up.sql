-- Whether it is certain that the provider was not asked for a payment: the circuit breaker kept the call from being made. When
-- the order ends, such a payment does not have to be looked for.

ALTER TABLE payments ADD COLUMN unasked BOOLEAN NOT NULL DEFAULT FALSE
