-- Accounts, their sessions, and whom farms belong to.

CREATE TABLE accounts (
    id                  TEXT        COLLATE {{.ByteOrder}} NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    email               TEXT        COLLATE {{.ByteOrder}} NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    name                TEXT        NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    role                TEXT        COLLATE {{.ByteOrder}} NOT NULL
                                    CHECK (role IN ('customer', 'farm_owner', 'market_manager', 'admin')),
    password_hash       TEXT        NOT NULL, -- a PHC string; empty: nobody can log in
    credentials_version BIGINT      NOT NULL CHECK (credentials_version > 0), -- access tokens of an older one are void
    created_at          TIMESTAMPTZ NOT NULL,
    updated_at          TIMESTAMPTZ NOT NULL
)

--bun:split
-- One account for an address, which the service has normalised.
CREATE UNIQUE INDEX accounts_by_email ON accounts (email)
--bun:split
CREATE INDEX accounts_by_age ON accounts (created_at, id)
--bun:split
CREATE INDEX accounts_of_role_by_age ON accounts (role, created_at, id)

--bun:split
-- A session is a chain of refresh tokens of which only the last is good.
CREATE TABLE sessions (
    id         TEXT        COLLATE {{.ByteOrder}} NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    account_id TEXT        COLLATE {{.ByteOrder}} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    token_hash TEXT        COLLATE {{.ByteOrder}} NOT NULL CHECK (length(token_hash) = 64), -- SHA-256 in hexadecimal
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
)
--bun:split
CREATE INDEX sessions_of_account ON sessions (account_id)
--bun:split
CREATE INDEX sessions_by_end ON sessions (expires_at)

--bun:split
-- Attempts to log in, counted per account and per client address. Keys are hashed: an address someone mistyped is
-- nobody else's to read.
CREATE TABLE login_attempts (
    key        TEXT        COLLATE {{.ByteOrder}} NOT NULL PRIMARY KEY CHECK (length(key) = 64),
    attempts   BIGINT      NOT NULL CHECK (attempts >= 0),
    expires_at TIMESTAMPTZ NOT NULL
)
--bun:split
CREATE INDEX login_attempts_by_end ON login_attempts (expires_at)

--bun:split
-- A farm without an owner is one from before there were accounts.
ALTER TABLE farms ADD COLUMN owner_id TEXT COLLATE {{.ByteOrder}} REFERENCES accounts (id)
--bun:split
ALTER TABLE farms ADD COLUMN verified_at TIMESTAMPTZ
--bun:split
ALTER TABLE farms ADD COLUMN verified_by TEXT COLLATE {{.ByteOrder}} REFERENCES accounts (id)
--bun:split
ALTER TABLE farms ADD COLUMN version BIGINT NOT NULL DEFAULT 1
--bun:split
CREATE INDEX farms_of_owner_by_name ON farms (owner_id, sort_name, id)

--bun:split
ALTER TABLE products ADD COLUMN version BIGINT NOT NULL DEFAULT 1
--bun:split
ALTER TABLE products ADD COLUMN deleted_at TIMESTAMPTZ

--bun:split
-- Deleted products stay, because offerings and orders refer to them. The indexes of the lists leave them out.
DROP INDEX products_by_name
--bun:split
CREATE INDEX products_by_name ON products (sort_name, id) WHERE deleted_at IS NULL

--bun:split
DROP INDEX products_by_price
--bun:split
CREATE INDEX products_by_price ON products (price_amount, id) WHERE deleted_at IS NULL

--bun:split
DROP INDEX products_by_age
--bun:split
CREATE INDEX products_by_age ON products (created_at, id) WHERE deleted_at IS NULL

--bun:split
DROP INDEX products_of_category_by_name
--bun:split
CREATE INDEX products_of_category_by_name ON products (category, sort_name, id) WHERE deleted_at IS NULL

--bun:split
DROP INDEX products_of_category_by_price
--bun:split
CREATE INDEX products_of_category_by_price ON products (category, price_amount, id) WHERE deleted_at IS NULL

--bun:split
DROP INDEX products_of_category_by_age
--bun:split
CREATE INDEX products_of_category_by_age ON products (category, created_at, id) WHERE deleted_at IS NULL

--bun:split
DROP INDEX products_of_farm_by_name
--bun:split
CREATE INDEX products_of_farm_by_name ON products (farm_id, sort_name, id) WHERE deleted_at IS NULL

--bun:split
DROP INDEX products_of_farm_by_price
--bun:split
CREATE INDEX products_of_farm_by_price ON products (farm_id, price_amount, id) WHERE deleted_at IS NULL

--bun:split
DROP INDEX products_of_farm_by_age
--bun:split
CREATE INDEX products_of_farm_by_age ON products (farm_id, created_at, id) WHERE deleted_at IS NULL
