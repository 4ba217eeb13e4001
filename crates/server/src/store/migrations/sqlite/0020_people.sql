-- A customer whose person was erased, and one who goes on as another.
ALTER TABLE customer ADD COLUMN erased_at BIGINT;
ALTER TABLE customer ADD COLUMN merged_into BIGINT;
