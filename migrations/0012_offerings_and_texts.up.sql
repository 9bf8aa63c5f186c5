-- A product that is deleted is taken off sale: its offerings stay, because orders refer to them, and say so themselves. Who
-- has locked an offering for an order so knows whether it may still be ordered.

ALTER TABLE offerings ADD COLUMN withdrawn_at TIMESTAMPTZ

--bun:split
UPDATE offerings SET withdrawn_at = (SELECT p.deleted_at FROM products AS p WHERE p.id = offerings.product_id)
WHERE product_id IN (SELECT p.id FROM products AS p WHERE p.deleted_at IS NOT NULL)
AND market_day_id IN (SELECT d.id FROM market_days AS d WHERE d.closed_at IS NULL)

-- A day's offerings are listed by the name of the product, which is copied here so that a page is a walk along an index.
-- The service keeps the copy: the changes of what is available touch no index.

--bun:split
ALTER TABLE offerings ADD COLUMN sort_name TEXT COLLATE {{.ByteOrder}} NOT NULL DEFAULT ''
--bun:split
UPDATE offerings SET sort_name = (SELECT p.sort_name FROM products AS p WHERE p.id = offerings.product_id)
--bun:split
CREATE INDEX offerings_of_day_by_name ON offerings (market_day_id, sort_name, id) WHERE withdrawn_at IS NULL
--bun:split
DROP INDEX offerings_of_farm
--bun:split
CREATE INDEX offerings_of_farm_by_name ON offerings (farm_id, market_day_id, sort_name, id) WHERE withdrawn_at IS NULL

-- Searched words of one or two characters are in no trigram; their beginnings are. So the words of a text stand behind two
-- blanks each, and behind them those beginnings that are not at a blank: of what follows a sign, and of each character of
-- scripts that are written without blanks. The service writes texts in this way, too (searchable in server/store/texts.go).
-- The indexes are made anew: to change all that is in them takes much longer.

{{- define "searchable"}}(SELECT t || CASE WHEN octet_length(t) <> length(t) OR {{if .PostgreSQL}}t ~ '[^a-z0-9 ][a-z0-9]'{{else}}t GLOB '*[^a-z0-9 ][a-z0-9]*'{{end}} THEN COALESCE((
    WITH RECURSIVE places (i) AS (SELECT 4 UNION ALL SELECT i + 1 FROM places WHERE i < length(t)),
    characters AS (SELECT i, {{.CodePoint}}(substr(t, i - 1, 1)) AS before, {{.CodePoint}}(substr(t, i, 1)) AS c FROM places WHERE i <= length(t))
    SELECT string_agg('  ' || rtrim(substr(t, i, 2)), '' ORDER BY i) FROM characters
    WHERE before <> 32 AND c <> 32 AND (
        c BETWEEN 3584 AND 3839 OR c BETWEEN 4096 AND 4255 OR c BETWEEN 6016 AND 6143 OR c >= 11904
        OR (before < 192 AND before NOT BETWEEN 48 AND 57 AND before NOT BETWEEN 97 AND 122 OR before BETWEEN 8192 AND 11263)
        AND NOT (c < 192 AND c NOT BETWEEN 48 AND 57 AND c NOT BETWEEN 97 AND 122 OR c BETWEEN 8192 AND 11263))
), '') ELSE '' END FROM (SELECT '  ' || replace(replace(replace(trim(replace(search_text, '
', ' ')), ' ', {{.Character}}(1) || {{.Character}}(2)), {{.Character}}(2) || {{.Character}}(1), ''), {{.Character}}(1) || {{.Character}}(2), '  ') AS t) AS blanks){{end}}

{{if .PostgreSQL}}
--bun:split
DROP INDEX products_by_text
--bun:split
DROP INDEX farms_by_text
--bun:split
UPDATE products SET search_text = {{template "searchable" .}}
--bun:split
UPDATE farms SET search_text = {{template "searchable" .}}
--bun:split
DO $$
DECLARE
    home text;
BEGIN
    SELECT n.nspname INTO home FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
    EXECUTE format('CREATE INDEX products_by_text ON products USING gin (search_text %I.gin_trgm_ops) WITH (fastupdate = off) WHERE deleted_at IS NULL', home);
    EXECUTE format('CREATE INDEX farms_by_text ON farms USING gin (search_text %I.gin_trgm_ops) WITH (fastupdate = off)', home);
END
$$
{{else}}
--bun:split
DROP TRIGGER product_texts_update
--bun:split
UPDATE products SET search_text = {{template "searchable" .}}
--bun:split
INSERT INTO product_texts (product_texts) VALUES ('delete-all')
--bun:split
INSERT INTO product_texts (rowid, search_text)
SELECT n.number, p.search_text FROM product_numbers AS n JOIN products AS p ON p.id = n.product_id WHERE p.deleted_at IS NULL
--bun:split
CREATE TRIGGER product_texts_update AFTER UPDATE OF search_text ON products WHEN NEW.search_text <> OLD.search_text BEGIN
    UPDATE product_texts SET search_text = NEW.search_text WHERE rowid = (SELECT number FROM product_numbers WHERE product_id = NEW.id);
END
--bun:split
DROP TRIGGER farm_texts_update
--bun:split
UPDATE farms SET search_text = {{template "searchable" .}}
--bun:split
INSERT INTO farm_texts (farm_texts) VALUES ('delete-all')
--bun:split
INSERT INTO farm_texts (rowid, search_text)
SELECT n.number, f.search_text FROM farm_numbers AS n JOIN farms AS f ON f.id = n.farm_id
--bun:split
CREATE TRIGGER farm_texts_update AFTER UPDATE OF search_text ON farms WHEN NEW.search_text <> OLD.search_text BEGIN
    UPDATE farm_texts SET search_text = NEW.search_text WHERE rowid = (SELECT number FROM farm_numbers WHERE farm_id = NEW.id);
END
{{end}}
