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
