-- Until when an order was to be paid at first, where the window of its market day was moved afterwards: a repeated request is
-- answered as it was then.

ALTER TABLE orders ADD COLUMN first_hold_expires_at TIMESTAMPTZ
