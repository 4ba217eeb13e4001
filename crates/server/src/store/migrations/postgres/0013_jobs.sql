-- Runs over many coupons or orders, a row for each of them.

CREATE TABLE job (
  id BYTEA NOT NULL PRIMARY KEY,
  shop TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL,              -- running, paused, completed
  dry_run BIGINT NOT NULL,
  body TEXT COLLATE "C" NOT NULL,               -- what is done with each row, by kind
  staff BIGINT NOT NULL,            -- who began it
  staff_name TEXT COLLATE "C" NOT NULL,
  request_key TEXT COLLATE "C" NOT NULL,
  fingerprint TEXT COLLATE "C" NOT NULL,
  total BIGINT NOT NULL,
  done BIGINT NOT NULL,             -- rows that nothing more is done with
  problem TEXT COLLATE "C",                     -- why it paused by itself
  created_at BIGINT NOT NULL,
  finished_at BIGINT,
  due_at BIGINT,                    -- leased: the lease's end; else when to go on; null: not at all
  epoch BIGINT NOT NULL             -- raised by each claim, pause and resumption
);
CREATE UNIQUE INDEX job_request ON job (shop, staff, request_key);
CREATE INDEX job_due ON job (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX job_newest ON job (shop, created_at, id);

CREATE TABLE job_row (
  job BYTEA NOT NULL,
  nth BIGINT NOT NULL,              -- from 1, as they were given
  subject TEXT COLLATE "C" NOT NULL,            -- a code, an order
  status TEXT COLLATE "C" NOT NULL,             -- waiting, possible, completed, confirming, failed
  problem TEXT COLLATE "C",
  points BIGINT,
  flow BYTEA,
  tries BIGINT NOT NULL,
  try_at BIGINT,                    -- null: nothing more is done with it
  PRIMARY KEY (job, nth)
);
CREATE INDEX job_row_open ON job_row (job, try_at, nth) WHERE try_at IS NOT NULL;
