-- What needs a second person, who asked for it, and what they decided; what a job's row asks for.

CREATE TABLE approval (
  id BLOB NOT NULL PRIMARY KEY,
  shop TEXT NOT NULL,
  order_id TEXT NOT NULL,
  name TEXT NOT NULL,             -- as people call the order
  worth BIGINT NOT NULL,          -- points, when it was asked for
  threshold BIGINT NOT NULL,      -- points, when it was asked for
  wish TEXT NOT NULL,             -- what is asked for, JSON
  state TEXT NOT NULL,            -- waiting, approved, declined
  asked_by BIGINT NOT NULL,
  asked_name TEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  settled_by BIGINT,
  settled_name TEXT,
  settled_at BIGINT,
  note TEXT,
  flow BLOB,                      -- what it began
  problem TEXT,                   -- why it did not begin, or not yet
  due_at BIGINT                   -- approved and not begun: when to try
) WITHOUT ROWID;
CREATE UNIQUE INDEX approval_waiting ON approval (shop, order_id) WHERE state = 'waiting';
CREATE INDEX approval_newest ON approval (shop, asked_at, id);
CREATE INDEX approval_due ON approval (due_at) WHERE due_at IS NOT NULL;

-- Everybody who asked, also for what waited already: none of them approves it.
CREATE TABLE approval_ask (
  shop TEXT NOT NULL,
  order_id TEXT NOT NULL,
  staff BIGINT NOT NULL,
  request_key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  approval BLOB NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (shop, order_id, staff, request_key)
) WITHOUT ROWID;

ALTER TABLE job_row ADD COLUMN wish TEXT;
ALTER TABLE job_row ADD COLUMN told TEXT;
