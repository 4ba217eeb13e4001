-- Who works in the admin, how they are signed in, and what everybody did.

CREATE TABLE staff (
  shop TEXT COLLATE "C" NOT NULL,
  id BIGINT NOT NULL,
  email TEXT COLLATE "C" NOT NULL, -- in lower case
  name TEXT COLLATE "C" NOT NULL,
  role TEXT COLLATE "C" NOT NULL,
  password TEXT COLLATE "C" NOT NULL, -- argon2id, with its salt and parameters
  language TEXT COLLATE "C",
  created_at BIGINT NOT NULL,
  disabled_at BIGINT,
  PRIMARY KEY (shop, id)
);
CREATE UNIQUE INDEX staff_email ON staff (shop, email);

CREATE TABLE staff_session (
  token TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- a digest: who reads the table cannot sign in
  shop TEXT COLLATE "C" NOT NULL,
  staff BIGINT NOT NULL,
  csrf TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX staff_session_of ON staff_session (shop, staff);

CREATE TABLE staff_token (
  token TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- a digest
  shop TEXT COLLATE "C" NOT NULL,
  staff BIGINT NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX staff_token_of ON staff_token (shop, staff);

-- One row an act. Nothing is ever changed or removed here.
CREATE TABLE audit (
  id BYTEA NOT NULL PRIMARY KEY, -- UUID v7
  shop TEXT COLLATE "C" NOT NULL,
  at BIGINT NOT NULL,
  actor_kind TEXT COLLATE "C" NOT NULL,
  actor_id BIGINT,
  actor_name TEXT COLLATE "C",
  role TEXT COLLATE "C",
  act TEXT COLLATE "C" NOT NULL,
  subject TEXT COLLATE "C" NOT NULL, -- what it was done to: a code, an e-mail address, an order
  detail TEXT COLLATE "C" NOT NULL, -- JSON
  reason TEXT COLLATE "C",
  note TEXT COLLATE "C",
  origin TEXT COLLATE "C", -- the address that the request came from
  flow BYTEA -- what it began
);
CREATE INDEX audit_at ON audit (shop, at, id);
