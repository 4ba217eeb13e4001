//! Every statement that changes or drives a flow, once. The common subset of SQLite and
//! PostgreSQL: numbered parameters, ON CONFLICT, RETURNING, no functions of one engine only.

/// The flows in doubt, each once: of what is unfinished, and of what waits for a person. Nearly all
/// others are over, and are not looked at. No UNION: SQLite would walk through all flows in the
/// order of their ids to merge the two.
macro_rules! in_doubt {
    () => {
        "(SELECT shop, created_at FROM flow WHERE due_at IS NOT NULL AND state IN \
        ('confirming', 'shelving', 'shelved', 'in_review', 'restoring') \
        UNION ALL \
        SELECT shop, created_at FROM flow WHERE due_at IS NULL AND state IN \
        ('confirming', 'shelving', 'shelved', 'in_review', 'restoring') \
        AND id IN (SELECT flow FROM review WHERE closed_at IS NULL AND about IS NULL)) AS doubts"
    };
}

pub const IN_DOUBT: &str = concat!("SELECT count(*) FROM ", in_doubt!());

pub const OLDEST_DOUBT: &str =
    concat!("SELECT min(created_at) FROM ", in_doubt!(), " WHERE shop = ?1");

pub const BY_KEY: &str = "SELECT id, kind, body, terms, version, epoch, due_at, tries, fingerprint \
    FROM flow WHERE shop = ?1 AND customer = ?2 AND request_key = ?3";

pub const LOAD: &str = "SELECT id, kind, body, terms, version, epoch, due_at, tries, fingerprint \
    FROM flow WHERE id = ?1";

pub const COUPON_ADD: &str = "INSERT INTO coupon (shop, code, flow, customer, member_no, points, \
    amount, currency, status, created_at, expires_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'pending', ?9, ?10) ON CONFLICT DO NOTHING";

/// Takes the day's allowance and the balance in one statement: no row is changed where one of the
/// guards fails. ?5: the daily limit, ?6: the balance.
pub const RESERVE: &str = "INSERT INTO account AS a \
    (shop, customer, day, day_points, open_points, doubts) \
    SELECT ?1, ?2, ?3, ?4, ?4, 0 WHERE ?4 <= ?5 AND ?4 <= ?6 \
    ON CONFLICT (shop, customer) DO UPDATE SET \
    day_points = CASE WHEN a.day = excluded.day THEN a.day_points ELSE 0 END \
    + excluded.day_points, \
    open_points = a.open_points + excluded.open_points, day = excluded.day \
    WHERE a.doubts = 0 AND a.open_points + excluded.open_points <= ?6 \
    AND a.day <= excluded.day AND CASE WHEN a.day = excluded.day THEN a.day_points ELSE 0 END \
    + excluded.day_points <= ?5";

pub const ACCOUNT: &str =
    "SELECT day, day_points, open_points, doubts FROM account WHERE shop = ?1 AND customer = ?2";

pub const FLOW_ADD: &str = "INSERT INTO flow (id, shop, kind, customer, state, body, terms, \
    version, epoch, due_at, tries, request_key, fingerprint, created_at, updated_at, code, \
    order_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, 1, ?8, 0, ?9, ?10, ?11, ?11, ?12, ?13)";

pub const EVENT_ADD: &str =
    "INSERT INTO flow_event (flow, seq, at, name, detail) VALUES (?1, ?2, ?3, ?4, ?5)";

/// The guard of every later write: same epoch, next version.
pub const FLOW_MOVE: &str = "UPDATE flow SET state = ?4, body = ?5, version = version + 1, \
    due_at = ?6, tries = ?7, updated_at = ?8 WHERE id = ?1 AND epoch = ?2 AND version = ?3";

pub const NEXT_DUE: &str = "SELECT min(due_at) FROM flow WHERE due_at IS NOT NULL";

/// ?3: at most so many.
pub const CLAIM: &str = "UPDATE flow SET epoch = epoch + 1, due_at = ?2 WHERE id IN \
    (SELECT id FROM flow WHERE due_at IS NOT NULL AND due_at <= ?1 ORDER BY due_at LIMIT ?3) \
    RETURNING id, kind, body, terms, version, epoch, due_at, tries, fingerprint";

/// The same where others claim at the same time.
pub const CLAIM_BESIDE_OTHERS: &str = "UPDATE flow SET epoch = epoch + 1, due_at = ?2 WHERE id IN \
    (SELECT id FROM flow WHERE due_at IS NOT NULL AND due_at <= ?1 ORDER BY due_at LIMIT ?3 \
    FOR UPDATE SKIP LOCKED) \
    RETURNING id, kind, body, terms, version, epoch, due_at, tries, fingerprint";

pub const SEIZE: &str = "UPDATE flow SET epoch = epoch + 1, due_at = ?2 WHERE id = ?1 \
    RETURNING id, kind, body, terms, version, epoch, due_at, tries, fingerprint";

/// After a restart nobody else can hold a lease of a database with one process: what was left (at
/// ?1) to be due within a lease's length (?2) is due now. Waiting flows come early, which does no
/// harm. ?3: at most so many; ?4: not touched after this moment, by whoever serves now.
pub const RECLAIM: &str = "UPDATE flow SET due_at = ?1 WHERE id IN (SELECT id FROM flow \
    WHERE due_at > ?1 AND due_at <= ?2 AND updated_at <= ?4 ORDER BY due_at LIMIT ?3)";

/// Whoever holds it ends: it is due, and nothing more of theirs is taken.
pub const GIVE_BACK: &str = "UPDATE flow SET due_at = ?3, epoch = epoch + 1 \
    WHERE id = ?1 AND epoch = ?2 AND due_at > ?3";

pub const COUPON_ISSUE: &str =
    "UPDATE coupon SET status = 'active', node = ?3 WHERE shop = ?1 AND code = ?2";

/// Found from now on; put among the others that are searched a little later, see `searchable.rs`.
pub const COUPON_SEARCHABLE: &str = "INSERT INTO coupon_search_wait (code, shop) VALUES (?2, ?1)";

/// ?4: when it ended, where it did.
pub const COUPON_STAND: &str =
    "UPDATE coupon SET status = ?3, ended_at = ?4 WHERE shop = ?1 AND code = ?2";

/// For an act, ?5, where the coupon stands in ?3 and no flow that is under way works on it. ?7:
/// when it ended, where the act is its end.
pub const COUPON_TAKE: &str = "UPDATE coupon SET status = ?4, act = ?5, acted_at = ?6, \
    ended_at = coalesce(?7, ended_at) \
    WHERE shop = ?1 AND code = ?2 AND status = ?3 AND NOT EXISTS \
    (SELECT 1 FROM flow \
    WHERE due_at IS NOT NULL AND (flow.id = coupon.flow OR flow.id = coupon.act))";

/// The order of another channel that is taking it and does not count yet, or is being recorded.
pub const COUPON_ACTED_ON: &str = "SELECT flow.id FROM coupon JOIN flow ON flow.id = coupon.act \
    WHERE coupon.shop = ?1 AND coupon.code = ?2 AND flow.kind = 'placing' \
    AND flow.due_at IS NOT NULL";

pub const COUPON_STATUS: &str = "SELECT status FROM coupon WHERE shop = ?1 AND code = ?2";

pub const COUPON_USED: &str = "UPDATE coupon SET used_in = ?3 WHERE shop = ?1 AND code = ?2";

pub const COUPON_USE: &str = "SELECT used_in FROM coupon WHERE shop = ?1 AND code = ?2";

pub const MOVEMENT_ADD: &str = "INSERT INTO movement (shop, reference, flow, customer, points, \
    balance, reason, at, linked_to, good_until) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

/// The movement that was given back names its counterpart.
pub const MOVEMENT_LINK: &str =
    "UPDATE movement SET linked_to = ?3 WHERE shop = ?1 AND reference = ?2";

/// ?4: whether the day's allowance comes back, and ?5 the day it was taken from.
pub const RELEASE: &str = "UPDATE account SET open_points = open_points - ?3, \
    day_points = day_points - CASE WHEN ?4 = 1 AND day = ?5 THEN ?3 ELSE 0 END \
    WHERE shop = ?1 AND customer = ?2";

pub const DOUBT: &str = "UPDATE account SET doubts = doubts + ?3 WHERE shop = ?1 AND customer = ?2";

pub const REVIEW_OPEN: &str = "INSERT INTO review (shop, flow, reason, opened_at) \
    VALUES (?1, ?2, ?3, ?4) ON CONFLICT (flow, reason) DO UPDATE SET closed_at = NULL";

pub const REVIEW_CLOSE: &str = "UPDATE review SET closed_at = ?3 WHERE flow = ?1 AND reason = ?2";

/// ?4: `alert`, `mail` or `digest`. ?7: when it is sent, null for an alert, which is gathered; ?8:
/// the alert's reason.
pub const OUTBOX_ADD: &str = "INSERT INTO outbox (id, seq, shop, kind, body, created_at, due_at, \
    reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

pub const KEY_RELEASE: &str = "UPDATE flow SET request_key = NULL WHERE id = ?1";
