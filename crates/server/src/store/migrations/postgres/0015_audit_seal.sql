-- The audit log's chain, see store/seals.rs.

CREATE TABLE audit_seal (
  shop TEXT COLLATE "C" NOT NULL,
  seq BIGINT NOT NULL,              -- from 1, without a gap
  until_at BIGINT NOT NULL,         -- the last row under it
  until_id BYTEA NOT NULL,
  entries BIGINT NOT NULL,
  digest TEXT COLLATE "C" NOT NULL,          -- of the seal before it and of its rows
  marks BYTEA NOT NULL,            -- a piece of each row's digest
  sealed_at BIGINT NOT NULL,
  PRIMARY KEY (shop, seq)
);
