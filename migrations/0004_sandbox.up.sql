-- What the sandbox payment provider must not forget when the process dies. It is another's books, kept here because the
-- embedded mode has no other place: nothing refers to them, and in production they are empty.

CREATE TABLE sandbox_intents (
    ref      TEXT COLLATE {{.ByteOrder}} NOT NULL PRIMARY KEY,
    document TEXT NOT NULL -- JSON
)

--bun:split

CREATE TABLE sandbox_deliveries (
    id       TEXT        COLLATE {{.ByteOrder}} NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    due      TIMESTAMPTZ NOT NULL,
    document TEXT        NOT NULL -- JSON
)

--bun:split
CREATE INDEX sandbox_deliveries_by_due ON sandbox_deliveries (due, id)
