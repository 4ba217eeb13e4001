-- Which processes serve on this database: they share Shopify's limit.

CREATE TABLE replica (
  id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  seen_at BIGINT NOT NULL
);
