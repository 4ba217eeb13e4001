-- Runs that compare the books of Kaeru, Shopify and the points book, and what they found.

CREATE TABLE reconciliation (
  id BLOB NOT NULL PRIMARY KEY,
  shop TEXT NOT NULL,
  state TEXT NOT NULL,              -- running, completed, failed
  since BIGINT NOT NULL,            -- what was issued or moved at this moment or later
  started_by TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  finished_at BIGINT,
  phase TEXT NOT NULL,              -- what is compared now
  place TEXT NOT NULL,              -- strictly after this one
  coupons BIGINT NOT NULL DEFAULT 0,
  movements BIGINT NOT NULL DEFAULT 0,
  discounts BIGINT NOT NULL DEFAULT 0,
  customers BIGINT NOT NULL DEFAULT 0,
  findings BIGINT NOT NULL DEFAULT 0,
  points_compared BIGINT NOT NULL,  -- 0: the points book cannot look movements up
  problem TEXT,                     -- why it failed
  tries BIGINT NOT NULL DEFAULT 0,  -- how often the same part could not be compared
  due_at BIGINT,                    -- leased: the lease's end; else when to go on; null: not at all
  epoch BIGINT NOT NULL             -- raised by each claim
) WITHOUT ROWID;
CREATE UNIQUE INDEX reconciliation_running ON reconciliation (shop) WHERE state = 'running';
CREATE INDEX reconciliation_due ON reconciliation (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX reconciliation_newest ON reconciliation (shop, started_at, id);

CREATE TABLE reconciliation_finding (
  run BLOB NOT NULL,
  nth BIGINT NOT NULL,              -- from 1, as they were found
  book TEXT NOT NULL,               -- shopify, points, kaeru: whose book differs
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,            -- a code, a reference, an account
  customer BIGINT,
  here TEXT,                        -- what Kaeru says, and what the other book says
  there TEXT,
  PRIMARY KEY (run, nth)
) WITHOUT ROWID;
CREATE INDEX reconciliation_finding_kind ON reconciliation_finding (run, kind, nth);
