-- The audit log's chain, see store/seals.rs.

CREATE TABLE audit_seal (
  shop TEXT NOT NULL,
  seq BIGINT NOT NULL,              -- from 1, without a gap
  until_at BIGINT NOT NULL,         -- the last row under it
  until_id BLOB NOT NULL,
  entries BIGINT NOT NULL,
  digest TEXT NOT NULL,          -- of the seal before it and of its rows
  marks BLOB NOT NULL,            -- a piece of each row's digest
  sealed_at BIGINT NOT NULL,
  PRIMARY KEY (shop, seq)
) WITHOUT ROWID;
