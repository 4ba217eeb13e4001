-- Acts on coupons: cancellation, hold, release, and a coupon's own end.

ALTER TABLE coupon ADD COLUMN act BYTEA; -- the last flow that acted on it
ALTER TABLE coupon ADD COLUMN acted_at BIGINT;
ALTER TABLE coupon ADD COLUMN used_in TEXT COLLATE "C"; -- the order that is known to have used it
ALTER TABLE coupon ADD COLUMN ended_at BIGINT; -- when it was cancelled, used or expired
CREATE INDEX coupon_newest ON coupon (shop, created_at, code);
CREATE INDEX coupon_status ON coupon (shop, status, created_at, code);
CREATE INDEX coupon_expiring ON coupon (expires_at) WHERE status = 'active';

ALTER TABLE flow ADD COLUMN code TEXT COLLATE "C"; -- of the coupon that it is about
UPDATE flow SET code = (SELECT coupon.code FROM coupon WHERE coupon.flow = flow.id);
CREATE INDEX flow_code ON flow (shop, code);
