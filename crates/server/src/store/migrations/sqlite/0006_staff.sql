-- Who works in the admin, how they are signed in, and what everybody did.

CREATE TABLE staff (
  shop TEXT NOT NULL,
  id BIGINT NOT NULL,
  email TEXT NOT NULL,              -- in lower case
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  password TEXT NOT NULL,           -- argon2id, with its salt and parameters
  language TEXT,
  created_at BIGINT NOT NULL,
  disabled_at BIGINT,
  PRIMARY KEY (shop, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX staff_email ON staff (shop, email);

CREATE TABLE staff_session (
  token TEXT NOT NULL PRIMARY KEY,  -- a digest: who reads the table cannot sign in
  shop TEXT NOT NULL,
  staff BIGINT NOT NULL,
  csrf TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX staff_session_of ON staff_session (shop, staff);

CREATE TABLE staff_token (
  token TEXT NOT NULL PRIMARY KEY,  -- a digest
  shop TEXT NOT NULL,
  staff BIGINT NOT NULL,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX staff_token_of ON staff_token (shop, staff);

-- One row an act. Nothing is ever changed or removed here.
CREATE TABLE audit (
  id BLOB NOT NULL PRIMARY KEY,     -- UUID v7
  shop TEXT NOT NULL,
  at BIGINT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id BIGINT,
  actor_name TEXT,
  role TEXT,
  act TEXT NOT NULL,
  subject TEXT NOT NULL,            -- what it was done to: a code, an e-mail address, an order
  detail TEXT NOT NULL,             -- JSON
  reason TEXT,
  note TEXT,
  origin TEXT,                      -- the address that the request came from
  flow BLOB                         -- what it began
) WITHOUT ROWID;
CREATE INDEX audit_at ON audit (shop, at, id);
