-- Search by an index of the texts' trigrams, on PostgreSQL by pg_trgm and on SQLite by FTS5. A product is found by its
-- farm's name, too: its text has it from here on.

UPDATE products SET search_text = search_text || '
' || (SELECT f.sort_name FROM farms AS f WHERE f.id = products.farm_id)

{{if .PostgreSQL}}
--bun:split
-- The extension is the database's, and the schema may be one of several: it goes where the others find it. Databases that
-- have it keep it where it is. Whoever owns the database may create it.
DO $$
DECLARE
    home text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('create extension pg_trgm', 0)); -- others may migrate another schema
        CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
    END IF;
    -- Without fastupdate a search never has to look through a list of changes that wait to be put into the index.
    SELECT n.nspname INTO home FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
    EXECUTE format('CREATE INDEX products_by_text ON products USING gin (search_text %I.gin_trgm_ops) WITH (fastupdate = off) WHERE deleted_at IS NULL', home);
    EXECUTE format('CREATE INDEX farms_by_text ON farms USING gin (search_text %I.gin_trgm_ops) WITH (fastupdate = off)', home);
END
$$
{{else}}
--bun:split
-- A full-text index knows rows by numbers, which must stay: VACUUM renumbers rows that have no number of their own.
CREATE TABLE product_numbers (
    number     INTEGER PRIMARY KEY,
    product_id TEXT    NOT NULL UNIQUE
)
--bun:split
CREATE VIRTUAL TABLE product_texts USING fts5 (search_text, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1', detail = none)

--bun:split
CREATE TRIGGER product_texts_insert AFTER INSERT ON products BEGIN
    INSERT INTO product_numbers (product_id) VALUES (NEW.id);
    INSERT INTO product_texts (rowid, search_text) SELECT number, NEW.search_text FROM product_numbers WHERE product_id = NEW.id;
END
--bun:split
CREATE TRIGGER product_texts_update AFTER UPDATE OF search_text ON products WHEN NEW.search_text <> OLD.search_text BEGIN
    UPDATE product_texts SET search_text = NEW.search_text WHERE rowid = (SELECT number FROM product_numbers WHERE product_id = NEW.id);
END
--bun:split
CREATE TRIGGER product_texts_delete AFTER UPDATE OF deleted_at ON products WHEN NEW.deleted_at IS NOT NULL BEGIN
    DELETE FROM product_texts WHERE rowid = (SELECT number FROM product_numbers WHERE product_id = NEW.id);
END
--bun:split
INSERT INTO product_numbers (product_id) SELECT id FROM products
--bun:split
INSERT INTO product_texts (rowid, search_text)
SELECT n.number, p.search_text FROM product_numbers AS n JOIN products AS p ON p.id = n.product_id WHERE p.deleted_at IS NULL

--bun:split
CREATE TABLE farm_numbers (
    number  INTEGER PRIMARY KEY,
    farm_id TEXT    NOT NULL UNIQUE
)
--bun:split
CREATE VIRTUAL TABLE farm_texts USING fts5 (search_text, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1', detail = none)

--bun:split
CREATE TRIGGER farm_texts_insert AFTER INSERT ON farms BEGIN
    INSERT INTO farm_numbers (farm_id) VALUES (NEW.id);
    INSERT INTO farm_texts (rowid, search_text) SELECT number, NEW.search_text FROM farm_numbers WHERE farm_id = NEW.id;
END
--bun:split
CREATE TRIGGER farm_texts_update AFTER UPDATE OF search_text ON farms WHEN NEW.search_text <> OLD.search_text BEGIN
    UPDATE farm_texts SET search_text = NEW.search_text WHERE rowid = (SELECT number FROM farm_numbers WHERE farm_id = NEW.id);
END
--bun:split
INSERT INTO farm_numbers (farm_id) SELECT id FROM farms
--bun:split
INSERT INTO farm_texts (rowid, search_text)
SELECT n.number, f.search_text FROM farm_numbers AS n JOIN farms AS f ON f.id = n.farm_id
{{end}}

-- The lists that market managers look through for what is to be done: few of many.

--bun:split
CREATE INDEX farms_to_verify_by_name ON farms (sort_name, id) WHERE verified_at IS NULL
--bun:split
CREATE INDEX farms_to_verify_by_age ON farms (created_at, id) WHERE verified_at IS NULL
-- The audit looks at the offerings of the days that closed since some time.

--bun:split
CREATE INDEX market_days_by_close ON market_days (closes_at)
