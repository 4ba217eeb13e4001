-- What staff search for a customer by. A copy of what Shopify said last; nothing depends on it.

CREATE TABLE customer (
  shop TEXT NOT NULL,
  id BIGINT NOT NULL,               -- the number of Shopify's gid
  name TEXT,
  name_key TEXT,                    -- the name in lower case, for the search
  member_no TEXT NOT NULL,
  pos_id TEXT NOT NULL,
  locale TEXT,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (shop, id)
) WITHOUT ROWID;
CREATE INDEX customer_member ON customer (shop, member_no);
CREATE INDEX customer_name ON customer (shop, name_key);
