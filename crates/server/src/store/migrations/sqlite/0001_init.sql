-- Times are microseconds since 1970, money is minor units, ids of flows are 16 bytes (UUID v7).
-- Every row belongs to one shop. PostgreSQL's twin differs in type names only.

CREATE TABLE flow (
  id BLOB NOT NULL PRIMARY KEY,
  shop TEXT NOT NULL,
  kind TEXT NOT NULL,
  customer BIGINT NOT NULL,
  state TEXT NOT NULL,              -- the name, for queries
  body TEXT NOT NULL,               -- the state with what it holds, JSON
  terms TEXT NOT NULL,              -- what was agreed at acceptance, JSON, never changes
  version BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  due_at BIGINT,                    -- leased: the lease's end; waiting: when to go on; null: neither
  tries BIGINT NOT NULL,
  request_key TEXT,                 -- the Idempotency-Key, null once given back
  fingerprint TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX flow_request ON flow (shop, customer, request_key) WHERE request_key IS NOT NULL;
CREATE INDEX flow_due ON flow (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX flow_doubt ON flow (shop, state)
  WHERE state IN ('confirming', 'shelving', 'shelved', 'in_review', 'restoring');

CREATE TABLE flow_event (
  flow BLOB NOT NULL,
  seq BIGINT NOT NULL,              -- the flow's version after it
  at BIGINT NOT NULL,
  name TEXT NOT NULL,
  detail TEXT,
  PRIMARY KEY (flow, seq)
) WITHOUT ROWID;

CREATE TABLE coupon (
  shop TEXT NOT NULL,
  code TEXT NOT NULL,
  flow BLOB NOT NULL,
  customer BIGINT NOT NULL,
  member_no TEXT NOT NULL,
  points BIGINT NOT NULL,
  amount BIGINT NOT NULL,
  currency TEXT NOT NULL,
  status TEXT NOT NULL,
  node BIGINT,                      -- the number of Shopify's discount node, once it is issued
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (shop, code)
) WITHOUT ROWID;
CREATE INDEX coupon_customer ON coupon (shop, customer, created_at, code);

CREATE TABLE movement (
  shop TEXT NOT NULL,
  reference TEXT NOT NULL,          -- no other movement has it, ever
  flow BLOB NOT NULL,
  customer BIGINT NOT NULL,
  points BIGINT NOT NULL,           -- signed
  balance BIGINT,                   -- after it, where the points book told
  reason TEXT NOT NULL,
  linked_to TEXT,                   -- the reference of its counterpart
  at BIGINT NOT NULL,
  PRIMARY KEY (shop, reference)
) WITHOUT ROWID;
CREATE INDEX movement_customer ON movement (shop, customer, at, reference);

CREATE TABLE account (
  shop TEXT NOT NULL,
  customer BIGINT NOT NULL,
  day TEXT NOT NULL,                -- the day that day_points counts, in the shop's time zone
  day_points BIGINT NOT NULL,
  open_points BIGINT NOT NULL,      -- held back by conversions that are under way
  doubts BIGINT NOT NULL,
  PRIMARY KEY (shop, customer),
  CHECK (day_points >= 0 AND open_points >= 0 AND doubts >= 0)
) WITHOUT ROWID;

CREATE TABLE review (
  shop TEXT NOT NULL,
  flow BLOB NOT NULL,
  reason TEXT NOT NULL,
  opened_at BIGINT NOT NULL,
  closed_at BIGINT,
  PRIMARY KEY (flow, reason)
) WITHOUT ROWID;
CREATE INDEX review_open ON review (shop, opened_at) WHERE closed_at IS NULL;

CREATE TABLE outbox (
  id BLOB NOT NULL,
  seq BIGINT NOT NULL,              -- the flow's version that announced it
  shop TEXT NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  sent_at BIGINT,
  PRIMARY KEY (id, seq, kind)
) WITHOUT ROWID;
CREATE INDEX outbox_waiting ON outbox (created_at) WHERE sent_at IS NULL;
