-- Visitors see verified farms only. The few that wait are found without reading the others.

CREATE INDEX farms_unverified ON farms (id) WHERE verified_at IS NULL
