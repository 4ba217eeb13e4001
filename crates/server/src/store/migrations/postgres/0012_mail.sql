-- What became of each mail, the digests of alerts, and reminders of coupons that end soon.

ALTER TABLE outbox ADD COLUMN due_at BIGINT;                     -- leased: the lease's end; waiting: when to try; null: neither
ALTER TABLE outbox ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN resends BIGINT NOT NULL DEFAULT 0; -- by staff
ALTER TABLE outbox ADD COLUMN last_error TEXT COLLATE "C";                  -- a code: nothing of the server's words, which name people
ALTER TABLE outbox ADD COLUMN dead_at BIGINT;                    -- given up
ALTER TABLE outbox ADD COLUMN reason TEXT COLLATE "C";                      -- of an alert
UPDATE outbox SET due_at = created_at WHERE kind = 'mail' AND sent_at IS NULL;
UPDATE outbox SET reason = (body::json) ->> 'reason' WHERE kind = 'alert';
DROP INDEX outbox_waiting;
CREATE INDEX outbox_due ON outbox (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_alert ON outbox (shop, reason, created_at) WHERE kind = 'alert' AND sent_at IS NULL;
CREATE INDEX outbox_dead ON outbox (shop, created_at) WHERE dead_at IS NOT NULL;
CREATE INDEX outbox_newest ON outbox (shop, created_at, id) WHERE kind <> 'alert';

-- When the admins last heard of a reason.
CREATE TABLE alert_digest (
  shop TEXT COLLATE "C" NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (shop, reason)
);

-- A coupon's owner is reminded once for each number of days before its end.
CREATE TABLE reminder (
  shop TEXT COLLATE "C" NOT NULL,
  code TEXT COLLATE "C" NOT NULL,
  days BIGINT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (shop, code, days)
);

-- Up to which coupon the owners have been reminded, so many days before the end.
CREATE TABLE reminder_mark (
  shop TEXT COLLATE "C" NOT NULL,
  days BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  code TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (shop, days)
);

DROP INDEX coupon_expiring;
CREATE INDEX coupon_ending ON coupon (shop, expires_at, code) WHERE status = 'active';
