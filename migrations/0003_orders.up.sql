-- Markets, their days, what is on offer, orders and payments. Amounts of money are in the minor unit of their currency.

CREATE TABLE markets (
    id          TEXT        COLLATE {{.ByteOrder}} NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    name        TEXT        NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    description TEXT        NOT NULL CHECK (length(description) <= 2000),
    place       TEXT        NOT NULL CHECK (length(place) BETWEEN 1 AND 120),
    region      TEXT        NOT NULL CHECK (length(region) <= 120),
    country     TEXT        NOT NULL CHECK (length(country) = 2),
    time_zone   TEXT        NOT NULL CHECK (length(time_zone) > 0),
    currency    TEXT        NOT NULL CHECK (length(currency) = 3),
    sort_name   TEXT        COLLATE {{.ByteOrder}} NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    updated_at  TIMESTAMPTZ NOT NULL
)

--bun:split
CREATE INDEX markets_by_name ON markets (sort_name, id)

--bun:split

CREATE TABLE pickup_slots (
    id        TEXT    COLLATE {{.ByteOrder}} NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    market_id TEXT    COLLATE {{.ByteOrder}} NOT NULL REFERENCES markets (id),
    label     TEXT    NOT NULL CHECK (length(label) BETWEEN 1 AND 120),
    starts_at TEXT    COLLATE {{.ByteOrder}} NOT NULL CHECK (length(starts_at) = 5), -- HH:MM in the market's time zone
    ends_at   TEXT    COLLATE {{.ByteOrder}} NOT NULL CHECK (length(ends_at) = 5)
)

--bun:split
CREATE INDEX pickup_slots_of_market ON pickup_slots (market_id, starts_at, id)

--bun:split

CREATE TABLE market_days (
    id         TEXT        COLLATE {{.ByteOrder}} NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    market_id  TEXT        COLLATE {{.ByteOrder}} NOT NULL REFERENCES markets (id),
    held_on    TEXT        COLLATE {{.ByteOrder}} NOT NULL CHECK (length(held_on) = 10), -- YYYY-MM-DD in the market's time zone
    opens_at   TIMESTAMPTZ NOT NULL,
    closes_at  TIMESTAMPTZ NOT NULL CHECK (closes_at > opens_at),
    closed_at  TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
)

--bun:split
CREATE UNIQUE INDEX market_days_of_market ON market_days (market_id, held_on)
--bun:split
CREATE INDEX market_days_by_date ON market_days (held_on, id)
--bun:split
CREATE INDEX market_days_to_close ON market_days (closes_at) WHERE closed_at IS NULL

--bun:split

CREATE TABLE offerings (
    id             TEXT        COLLATE {{.ByteOrder}} NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    market_day_id  TEXT        COLLATE {{.ByteOrder}} NOT NULL REFERENCES market_days (id),
    product_id     TEXT        COLLATE {{.ByteOrder}} NOT NULL REFERENCES products (id),
    farm_id        TEXT        COLLATE {{.ByteOrder}} NOT NULL REFERENCES farms (id),
    price_amount   BIGINT      NOT NULL CHECK (price_amount > 0),
    price_currency TEXT        NOT NULL CHECK (length(price_currency) = 3),
    quantity       BIGINT      NOT NULL,
    available      BIGINT      NOT NULL,
    created_at     TIMESTAMPTZ NOT NULL,
    updated_at     TIMESTAMPTZ NOT NULL,
    CHECK (available >= 0 AND available <= quantity) -- the last guard: whatever the service does, nothing is oversold
)
-- Room on each page, so that the many updates of the available units stay on it and touch no index.
{{if .PostgreSQL}}WITH (fillfactor = 50){{end}}

--bun:split
CREATE UNIQUE INDEX offerings_of_day ON offerings (market_day_id, product_id)
--bun:split
CREATE INDEX offerings_of_farm ON offerings (farm_id, market_day_id)
--bun:split
CREATE INDEX offerings_of_product ON offerings (product_id)

--bun:split

-- The customer is an account; an order outlives it, for the books.
CREATE TABLE orders (
    id              TEXT        COLLATE {{.ByteOrder}} NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    customer_id     TEXT        COLLATE {{.ByteOrder}} NOT NULL,
    market_day_id   TEXT        COLLATE {{.ByteOrder}} NOT NULL REFERENCES market_days (id),
    slot_id         TEXT        COLLATE {{.ByteOrder}} NOT NULL REFERENCES pickup_slots (id),
    state           TEXT        COLLATE {{.ByteOrder}} NOT NULL
        CHECK (state IN ('pending_payment', 'paid', 'packed', 'collected', 'cancelled', 'expired')),
    total_amount    BIGINT      NOT NULL CHECK (total_amount > 0),
    total_currency  TEXT        NOT NULL CHECK (length(total_currency) = 3),
    idempotency_key TEXT        COLLATE {{.ByteOrder}} NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    request_hash    TEXT        NOT NULL,
    placed_at       TIMESTAMPTZ NOT NULL,
    hold_expires_at TIMESTAMPTZ NOT NULL,
    updated_at      TIMESTAMPTZ NOT NULL
)

--bun:split
-- An idempotency key places one order: a repeat finds it, whatever became of the process that was asked first.
CREATE UNIQUE INDEX orders_by_key ON orders (customer_id, idempotency_key)
--bun:split
CREATE INDEX orders_of_customer ON orders (customer_id, placed_at, id)
--bun:split
CREATE INDEX orders_of_day ON orders (market_day_id, placed_at, id)
--bun:split
CREATE INDEX orders_by_age ON orders (placed_at, id)
--bun:split
CREATE INDEX orders_held ON orders (hold_expires_at) WHERE state = 'pending_payment'

--bun:split

CREATE TABLE order_lines (
    order_id       TEXT    COLLATE {{.ByteOrder}} NOT NULL REFERENCES orders (id),
    number         INTEGER NOT NULL CHECK (number > 0),
    offering_id    TEXT    COLLATE {{.ByteOrder}} NOT NULL REFERENCES offerings (id),
    product_id     TEXT    COLLATE {{.ByteOrder}} NOT NULL,
    farm_id        TEXT    COLLATE {{.ByteOrder}} NOT NULL,
    farm_name      TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    unit_label     TEXT    NOT NULL,
    price_amount   BIGINT  NOT NULL CHECK (price_amount > 0),
    price_currency TEXT    NOT NULL,
    quantity       BIGINT  NOT NULL CHECK (quantity > 0),
    total_amount   BIGINT  NOT NULL CHECK (total_amount = price_amount * quantity),
    PRIMARY KEY (order_id, number)
)

--bun:split
CREATE INDEX order_lines_of_offering ON order_lines (offering_id)

--bun:split

CREATE TABLE payments (
    id               TEXT        COLLATE {{.ByteOrder}} NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    order_id         TEXT        COLLATE {{.ByteOrder}} NOT NULL REFERENCES orders (id),
    customer_id      TEXT        COLLATE {{.ByteOrder}} NOT NULL,
    amount           BIGINT      NOT NULL CHECK (amount > 0),
    currency         TEXT        NOT NULL CHECK (length(currency) = 3),
    method           TEXT        NOT NULL,
    state            TEXT        COLLATE {{.ByteOrder}} NOT NULL CHECK (state IN ('created', 'requires_action', 'processing',
        'succeeded', 'failed', 'cancelled', 'refunding', 'refunded')),
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
    updated_at       TIMESTAMPTZ NOT NULL
)

--bun:split
CREATE UNIQUE INDEX payments_by_key ON payments (customer_id, idempotency_key)
--bun:split
CREATE UNIQUE INDEX payments_by_provider_ref ON payments (provider_ref)
--bun:split
CREATE INDEX payments_of_order ON payments (order_id, created_at, id)
--bun:split
-- The last guards against charging twice: at most one payment pays an order, and at most one is under way.
CREATE UNIQUE INDEX payments_that_pay ON payments (order_id) WHERE state = 'succeeded'
--bun:split
CREATE UNIQUE INDEX payments_under_way ON payments (order_id) WHERE state IN ('created', 'requires_action', 'processing')
--bun:split
CREATE INDEX payments_due ON payments (next_attempt_at) WHERE next_attempt_at IS NOT NULL
