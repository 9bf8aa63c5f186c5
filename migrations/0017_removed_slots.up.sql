-- A pick-up slot that is removed takes no orders any more. It stays for those that had it.

ALTER TABLE pickup_slots ADD COLUMN removed_at TIMESTAMPTZ
