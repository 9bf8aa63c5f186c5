-- The days that are not closed are a few of many, and open ones are what a shopper asks for first: they are found by date
-- without a look at the days that are over.

CREATE INDEX market_days_not_closed_by_date ON market_days (held_on, id) WHERE closed_at IS NULL
--bun:split
CREATE INDEX market_days_of_market_not_closed_by_date ON market_days (market_id, held_on, id) WHERE closed_at IS NULL

--bun:split
-- A market's days end with the id, too, as the order of the list does.
CREATE INDEX market_days_of_market_by_date ON market_days (market_id, held_on, id)
