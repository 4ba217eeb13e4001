-- Until when points that came back are good, and what was taken back once its order was re-opened.

ALTER TABLE movement ADD COLUMN good_until BIGINT;   -- as the points book told; null: it did not
ALTER TABLE order_coupon ADD COLUMN again BIGINT NOT NULL DEFAULT 0; -- how many takings back were begun
ALTER TABLE order_credit ADD COLUMN again BIGINT NOT NULL DEFAULT 0;
