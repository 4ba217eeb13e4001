-- Second factors, and what a personal token is for.

CREATE TABLE staff_factor (
  shop TEXT COLLATE "C" NOT NULL,
  staff BIGINT NOT NULL,
  secret TEXT COLLATE "C" NOT NULL,             -- base32: what the authenticator app holds too
  confirmed_at BIGINT,              -- null: shown, and no code was seen yet
  last_step BIGINT NOT NULL,        -- of the last code that was taken: each is good once
  PRIMARY KEY (shop, staff)
);

ALTER TABLE staff_token ADD COLUMN scopes TEXT COLLATE "C";  -- acts, by spaces; null: all that the role may
