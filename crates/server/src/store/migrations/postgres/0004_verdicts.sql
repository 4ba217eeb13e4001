-- Who settled a case, what they said, and why.

ALTER TABLE review ADD COLUMN settled_by TEXT COLLATE "C";
ALTER TABLE review ADD COLUMN verdict TEXT COLLATE "C";
ALTER TABLE review ADD COLUMN note TEXT COLLATE "C";
CREATE INDEX review_shop ON review (shop, opened_at, reason);
