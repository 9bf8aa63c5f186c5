-- What lets a thing that is asked for, or told, again be recognised. Old rows are deleted by a background job.

-- Outcomes of requests with an idempotency key. A placed order is its own record, which is why it is not here.
CREATE TABLE idempotency_outcomes (
    account_id      TEXT        COLLATE {{.ByteOrder}} NOT NULL,
    operation       TEXT        COLLATE {{.ByteOrder}} NOT NULL CHECK (operation IN ('place', 'pay')),
    idempotency_key TEXT        COLLATE {{.ByteOrder}} NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    request_hash    TEXT        NOT NULL,
    document        TEXT        NOT NULL, -- JSON
    expires_at      TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (account_id, operation, idempotency_key)
)

--bun:split
CREATE INDEX idempotency_outcomes_by_end ON idempotency_outcomes (expires_at)

--bun:split

-- Events of payment providers that were taken in.
CREATE TABLE payment_events (
    provider    TEXT        COLLATE {{.ByteOrder}} NOT NULL CHECK (length(provider) > 0),
    event_id    TEXT        COLLATE {{.ByteOrder}} NOT NULL CHECK (length(event_id) > 0),
    received_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (provider, event_id)
)

--bun:split
CREATE INDEX payment_events_by_age ON payment_events (received_at)
