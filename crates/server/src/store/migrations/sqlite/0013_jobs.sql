-- Runs over many coupons or orders, a row for each of them.

CREATE TABLE job (
  id BLOB NOT NULL PRIMARY KEY,
  shop TEXT NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,              -- running, paused, completed
  dry_run BIGINT NOT NULL,
  body TEXT NOT NULL,               -- what is done with each row, by kind
  staff BIGINT NOT NULL,            -- who began it
  staff_name TEXT NOT NULL,
  request_key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  total BIGINT NOT NULL,
  done BIGINT NOT NULL,             -- rows that nothing more is done with
  problem TEXT,                     -- why it paused by itself
  created_at BIGINT NOT NULL,
  finished_at BIGINT,
  due_at BIGINT,                    -- leased: the lease's end; else when to go on; null: not at all
  epoch BIGINT NOT NULL             -- raised by each claim, pause and resumption
) WITHOUT ROWID;
CREATE UNIQUE INDEX job_request ON job (shop, staff, request_key);
CREATE INDEX job_due ON job (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX job_newest ON job (shop, created_at, id);

CREATE TABLE job_row (
  job BLOB NOT NULL,
  nth BIGINT NOT NULL,              -- from 1, as they were given
  subject TEXT NOT NULL,            -- a code, an order
  status TEXT NOT NULL,             -- waiting, possible, completed, confirming, failed
  problem TEXT,
  points BIGINT,
  flow BLOB,
  tries BIGINT NOT NULL,
  try_at BIGINT,                    -- null: nothing more is done with it
  PRIMARY KEY (job, nth)
) WITHOUT ROWID;
CREATE INDEX job_row_open ON job_row (job, try_at, nth) WHERE try_at IS NOT NULL;
