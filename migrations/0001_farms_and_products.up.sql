-- Text is compared by its bytes on both databases ({{.ByteOrder}}), so that both give the same order whatever the
-- server's locale: sort_name is the name without case and accents, made by the service.
-- Ids are UUIDs as text; times are UTC; prices are in the minor unit of their currency.

CREATE TABLE farms (
    id          TEXT        COLLATE {{.ByteOrder}} NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    name        TEXT        NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    description TEXT        NOT NULL CHECK (length(description) <= 2000),
    place       TEXT        NOT NULL CHECK (length(place) BETWEEN 1 AND 120),
    region      TEXT        NOT NULL CHECK (length(region) <= 120),
    country     TEXT        NOT NULL CHECK (length(country) = 2),
    sort_name   TEXT        COLLATE {{.ByteOrder}} NOT NULL,
    search_text TEXT        NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    updated_at  TIMESTAMPTZ NOT NULL
)

--bun:split

CREATE TABLE products (
    id             TEXT        COLLATE {{.ByteOrder}} NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    farm_id        TEXT        COLLATE {{.ByteOrder}} NOT NULL REFERENCES farms (id),
    name           TEXT        NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    description    TEXT        NOT NULL CHECK (length(description) <= 2000),
    category       TEXT        COLLATE {{.ByteOrder}} NOT NULL CHECK (length(category) > 0),
    unit_kind      TEXT        NOT NULL CHECK (unit_kind IN ('weight', 'volume', 'item')),
    unit_size      BIGINT      NOT NULL CHECK (unit_size > 0), -- grams, millilitres or pieces
    unit_label     TEXT        NOT NULL CHECK (length(unit_label) BETWEEN 1 AND 40),
    price_amount   BIGINT      NOT NULL CHECK (price_amount > 0),
    price_currency TEXT        NOT NULL CHECK (length(price_currency) = 3),
    season         INTEGER     NOT NULL CHECK (season BETWEEN 1 AND 4095), -- bit 0 is January
    sort_name      TEXT        COLLATE {{.ByteOrder}} NOT NULL,
    search_text    TEXT        NOT NULL,
    created_at     TIMESTAMPTZ NOT NULL,
    updated_at     TIMESTAMPTZ NOT NULL
)

-- One index per order of a list, and per filter and order. Each ends with the id, as the order does: a page is a walk
-- along the index from either end, and can start at a key.

--bun:split
CREATE INDEX farms_by_name ON farms (sort_name, id)
--bun:split
CREATE INDEX farms_by_age ON farms (created_at, id)

--bun:split
CREATE INDEX products_by_name ON products (sort_name, id)
--bun:split
CREATE INDEX products_by_price ON products (price_amount, id)
--bun:split
CREATE INDEX products_by_age ON products (created_at, id)

--bun:split
CREATE INDEX products_of_category_by_name ON products (category, sort_name, id)
--bun:split
CREATE INDEX products_of_category_by_price ON products (category, price_amount, id)
--bun:split
CREATE INDEX products_of_category_by_age ON products (category, created_at, id)

--bun:split
CREATE INDEX products_of_farm_by_name ON products (farm_id, sort_name, id)
--bun:split
CREATE INDEX products_of_farm_by_price ON products (farm_id, price_amount, id)
--bun:split
CREATE INDEX products_of_farm_by_age ON products (farm_id, created_at, id)
