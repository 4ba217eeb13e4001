//! What suggests that somebody should look: found beside the work, and written among the reviews.

use super::{
    Database,
    tx::{DbError, End, Line, Statement, Tx, Work, number, values},
};
use domain::{At, CustomerId, FlowId, ShopId};
use engine::store::StoreError;
use std::time::Duration;

/// Reasons of reviews that are signals: nothing waits for their verdict.
pub const REASONS: [&str; 4] =
    ["many_conversions", "same_staff_same_customer", "own_account", "after_hours"];

/// Whoever was looked at is not shown again for the same reason so soon.
const QUIET: Duration = Duration::from_secs(86_400);

/// Signals in one transaction: bounds how long conversions wait for it.
pub const STRETCH: usize = 50;

/// A customer who converted often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    pub customer: CustomerId,
    pub count: i64,
}

fn quiet(now: At) -> At {
    At(now.0 - i64::try_from(QUIET.as_micros()).unwrap_or(0))
}

/// Only the newest are counted, so that a look costs the same however much goes on.
const NEWEST: i64 = 20_000;

const BUSY: &str = "SELECT customer, count(*) FROM (SELECT customer FROM coupon \
    WHERE shop = ?1 AND created_at > ?2 AND status <> 'void' \
    ORDER BY created_at DESC LIMIT ?3) newest \
    GROUP BY customer HAVING count(*) >= ?4 AND NOT EXISTS (SELECT 1 FROM review \
    WHERE shop = ?1 AND reason = 'many_conversions' AND about = 'customer ' || customer \
    AND (closed_at IS NULL OR opened_at > ?5)) ORDER BY customer";

/// Customers with at least so many conversions since then, but for those who were shown for it.
pub async fn busy(
    database: &Database,
    shop: &ShopId,
    since: At,
    least: i64,
    now: At,
) -> Result<Vec<Busy>, StoreError> {
    let values = values![shop.0.clone(), since, NEWEST, least, quiet(now)].to_vec();
    let lines = database.read(BUSY, values).await?;
    let read = |line: &Line| Ok(Busy { customer: CustomerId(line.id(0)?), count: line.int(1)? });
    Ok(lines.iter().map(read).collect::<Result<_, DbError>>()?)
}

/// The customer's newest conversion.
pub async fn newest(
    database: &Database,
    shop: &ShopId,
    customer: CustomerId,
) -> Result<Option<FlowId>, StoreError> {
    let sql = "SELECT flow FROM coupon WHERE shop = ?1 AND customer = ?2 \
        ORDER BY created_at DESC, code DESC LIMIT 1";
    let values = values![shop.0.clone(), number(customer.0)?].to_vec();
    let lines = database.read(sql, values).await?;
    Ok(lines.first().map(|line| line.flow(0)).transpose()?)
}

/// A cancellation that a staff member began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    pub at: At,
    pub flow: FlowId,
    pub staff: i64,
    pub staff_name: String,
    pub customer: CustomerId,
}

/// Up to where the acts were looked at: strictly after it.
pub type Mark = (At, FlowId);

/// `None` where nothing was looked at yet.
pub async fn mark(database: &Database, shop: &ShopId) -> Result<Option<Mark>, StoreError> {
    let sql = "SELECT at, id FROM signal_mark WHERE shop = ?1";
    let lines = database.read(sql, values![shop.0.clone()].to_vec()).await?;
    let read = |line: &Line| Ok((line.at(0)?, line.flow(1)?));
    Ok(lines.first().map(read).transpose().map_err(|error: DbError| error)?)
}

/// Cancellations by staff after the mark and until then, in order.
pub async fn cancellations(
    database: &Database,
    shop: &ShopId,
    after: Mark,
    until: At,
    most: i64,
) -> Result<Vec<Act>, StoreError> {
    // The number of a flow is its audit row's.
    let sql = "SELECT audit.at, audit.id, audit.actor_id, audit.actor_name, flow.customer \
        FROM audit JOIN flow ON flow.id = audit.id \
        WHERE audit.shop = ?1 AND audit.actor_kind = 'staff' AND audit.act = 'coupon.cancel' \
        AND (audit.at, audit.id) > (?2, ?3) AND audit.at <= ?4 \
        ORDER BY audit.at, audit.id LIMIT ?5";
    let values = values![shop.0.clone(), after.0, after.1, until, most].to_vec();
    let lines = database.read(sql, values).await?;
    let read = |line: &Line| {
        Ok(Act {
            at: line.at(0)?,
            flow: line.flow(1)?,
            staff: line.int(2)?,
            staff_name: line.maybe_text(3)?.unwrap_or_default().to_owned(),
            customer: CustomerId(line.id(4)?),
        })
    };
    Ok(lines.iter().map(read).collect::<Result<_, DbError>>()?)
}

pub(super) const BETWEEN: &str = "SELECT count(*) FROM coupon JOIN audit \
    ON audit.id = coupon.act \
    WHERE coupon.shop = ?1 AND coupon.customer = ?2 AND audit.act = 'coupon.cancel' \
    AND audit.actor_kind = 'staff' AND audit.actor_id = ?3 AND audit.at > ?4";

/// How many of the customer's coupons that staff member took back since then.
pub async fn between(
    database: &Database,
    shop: &ShopId,
    act: &Act,
    since: At,
) -> Result<i64, StoreError> {
    let values = values![shop.0.clone(), number(act.customer.0)?, act.staff, since].to_vec();
    let lines = database.read(BETWEEN, values).await?;
    Ok(lines.first().map_or(Ok(0), |line| line.int(0))?)
}

/// A signal to write down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// What it is shown with.
    pub flow: FlowId,
    /// One of [`REASONS`].
    pub reason: &'static str,
    /// Whom it is about: `customer 12345` or `staff 7`.
    pub about: String,
    /// What it rests on, JSON.
    pub detail: String,
}

struct Note {
    shop: ShopId,
    signals: Vec<Signal>,
    /// From where to where the acts were looked at.
    walked: Option<(Option<Mark>, Mark)>,
    now: At,
}

const MARK_ADD: &str = "INSERT INTO signal_mark (shop, at, id) VALUES (?1, ?2, ?3) \
    ON CONFLICT (shop) DO NOTHING";

/// Nothing where another process has walked here.
const MARK_MOVE: &str =
    "UPDATE signal_mark SET at = ?2, id = ?3 WHERE shop = ?1 AND at = ?4 AND id = ?5";

const SHOWN: &str = "SELECT 1 FROM review WHERE shop = ?1 AND reason = ?2 AND about = ?3 \
    AND (closed_at IS NULL OR opened_at > ?4)";

const SHOW: &str = "INSERT INTO review (shop, flow, reason, opened_at, about, detail) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (flow, reason) DO NOTHING";

impl Work for Note {
    type Output = usize;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<usize>, DbError> {
        let shop = self.shop.as_str();
        if let Some((from, to)) = self.walked {
            let statement = match from {
                None => Statement { sql: MARK_ADD, values: values![shop, to.0, to.1].to_vec() },
                Some(from) => {
                    let values = values![shop, to.0, to.1, from.0, from.1].to_vec();
                    Statement { sql: MARK_MOVE, values }
                }
            };
            if tx.run(&[statement]).await? == 0 {
                return Ok(End::RollBack(0));
            }
        }
        let quiet = quiet(self.now);
        let mut shown = 0;
        for Signal { flow, reason, about, detail } in &self.signals {
            let known = tx.row(SHOWN, &values![shop, *reason, about.as_str(), quiet]).await?;
            if known.is_some() {
                continue;
            }
            let values =
                values![shop, *flow, *reason, self.now, about.as_str(), detail.as_str()].to_vec();
            shown += tx.run(&[Statement { sql: SHOW, values }]).await?;
        }
        Ok(End::Commit(shown))
    }
}

/// Writes signals down, each once, and moves the mark; says how many are new. None where another
/// process has moved the mark meanwhile.
pub async fn note(
    database: &Database,
    shop: &ShopId,
    signals: Vec<Signal>,
    walked: Option<(Option<Mark>, Mark)>,
    now: At,
) -> Result<usize, StoreError> {
    database.write(Note { shop: shop.clone(), signals, walked, now }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A look at many busy customers once held up all conversions: what was shown before was
    /// looked for among all reviews, inside the writer.
    #[tokio::test]
    async fn what_was_shown_is_not_looked_for_among_all_reviews() {
        let folder = tempfile::tempdir().unwrap();
        let location = crate::store::Location::Sqlite(folder.path().join("kaeru.db"));
        let database = Database::open(&location, At(0)).await.unwrap();
        for (sql, parameters) in [(SHOWN, 4), (BUSY, 5)] {
            let values = vec![crate::store::tx::Value::Int(0); parameters];
            let plan = database.read(format!("EXPLAIN QUERY PLAN {sql}"), values).await.unwrap();
            let steps: Vec<_> = plan.iter().map(|line| line.text(3).unwrap()).collect();
            let of_reviews: Vec<_> = steps.iter().filter(|step| step.contains("review")).collect();
            let along = "INDEX review_about (shop=? AND about=? AND reason=?)";
            assert!(of_reviews.iter().all(|step| step.contains(along)), "{steps:?}");
            assert_eq!(of_reviews.len(), 1, "{steps:?}");
        }
    }
}
