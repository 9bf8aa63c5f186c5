-- The products of a category are counted without reading them, though those of farms that are not verified do not count.

CREATE INDEX products_of_category_and_farm ON products (category, farm_id) WHERE deleted_at IS NULL
