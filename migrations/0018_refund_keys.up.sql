-- Trying a refund again takes an idempotency key, too.

{{if .PostgreSQL}}
ALTER TABLE idempotency_outcomes DROP CONSTRAINT idempotency_outcomes_operation_check
--bun:split
ALTER TABLE idempotency_outcomes ADD CONSTRAINT idempotency_outcomes_operation_check CHECK (operation IN ('place', 'pay', 'refund'))
{{else}}
-- SQLite cannot change a check: the table is made anew. No other refers to it.
CREATE TABLE idempotency_outcomes_with_refunds (
    account_id      TEXT        COLLATE {{.ByteOrder}} NOT NULL,
    operation       TEXT        COLLATE {{.ByteOrder}} NOT NULL CHECK (operation IN ('place', 'pay', 'refund')),
    idempotency_key TEXT        COLLATE {{.ByteOrder}} NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    request_hash    TEXT        NOT NULL,
    document        TEXT        NOT NULL,
    expires_at      TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (account_id, operation, idempotency_key)
)
--bun:split
INSERT INTO idempotency_outcomes_with_refunds (account_id, operation, idempotency_key, request_hash, document, expires_at)
SELECT account_id, operation, idempotency_key, request_hash, document, expires_at FROM idempotency_outcomes
--bun:split
DROP TABLE idempotency_outcomes
--bun:split
ALTER TABLE idempotency_outcomes_with_refunds RENAME TO idempotency_outcomes
--bun:split
CREATE INDEX idempotency_outcomes_by_end ON idempotency_outcomes (expires_at)
{{end}}
