-- A product that is deleted is taken off sale: its offerings stay, because orders refer to them, and say so themselves. Who
-- has locked an offering for an order so knows whether it may still be ordered.

ALTER TABLE offerings ADD COLUMN withdrawn_at TIMESTAMPTZ

--bun:split
UPDATE offerings SET withdrawn_at = (SELECT p.deleted_at FROM products AS p WHERE p.id = offerings.product_id)
WHERE product_id IN (SELECT p.id FROM products AS p WHERE p.deleted_at IS NOT NULL)
AND market_day_id IN (SELECT d.id FROM market_days AS d WHERE d.closed_at IS NULL)
