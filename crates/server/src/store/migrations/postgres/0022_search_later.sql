-- Codes become findable by any part of theirs a little later than they are made, many at once.

CREATE TABLE coupon_search_wait (
  rowid BIGSERIAL PRIMARY KEY,
  code TEXT COLLATE "C" NOT NULL,
  shop TEXT COLLATE "C" NOT NULL
);

-- Indexes that each conversion paid for, and that nothing needs: a code begins with its member's
-- number, and a conversion is found through its coupon.
DROP INDEX coupon_member;
CREATE INDEX flow_act ON flow (shop, code) WHERE kind <> 'conversion';
DROP INDEX flow_code;
