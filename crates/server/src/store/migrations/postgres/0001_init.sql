-- Times are microseconds since 1970, money is minor units, ids of flows are 16 bytes (UUID v7).
-- Every row belongs to one shop. PostgreSQL's twin differs in type names only.

CREATE TABLE flow (
  id BYTEA NOT NULL PRIMARY KEY,
  shop TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  customer BIGINT NOT NULL,
  state TEXT COLLATE "C" NOT NULL, -- the name, for queries
  body TEXT COLLATE "C" NOT NULL, -- the state with what it holds, JSON
  terms TEXT COLLATE "C" NOT NULL, -- what was agreed at acceptance, JSON, never changes
  version BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  due_at BIGINT, -- leased: the lease's end; waiting: when to go on; null: neither
  tries BIGINT NOT NULL,
  request_key TEXT COLLATE "C", -- the Idempotency-Key, null once given back
  fingerprint TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX flow_request ON flow (shop, customer, request_key)
  WHERE request_key IS NOT NULL;
CREATE INDEX flow_due ON flow (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX flow_doubt ON flow (shop, state)
  WHERE state IN ('confirming', 'shelving', 'shelved', 'in_review', 'restoring');

CREATE TABLE flow_event (
  flow BYTEA NOT NULL,
  seq BIGINT NOT NULL, -- the flow's version after it
  at BIGINT NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  detail TEXT COLLATE "C",
  PRIMARY KEY (flow, seq)
);

CREATE TABLE coupon (
  shop TEXT COLLATE "C" NOT NULL,
  code TEXT COLLATE "C" NOT NULL,
  flow BYTEA NOT NULL,
  customer BIGINT NOT NULL,
  member_no TEXT COLLATE "C" NOT NULL,
  points BIGINT NOT NULL,
  amount BIGINT NOT NULL,
  currency TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL,
  node BIGINT, -- the number of Shopify's discount node, once it is issued
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (shop, code)
);
CREATE INDEX coupon_customer ON coupon (shop, customer, created_at, code);

CREATE TABLE movement (
  shop TEXT COLLATE "C" NOT NULL,
  reference TEXT COLLATE "C" NOT NULL, -- no other movement has it, ever
  flow BYTEA NOT NULL,
  customer BIGINT NOT NULL,
  points BIGINT NOT NULL, -- signed
  balance BIGINT, -- after it, where the points book told
  reason TEXT COLLATE "C" NOT NULL,
  linked_to TEXT COLLATE "C", -- the reference of its counterpart
  at BIGINT NOT NULL,
  PRIMARY KEY (shop, reference)
);
CREATE INDEX movement_customer ON movement (shop, customer, at, reference);

CREATE TABLE account (
  shop TEXT COLLATE "C" NOT NULL,
  customer BIGINT NOT NULL,
  day TEXT COLLATE "C" NOT NULL, -- the day that day_points counts, in the shop's time zone
  day_points BIGINT NOT NULL,
  open_points BIGINT NOT NULL, -- held back by conversions that are under way
  doubts BIGINT NOT NULL,
  PRIMARY KEY (shop, customer),
  CHECK (day_points >= 0 AND open_points >= 0 AND doubts >= 0)
);

CREATE TABLE review (
  shop TEXT COLLATE "C" NOT NULL,
  flow BYTEA NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  opened_at BIGINT NOT NULL,
  closed_at BIGINT,
  PRIMARY KEY (flow, reason)
);
CREATE INDEX review_open ON review (shop, opened_at) WHERE closed_at IS NULL;

CREATE TABLE outbox (
  id BYTEA NOT NULL,
  seq BIGINT NOT NULL, -- the flow's version that announced it
  shop TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  body TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  sent_at BIGINT,
  PRIMARY KEY (id, seq, kind)
);
CREATE INDEX outbox_waiting ON outbox (created_at) WHERE sent_at IS NULL;
