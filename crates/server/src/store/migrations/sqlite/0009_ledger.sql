-- The built-in points book, and credit that Kaeru holds itself. Amounts are points, or minor units
-- of the unit's currency. `holder` is the customer's id at the points book.

CREATE TABLE point_account (
  shop TEXT NOT NULL,
  unit TEXT NOT NULL,               -- points, or a currency's code
  holder TEXT NOT NULL,
  balance BIGINT NOT NULL,          -- of all lots, those included that are to be taken out
  last_lot BIGINT NOT NULL,
  seq BIGINT NOT NULL,              -- of the last movement
  last_at BIGINT NOT NULL,
  PRIMARY KEY (shop, unit, holder),
  CHECK (balance >= 0)
) WITHOUT ROWID;

CREATE TABLE point_movement (
  shop TEXT NOT NULL,
  reference TEXT NOT NULL,          -- no other movement has it, ever
  unit TEXT NOT NULL,
  holder TEXT NOT NULL,
  seq BIGINT NOT NULL,              -- counts the account's movements
  amount BIGINT NOT NULL,           -- signed
  balance BIGINT NOT NULL,          -- after it
  counter TEXT NOT NULL,            -- the other account: granted, redeemed, expired, …
  reason TEXT NOT NULL,
  asked TEXT NOT NULL,              -- the order's own words: the same reference with others is refused
  linked_to TEXT,                   -- the reference of the movement that it gives back
  expires_at BIGINT,                -- until when the points that it brought are good
  actor TEXT,
  at BIGINT NOT NULL,               -- from when it counts
  written_at BIGINT NOT NULL,
  PRIMARY KEY (shop, reference)
) WITHOUT ROWID;
CREATE UNIQUE INDEX point_movement_account ON point_movement (shop, unit, holder, seq);
CREATE INDEX point_movement_linked ON point_movement (shop, linked_to) WHERE linked_to IS NOT NULL;
CREATE INDEX point_movement_at ON point_movement (shop, unit, at, reference);

-- Two for each movement; they sum to zero.
CREATE TABLE point_posting (
  shop TEXT NOT NULL,
  reference TEXT NOT NULL,
  account TEXT NOT NULL,            -- customer, or the counter account
  amount BIGINT NOT NULL,
  PRIMARY KEY (shop, reference, account)
) WITHOUT ROWID;

CREATE TABLE point_lot (
  shop TEXT NOT NULL,
  unit TEXT NOT NULL,
  holder TEXT NOT NULL,
  no BIGINT NOT NULL,
  granted BIGINT NOT NULL,
  remaining BIGINT NOT NULL,
  issued_at BIGINT NOT NULL,
  expires_at BIGINT,
  funding TEXT NOT NULL,            -- free or paid
  renews BIGINT,                    -- the lot whose rest it continues
  reference TEXT NOT NULL,          -- the movement that brought it
  PRIMARY KEY (shop, unit, holder, no),
  CHECK (remaining >= 0)
) WITHOUT ROWID;
CREATE INDEX point_lot_open ON point_lot (shop, unit, holder) WHERE remaining > 0;
CREATE INDEX point_lot_expiring ON point_lot (expires_at)
  WHERE remaining > 0 AND expires_at IS NOT NULL;

-- What each movement did to which lot.
CREATE TABLE point_lot_use (
  shop TEXT NOT NULL,
  reference TEXT NOT NULL,
  lot BIGINT NOT NULL,
  amount BIGINT NOT NULL,           -- signed
  PRIMARY KEY (shop, reference, lot)
) WITHOUT ROWID;

-- How each part of a spending came back, or did not.
CREATE TABLE point_return (
  shop TEXT NOT NULL,
  reference TEXT NOT NULL,
  from_lot BIGINT NOT NULL,
  to_lot BIGINT,                    -- null: it had expired, and was left
  amount BIGINT NOT NULL,
  original BIGINT,
  requested BIGINT,
  honoured BIGINT,
  PRIMARY KEY (shop, reference, from_lot)
) WITHOUT ROWID;

-- What tills were answered under an Idempotency-Key, refusals too.
CREATE TABLE pos_answer (
  shop TEXT NOT NULL,
  request_key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  status BIGINT NOT NULL,
  body TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (shop, request_key)
) WITHOUT ROWID;
CREATE INDEX pos_answer_at ON pos_answer (at);

CREATE INDEX customer_pos ON customer (shop, pos_id);

CREATE TRIGGER point_movement_kept BEFORE UPDATE ON point_movement
  BEGIN SELECT RAISE(ABORT, 'movements are never changed'); END;
CREATE TRIGGER point_movement_stays BEFORE DELETE ON point_movement
  BEGIN SELECT RAISE(ABORT, 'movements are never removed'); END;
CREATE TRIGGER point_posting_kept BEFORE UPDATE ON point_posting
  BEGIN SELECT RAISE(ABORT, 'postings are never changed'); END;
CREATE TRIGGER point_posting_stays BEFORE DELETE ON point_posting
  BEGIN SELECT RAISE(ABORT, 'postings are never removed'); END;
CREATE TRIGGER point_lot_use_kept BEFORE UPDATE ON point_lot_use
  BEGIN SELECT RAISE(ABORT, 'uses of lots are never changed'); END;
CREATE TRIGGER point_lot_use_stays BEFORE DELETE ON point_lot_use
  BEGIN SELECT RAISE(ABORT, 'uses of lots are never removed'); END;
