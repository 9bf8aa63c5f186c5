-- Which images there are, so that those that no product shows any more can be deleted.

CREATE TABLE images (
    hash       TEXT        COLLATE {{.ByteOrder}} NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    touched_at TIMESTAMPTZ NOT NULL -- when it was last uploaded, or taken away from a product
)

--bun:split
CREATE INDEX images_by_touch ON images (touched_at)

--bun:split
CREATE INDEX products_of_image ON products (image) WHERE image IS NOT NULL

--bun:split
INSERT INTO images (hash, touched_at) SELECT image, MAX(updated_at) FROM products WHERE image IS NOT NULL GROUP BY image
