-- Orders as Shopify and other channels tell them, what paid for them, and what has come back.

CREATE TABLE orders (
  shop TEXT NOT NULL,
  id TEXT NOT NULL,                 -- Shopify's number, or the id that another channel gave
  name TEXT NOT NULL,               -- as people call it: #1001
  channel TEXT NOT NULL,            -- shopify, or another
  customer BIGINT,
  total BIGINT NOT NULL,
  items BIGINT NOT NULL,            -- what the goods cost, after discounts: the whole of a pro rata
  currency TEXT NOT NULL,
  status TEXT NOT NULL,             -- pending, confirmed, completed, cancelled
  financial_status TEXT,
  cancel_reason TEXT,
  cancelled_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,       -- as the channel says: what is older is ignored
  seen_at BIGINT NOT NULL,
  credit BIGINT NOT NULL,           -- 1: store credit paid for some of it
  credit_read_at BIGINT,            -- when the credits were read last; null: never, or anew
  earned BIGINT NOT NULL DEFAULT 0, -- 1: what it had earned was taken back, or is being
  act BLOB,                         -- the last reversal
  busy BIGINT NOT NULL DEFAULT 0,   -- 1: that reversal is under way
  revert_status TEXT NOT NULL,
  PRIMARY KEY (shop, id)
) WITHOUT ROWID;
CREATE INDEX orders_newest ON orders (shop, created_at, id);
CREATE INDEX orders_status ON orders (shop, status, created_at, id);
CREATE INDEX orders_revert ON orders (shop, revert_status, created_at, id);
CREATE INDEX orders_customer ON orders (shop, customer, created_at, id);
CREATE INDEX orders_credit ON orders (shop, updated_at) WHERE credit = 1 AND credit_read_at IS NULL;

CREATE TABLE order_coupon (
  shop TEXT NOT NULL,
  order_id TEXT NOT NULL,
  code TEXT NOT NULL,
  points BIGINT NOT NULL,
  taken BIGINT NOT NULL DEFAULT 0,  -- promised to reversals
  returned BIGINT NOT NULL DEFAULT 0,
  parts BIGINT NOT NULL DEFAULT 0,  -- how many movements were begun
  original_expiry BIGINT,
  requested_expiry BIGINT,
  honoured_expiry BIGINT,
  PRIMARY KEY (shop, order_id, code),
  CHECK (taken >= returned AND taken <= points)
) WITHOUT ROWID;
CREATE INDEX order_coupon_code ON order_coupon (shop, code);

CREATE TABLE order_credit (
  shop TEXT NOT NULL,
  order_id TEXT NOT NULL,
  payment BIGINT NOT NULL,          -- the number of Shopify's order transaction
  amount BIGINT NOT NULL,
  currency TEXT NOT NULL,
  by_shopify BIGINT NOT NULL DEFAULT 0,
  taken BIGINT NOT NULL DEFAULT 0,
  returned BIGINT NOT NULL DEFAULT 0,
  original_expiry BIGINT,
  requested_expiry BIGINT,
  honoured_expiry BIGINT,
  PRIMARY KEY (shop, order_id, payment),
  CHECK (taken >= returned AND taken <= amount)
) WITHOUT ROWID;

CREATE TABLE order_refund (
  shop TEXT NOT NULL,
  order_id TEXT NOT NULL,
  id TEXT NOT NULL,
  amount BIGINT NOT NULL,
  items BIGINT NOT NULL,            -- the goods among it
  at BIGINT NOT NULL,
  PRIMARY KEY (shop, order_id, id)
) WITHOUT ROWID;

CREATE TABLE credit_movement (
  shop TEXT NOT NULL,
  reference TEXT NOT NULL,
  flow BLOB NOT NULL,
  customer BIGINT NOT NULL,
  order_id TEXT NOT NULL,
  amount BIGINT NOT NULL,
  currency TEXT NOT NULL,
  remote BIGINT,                    -- Shopify's number of the credit, where it is known
  requested_expiry BIGINT,
  honoured_expiry BIGINT,
  at BIGINT NOT NULL,
  PRIMARY KEY (shop, reference)
) WITHOUT ROWID;
CREATE UNIQUE INDEX credit_movement_remote ON credit_movement (shop, remote)
  WHERE remote IS NOT NULL;
CREATE INDEX credit_movement_customer ON credit_movement (shop, customer, at);

-- Shopify's credits carry no reference: one reversal at a time gives a customer any.
CREATE TABLE credit_lane (
  shop TEXT NOT NULL,
  customer BIGINT NOT NULL,
  flow BLOB,                        -- null: nobody's turn
  PRIMARY KEY (shop, customer)
) WITHOUT ROWID;

CREATE TABLE order_sync (
  shop TEXT NOT NULL PRIMARY KEY,
  read_to BIGINT NOT NULL           -- all that was updated before is known
) WITHOUT ROWID;

ALTER TABLE coupon ADD COLUMN reverted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE flow ADD COLUMN order_id TEXT;
CREATE INDEX flow_order ON flow (shop, order_id) WHERE order_id IS NOT NULL;
