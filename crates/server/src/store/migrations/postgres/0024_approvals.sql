-- What needs a second person, who asked for it, and what they decided; what a job's row asks for.

CREATE TABLE approval (
  id BYTEA NOT NULL PRIMARY KEY,
  shop TEXT COLLATE "C" NOT NULL,
  order_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,             -- as people call the order
  worth BIGINT NOT NULL,          -- points, when it was asked for
  threshold BIGINT NOT NULL,      -- points, when it was asked for
  wish TEXT COLLATE "C" NOT NULL,             -- what is asked for, JSON
  state TEXT COLLATE "C" NOT NULL,            -- waiting, approved, declined
  asked_by BIGINT NOT NULL,
  asked_name TEXT COLLATE "C" NOT NULL,
  asked_at BIGINT NOT NULL,
  settled_by BIGINT,
  settled_name TEXT COLLATE "C",
  settled_at BIGINT,
  note TEXT COLLATE "C",
  flow BYTEA,                      -- what it began
  problem TEXT COLLATE "C",                   -- why it did not begin, or not yet
  due_at BIGINT                   -- approved and not begun: when to try
);
CREATE UNIQUE INDEX approval_waiting ON approval (shop, order_id) WHERE state = 'waiting';
CREATE INDEX approval_newest ON approval (shop, asked_at, id);
CREATE INDEX approval_due ON approval (due_at) WHERE due_at IS NOT NULL;

-- Everybody who asked, also for what waited already: none of them approves it.
CREATE TABLE approval_ask (
  shop TEXT COLLATE "C" NOT NULL,
  order_id TEXT COLLATE "C" NOT NULL,
  staff BIGINT NOT NULL,
  request_key TEXT COLLATE "C" NOT NULL,
  fingerprint TEXT COLLATE "C" NOT NULL,
  approval BYTEA NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (shop, order_id, staff, request_key)
);

ALTER TABLE job_row ADD COLUMN wish TEXT COLLATE "C";
ALTER TABLE job_row ADD COLUMN told TEXT COLLATE "C";
