-- The products of a category are counted without reading them, though those of farms that are not verified do not count.
-- SQLite wants to see deleted_at, which is always the same here.

CREATE INDEX products_of_category_and_farm ON products (category, farm_id, deleted_at) WHERE deleted_at IS NULL
