-- What became of each mail, the digests of alerts, and reminders of coupons that end soon.

ALTER TABLE outbox ADD COLUMN due_at BIGINT;                     -- leased: the lease's end; waiting: when to try; null: neither
ALTER TABLE outbox ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN resends BIGINT NOT NULL DEFAULT 0; -- by staff
ALTER TABLE outbox ADD COLUMN last_error TEXT;                  -- a code: nothing of the server's words, which name people
ALTER TABLE outbox ADD COLUMN dead_at BIGINT;                    -- given up
ALTER TABLE outbox ADD COLUMN reason TEXT;                      -- of an alert
UPDATE outbox SET due_at = created_at WHERE kind = 'mail' AND sent_at IS NULL;
UPDATE outbox SET reason = json_extract(body, '$.reason') WHERE kind = 'alert';
DROP INDEX outbox_waiting;
CREATE INDEX outbox_due ON outbox (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_alert ON outbox (shop, reason, created_at) WHERE kind = 'alert' AND sent_at IS NULL;
CREATE INDEX outbox_dead ON outbox (shop, created_at) WHERE dead_at IS NOT NULL;
CREATE INDEX outbox_newest ON outbox (shop, created_at, id) WHERE kind <> 'alert';

-- When the admins last heard of a reason.
CREATE TABLE alert_digest (
  shop TEXT NOT NULL,
  reason TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (shop, reason)
) WITHOUT ROWID;

-- A coupon's owner is reminded once for each number of days before its end.
CREATE TABLE reminder (
  shop TEXT NOT NULL,
  code TEXT NOT NULL,
  days BIGINT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (shop, code, days)
) WITHOUT ROWID;

-- Up to which coupon the owners have been reminded, so many days before the end.
CREATE TABLE reminder_mark (
  shop TEXT NOT NULL,
  days BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  code TEXT NOT NULL,
  PRIMARY KEY (shop, days)
) WITHOUT ROWID;

DROP INDEX coupon_expiring;
CREATE INDEX coupon_ending ON coupon (shop, expires_at, code) WHERE status = 'active';
