-- What was done to this database as a whole.

CREATE TABLE lineage (
  at BIGINT NOT NULL,
  what TEXT NOT NULL,              -- restored: from a backup; moved: to another database
  PRIMARY KEY (at, what)
) WITHOUT ROWID;
