-- Webhooks as they came: kept before they are answered, worked off afterwards.

CREATE TABLE webhook_inbox (
  shop TEXT NOT NULL,
  id TEXT NOT NULL,                 -- X-Shopify-Webhook-Id: the same for each delivery of one event
  topic TEXT NOT NULL,
  body TEXT NOT NULL,               -- empty once it is done: it holds personal data
  triggered_at BIGINT,
  received_at BIGINT NOT NULL,
  due_at BIGINT,                    -- when to work on it, or again; null: done or parked
  tries BIGINT NOT NULL,
  parked TEXT,                      -- why a person is needed
  done_at BIGINT,
  PRIMARY KEY (shop, id)
);
CREATE INDEX webhook_due ON webhook_inbox (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_parked ON webhook_inbox (shop, received_at) WHERE parked IS NOT NULL;
CREATE INDEX webhook_done ON webhook_inbox (done_at) WHERE done_at IS NOT NULL;
