-- A used coupon whose order was cancelled may come back as a new coupon.

ALTER TABLE coupon ADD COLUMN replaces TEXT;           -- the used one in whose place it is
ALTER TABLE coupon ADD COLUMN paid_by TEXT;            -- the one whose deduction paid for it; null: itself
ALTER TABLE order_coupon ADD COLUMN replacement TEXT;  -- the coupon that comes back, or is to
-- At most one in the place of each; one that was never created stands in nobody's.
CREATE UNIQUE INDEX coupon_replaces ON coupon (shop, replaces)
  WHERE replaces IS NOT NULL AND status <> 'void';
