-- How many orders there are in each state that is not the last is counted every minute: from this index, which has those
-- orders only, however many were collected over the years.

CREATE INDEX orders_open ON orders (state) WHERE state IN ('pending_payment', 'paid', 'packed')
