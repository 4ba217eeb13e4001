-- The built-in points book, and credit that Kaeru holds itself. Amounts are points, or minor units
-- of the unit's currency. `holder` is the customer's id at the points book.

CREATE TABLE point_account (
  shop TEXT COLLATE "C" NOT NULL,
  unit TEXT COLLATE "C" NOT NULL, -- points, or a currency's code
  holder TEXT COLLATE "C" NOT NULL,
  balance BIGINT NOT NULL, -- of all lots, those included that are to be taken out
  last_lot BIGINT NOT NULL,
  seq BIGINT NOT NULL, -- of the last movement
  last_at BIGINT NOT NULL,
  PRIMARY KEY (shop, unit, holder),
  CHECK (balance >= 0)
);

CREATE TABLE point_movement (
  shop TEXT COLLATE "C" NOT NULL,
  reference TEXT COLLATE "C" NOT NULL, -- no other movement has it, ever
  unit TEXT COLLATE "C" NOT NULL,
  holder TEXT COLLATE "C" NOT NULL,
  seq BIGINT NOT NULL, -- counts the account's movements
  amount BIGINT NOT NULL, -- signed
  balance BIGINT NOT NULL, -- after it
  counter TEXT COLLATE "C" NOT NULL, -- the other account: granted, redeemed, expired, …
  reason TEXT COLLATE "C" NOT NULL,
  asked TEXT COLLATE "C" NOT NULL, -- the order's own words: the same reference with others is refused
  linked_to TEXT COLLATE "C", -- the reference of the movement that it gives back
  expires_at BIGINT, -- until when the points that it brought are good
  actor TEXT COLLATE "C",
  at BIGINT NOT NULL, -- from when it counts
  written_at BIGINT NOT NULL,
  PRIMARY KEY (shop, reference)
);
CREATE UNIQUE INDEX point_movement_account ON point_movement (shop, unit, holder, seq);
CREATE INDEX point_movement_linked ON point_movement (shop, linked_to) WHERE linked_to IS NOT NULL;
CREATE INDEX point_movement_at ON point_movement (shop, unit, at, reference);

-- Two for each movement; they sum to zero.
CREATE TABLE point_posting (
  shop TEXT COLLATE "C" NOT NULL,
  reference TEXT COLLATE "C" NOT NULL,
  account TEXT COLLATE "C" NOT NULL, -- customer, or the counter account
  amount BIGINT NOT NULL,
  PRIMARY KEY (shop, reference, account)
);

CREATE TABLE point_lot (
  shop TEXT COLLATE "C" NOT NULL,
  unit TEXT COLLATE "C" NOT NULL,
  holder TEXT COLLATE "C" NOT NULL,
  no BIGINT NOT NULL,
  granted BIGINT NOT NULL,
  remaining BIGINT NOT NULL,
  issued_at BIGINT NOT NULL,
  expires_at BIGINT,
  funding TEXT COLLATE "C" NOT NULL, -- free or paid
  renews BIGINT, -- the lot whose rest it continues
  reference TEXT COLLATE "C" NOT NULL, -- the movement that brought it
  PRIMARY KEY (shop, unit, holder, no),
  CHECK (remaining >= 0)
);
CREATE INDEX point_lot_open ON point_lot (shop, unit, holder) WHERE remaining > 0;
CREATE INDEX point_lot_expiring ON point_lot (expires_at)
  WHERE remaining > 0 AND expires_at IS NOT NULL;

-- What each movement did to which lot.
CREATE TABLE point_lot_use (
  shop TEXT COLLATE "C" NOT NULL,
  reference TEXT COLLATE "C" NOT NULL,
  lot BIGINT NOT NULL,
  amount BIGINT NOT NULL, -- signed
  PRIMARY KEY (shop, reference, lot)
);

-- How each part of a spending came back, or did not.
CREATE TABLE point_return (
  shop TEXT COLLATE "C" NOT NULL,
  reference TEXT COLLATE "C" NOT NULL,
  from_lot BIGINT NOT NULL,
  to_lot BIGINT, -- null: it had expired, and was left
  amount BIGINT NOT NULL,
  original BIGINT,
  requested BIGINT,
  honoured BIGINT,
  PRIMARY KEY (shop, reference, from_lot)
);

-- What tills were answered under an Idempotency-Key, refusals too.
CREATE TABLE pos_answer (
  shop TEXT COLLATE "C" NOT NULL,
  request_key TEXT COLLATE "C" NOT NULL,
  fingerprint TEXT COLLATE "C" NOT NULL,
  status BIGINT NOT NULL,
  body TEXT COLLATE "C" NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (shop, request_key)
);
CREATE INDEX pos_answer_at ON pos_answer (at);

CREATE INDEX customer_pos ON customer (shop, pos_id);

CREATE FUNCTION ledger_is_kept() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'what stands in the ledger is never changed'; END $$;
CREATE TRIGGER point_movement_kept BEFORE UPDATE OR DELETE ON point_movement
  FOR EACH ROW EXECUTE FUNCTION ledger_is_kept();
CREATE TRIGGER point_posting_kept BEFORE UPDATE OR DELETE ON point_posting
  FOR EACH ROW EXECUTE FUNCTION ledger_is_kept();
CREATE TRIGGER point_lot_use_kept BEFORE UPDATE OR DELETE ON point_lot_use
  FOR EACH ROW EXECUTE FUNCTION ledger_is_kept();
