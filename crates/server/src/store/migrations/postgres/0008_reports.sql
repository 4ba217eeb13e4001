-- What ended when, for the reports.

CREATE INDEX coupon_ended ON coupon (shop, ended_at) WHERE ended_at IS NOT NULL;
