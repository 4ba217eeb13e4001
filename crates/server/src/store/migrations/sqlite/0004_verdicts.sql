-- Who settled a case, what they said, and why.

ALTER TABLE review ADD COLUMN settled_by TEXT;
ALTER TABLE review ADD COLUMN verdict TEXT;
ALTER TABLE review ADD COLUMN note TEXT;
CREATE INDEX review_shop ON review (shop, opened_at, reason);
