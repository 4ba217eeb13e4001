-- What suggests a look: rows among the reviews that explain themselves.

ALTER TABLE review ADD COLUMN about TEXT COLLATE "C";    -- whom a signal is about: "customer 12345", "staff 7"
ALTER TABLE review ADD COLUMN detail TEXT COLLATE "C";   -- what it rests on, JSON

-- Up to which of the staff's acts the signals have been looked for.
CREATE TABLE signal_mark (
  shop TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  at BIGINT NOT NULL,
  id BYTEA NOT NULL
);

CREATE INDEX audit_staff ON audit (shop, at, id) WHERE actor_kind = 'staff';
