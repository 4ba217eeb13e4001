-- Any part of a code, and any part of a name, found through their trigrams.
-- PostgreSQL's twins are plain tables with trigram indexes and a column that counts like rowid.

CREATE VIRTUAL TABLE coupon_search USING fts5
  (code, shop UNINDEXED, tokenize = 'trigram case_sensitive 1');
INSERT INTO coupon_search (code, shop)
  SELECT code, shop FROM coupon WHERE node IS NOT NULL ORDER BY created_at, code;

CREATE VIRTUAL TABLE customer_search USING fts5
  (name_key, shop UNINDEXED, id UNINDEXED, tokenize = 'trigram case_sensitive 1');
INSERT INTO customer_search (name_key, shop, id)
  SELECT name_key, shop, id FROM customer WHERE name_key IS NOT NULL;

CREATE INDEX coupon_member ON coupon (shop, member_no, created_at);
