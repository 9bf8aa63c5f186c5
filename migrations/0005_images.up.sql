-- The photograph of a product: the hash of its content, under which the files are kept outside of the database.

ALTER TABLE products ADD COLUMN image TEXT COLLATE {{.ByteOrder}} CHECK (length(image) = 32)
