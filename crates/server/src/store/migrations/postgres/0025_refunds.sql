-- What refunds make due while an order stands, and what an order earned.

ALTER TABLE orders ADD COLUMN goods BIGINT;          -- prices of the goods before discounts; null: not known
ALTER TABLE orders ADD COLUMN lines TEXT;            -- JSON: the goods, line by line; null: not known
ALTER TABLE order_refund ADD COLUMN goods BIGINT;    -- the same of what was refunded
ALTER TABLE order_refund ADD COLUMN lines TEXT;
ALTER TABLE order_coupon ADD COLUMN due BIGINT NOT NULL DEFAULT 0; -- what refunds make due; grows only
ALTER TABLE orders ADD COLUMN earned_points BIGINT;  -- what the order earned; null: not known
ALTER TABLE orders ADD COLUMN earned_due BIGINT NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN earned_taken BIGINT NOT NULL DEFAULT 0; -- promised to reversals
ALTER TABLE orders ADD COLUMN earned_back BIGINT NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN earned_parts BIGINT NOT NULL DEFAULT 0;
