-- What staff search for a customer by. A copy of what Shopify said last; nothing depends on it.

CREATE TABLE customer (
  shop TEXT COLLATE "C" NOT NULL,
  id BIGINT NOT NULL, -- the number of Shopify's gid
  name TEXT COLLATE "C",
  name_key TEXT COLLATE "C", -- the name in lower case, for the search
  member_no TEXT COLLATE "C" NOT NULL,
  pos_id TEXT COLLATE "C" NOT NULL,
  locale TEXT COLLATE "C",
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (shop, id)
);
CREATE INDEX customer_member ON customer (shop, member_no);
CREATE INDEX customer_name ON customer (shop, name_key);
