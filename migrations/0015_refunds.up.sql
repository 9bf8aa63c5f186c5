-- A refund can fail after the provider has taken it. Each try to give a payment back has a number, which is part of its
-- idempotency key, and the provider's id, by which it is asked what became of it.

{{if .PostgreSQL}}
ALTER TABLE payments DROP CONSTRAINT payments_state_check
--bun:split
ALTER TABLE payments ADD CONSTRAINT payments_state_check CHECK (state IN ('created', 'requires_action', 'processing',
    'succeeded', 'failed', 'cancelled', 'refunding', 'refunded', 'refund_failed'))
--bun:split
ALTER TABLE payments ADD COLUMN refund_try INTEGER NOT NULL DEFAULT 0
--bun:split
ALTER TABLE payments ADD COLUMN refund_ref TEXT NOT NULL DEFAULT ''
--bun:split
ALTER TABLE payments ADD COLUMN refund_failure TEXT NOT NULL DEFAULT ''
{{else}}
-- SQLite cannot change a check: the table is made anew. No other refers to it.
CREATE TABLE payments_with_refunds (
    id               TEXT        COLLATE {{.ByteOrder}} NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    order_id         TEXT        COLLATE {{.ByteOrder}} NOT NULL REFERENCES orders (id),
    customer_id      TEXT        COLLATE {{.ByteOrder}} NOT NULL,
    amount           BIGINT      NOT NULL CHECK (amount > 0),
    currency         TEXT        NOT NULL CHECK (length(currency) = 3),
    method           TEXT        NOT NULL,
    state            TEXT        COLLATE {{.ByteOrder}} NOT NULL CHECK (state IN ('created', 'requires_action', 'processing',
        'succeeded', 'failed', 'cancelled', 'refunding', 'refunded', 'refund_failed')),
    provider_ref     TEXT        COLLATE {{.ByteOrder}},
    client_secret    TEXT        NOT NULL,
    failure          TEXT        NOT NULL,
    refund_reason    TEXT        NOT NULL,
    idempotency_key  TEXT        COLLATE {{.ByteOrder}} NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    request_hash     TEXT        NOT NULL,
    lease_expires_at TIMESTAMPTZ,
    next_attempt_at  TIMESTAMPTZ,
    attempts         INTEGER     NOT NULL,
    created_at       TIMESTAMPTZ NOT NULL,
    updated_at       TIMESTAMPTZ NOT NULL,
    unasked          BOOLEAN     NOT NULL DEFAULT FALSE,
    refund_try       INTEGER     NOT NULL DEFAULT 0,
    refund_ref       TEXT        NOT NULL DEFAULT '',
    refund_failure   TEXT        NOT NULL DEFAULT ''
)
--bun:split
INSERT INTO payments_with_refunds (id, order_id, customer_id, amount, currency, method, state, provider_ref, client_secret, failure,
    refund_reason, idempotency_key, request_hash, lease_expires_at, next_attempt_at, attempts, created_at, updated_at, unasked)
SELECT id, order_id, customer_id, amount, currency, method, state, provider_ref, client_secret, failure,
    refund_reason, idempotency_key, request_hash, lease_expires_at, next_attempt_at, attempts, created_at, updated_at, unasked
FROM payments
--bun:split
DROP TABLE payments
--bun:split
ALTER TABLE payments_with_refunds RENAME TO payments
--bun:split
CREATE UNIQUE INDEX payments_by_key ON payments (customer_id, idempotency_key)
--bun:split
CREATE UNIQUE INDEX payments_by_provider_ref ON payments (provider_ref)
--bun:split
CREATE INDEX payments_of_order ON payments (order_id, created_at, id)
--bun:split
CREATE UNIQUE INDEX payments_that_pay ON payments (order_id) WHERE state = 'succeeded'
--bun:split
CREATE UNIQUE INDEX payments_under_way ON payments (order_id) WHERE state IN ('created', 'requires_action', 'processing')
--bun:split
CREATE INDEX payments_due ON payments (next_attempt_at) WHERE next_attempt_at IS NOT NULL
{{end}}

--bun:split
UPDATE payments SET refund_try = 1 WHERE state IN ('refunding', 'refunded')

--bun:split
-- What customers are still owed is counted every minute, and what could not be given back is listed for market managers.
CREATE INDEX payments_owed ON payments (state, order_id) WHERE state IN ('refunding', 'refund_failed')
