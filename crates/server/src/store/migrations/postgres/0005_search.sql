-- Any part of a code, and any part of a name. The trigram indexes need the extension pg_trgm;
-- without it the search finds the same and is slower.

CREATE TABLE coupon_search (
  rowid BIGSERIAL PRIMARY KEY,
  code TEXT COLLATE "C" NOT NULL,
  shop TEXT COLLATE "C" NOT NULL
);
INSERT INTO coupon_search (code, shop)
  SELECT code, shop FROM coupon WHERE node IS NOT NULL ORDER BY created_at, code;

CREATE TABLE customer_search (
  rowid BIGSERIAL PRIMARY KEY,
  name_key TEXT COLLATE "C" NOT NULL,
  shop TEXT COLLATE "C" NOT NULL,
  id BIGINT NOT NULL
);
INSERT INTO customer_search (name_key, shop, id)
  SELECT name_key, shop, id FROM customer WHERE name_key IS NOT NULL;

CREATE INDEX coupon_member ON coupon (shop, member_no, created_at);

DO $$ BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm;
  CREATE INDEX coupon_search_part ON coupon_search USING gin (code gin_trgm_ops);
  CREATE INDEX customer_search_part ON customer_search USING gin (name_key gin_trgm_ops);
EXCEPTION WHEN OTHERS THEN
  RAISE NOTICE 'pg_trgm is not available: %', SQLERRM;
END $$;
