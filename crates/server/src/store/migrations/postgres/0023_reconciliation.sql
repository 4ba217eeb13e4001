-- Runs that compare the books of Kaeru, Shopify and the points book, and what they found.

CREATE TABLE reconciliation (
  id BYTEA NOT NULL PRIMARY KEY,
  shop TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL,              -- running, completed, failed
  since BIGINT NOT NULL,            -- what was issued or moved at this moment or later
  started_by TEXT COLLATE "C" NOT NULL,
  started_at BIGINT NOT NULL,
  finished_at BIGINT,
  phase TEXT COLLATE "C" NOT NULL,              -- what is compared now
  place TEXT COLLATE "C" NOT NULL,              -- strictly after this one
  coupons BIGINT NOT NULL DEFAULT 0,
  movements BIGINT NOT NULL DEFAULT 0,
  discounts BIGINT NOT NULL DEFAULT 0,
  customers BIGINT NOT NULL DEFAULT 0,
  findings BIGINT NOT NULL DEFAULT 0,
  points_compared BIGINT NOT NULL,  -- 0: the points book cannot look movements up
  problem TEXT COLLATE "C",                     -- why it failed
  tries BIGINT NOT NULL DEFAULT 0,  -- how often the same part could not be compared
  due_at BIGINT,                    -- leased: the lease's end; else when to go on; null: not at all
  epoch BIGINT NOT NULL             -- raised by each claim
);
CREATE UNIQUE INDEX reconciliation_running ON reconciliation (shop) WHERE state = 'running';
CREATE INDEX reconciliation_due ON reconciliation (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX reconciliation_newest ON reconciliation (shop, started_at, id);

CREATE TABLE reconciliation_finding (
  run BYTEA NOT NULL,
  nth BIGINT NOT NULL,              -- from 1, as they were found
  book TEXT COLLATE "C" NOT NULL,               -- shopify, points, kaeru: whose book differs
  kind TEXT COLLATE "C" NOT NULL,
  subject TEXT COLLATE "C" NOT NULL,            -- a code, a reference, an account
  customer BIGINT,
  here TEXT COLLATE "C",                        -- what Kaeru says, and what the other book says
  there TEXT COLLATE "C",
  PRIMARY KEY (run, nth)
);
CREATE INDEX reconciliation_finding_kind ON reconciliation_finding (run, kind, nth);
