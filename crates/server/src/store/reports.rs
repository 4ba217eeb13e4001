//! Sums for the reports: what was claimed, used, cancelled and expired, and what is still owed.

use super::{
    Database,
    tx::{DbError, Line, Value, values},
};
use domain::{At, ShopId};
use engine::store::StoreError;

/// How many coupons, worth how much. Money in the currency's minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub coupons: i64,
    pub points: i64,
    pub amount: i64,
}

/// What happened in one span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub claimed: Sum,
    pub used: Sum,
    pub cancelled: Sum,
    pub expired: Sum,
}

const SUMS: &str = "count(coupon.code), coalesce(sum(coupon.points), 0), \
    coalesce(sum(coupon.amount), 0)";

fn sum(line: &Line, first: usize) -> Result<Sum, DbError> {
    Ok(Sum {
        coupons: line.int(first)?,
        points: line.int(first + 1)?,
        amount: line.int(first + 2)?,
    })
}

/// One row for each span that is not empty: its number, the status, the sums.
async fn sums(
    database: &Database,
    shop: &ShopId,
    spans: &[(At, At)],
    moment: &str,
    condition: &str,
) -> Result<Vec<(usize, String, Sum)>, StoreError> {
    let mut values: Vec<Value<'static>> = values![shop.0.clone()].to_vec();
    let mut rows = Vec::with_capacity(spans.len());
    for (number, (from, to)) in spans.iter().enumerate() {
        values.push(i64::try_from(number).unwrap_or(i64::MAX).into());
        values.push((*from).into());
        values.push((*to).into());
        let last = values.len();
        let whole = |at: usize| format!("CAST(?{at} AS BIGINT)");
        rows.push(format!("({}, {}, {})", whole(last - 2), whole(last - 1), whole(last)));
    }
    // Written with WITH, so that each span is one walk along an index.
    let sql = format!(
        "WITH span(number, first, past) AS (VALUES {}) \
         SELECT span.number, coupon.status, {SUMS} FROM span JOIN coupon ON coupon.shop = ?1 \
         AND coupon.{moment} >= span.first AND coupon.{moment} < span.past AND {condition} \
         GROUP BY span.number, coupon.status ORDER BY span.number, coupon.status",
        rows.join(", ")
    );
    let lines = database.read(sql, values).await?;
    let read = |line: &Line| {
        let number = usize::try_from(line.int(0)?).unwrap_or(usize::MAX);
        Ok((number, line.text(1)?.to_owned(), sum(line, 2)?))
    };
    Ok(lines.iter().map(read).collect::<Result<_, DbError>>()?)
}

/// What happened in each of the spans.
pub async fn spans(
    database: &Database,
    shop: &ShopId,
    spans: &[(At, At)],
) -> Result<Vec<Span>, StoreError> {
    let mut report = vec![Span::default(); spans.len()];
    if spans.is_empty() {
        return Ok(report);
    }
    // A coupon in another's place was claimed when that was.
    let issued = "coupon.node IS NOT NULL AND coupon.status <> 'void' AND coupon.replaces IS NULL";
    for (number, _, sum) in sums(database, shop, spans, "created_at", issued).await? {
        if let Some(span) = report.get_mut(number) {
            span.claimed.coupons += sum.coupons;
            span.claimed.points += sum.points;
            span.claimed.amount += sum.amount;
        }
    }
    let ended = "coupon.ended_at IS NOT NULL";
    for (number, status, sum) in sums(database, shop, spans, "ended_at", ended).await? {
        let Some(span) = report.get_mut(number) else { continue };
        match status.as_str() {
            "used" => span.used = sum,
            "cancelled" => span.cancelled = sum,
            "expired" => span.expired = sum,
            _ => {}
        }
    }
    Ok(report)
}

/// Who cancelled how many coupons in that time; most first.
pub async fn cancelled_by(
    database: &Database,
    shop: &ShopId,
    from: At,
    to: At,
) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT coalesce(actor_name, actor_kind), count(*) FROM audit \
        WHERE shop = ?1 AND at >= ?2 AND at < ?3 AND act = 'coupon.cancel' \
        GROUP BY coalesce(actor_name, actor_kind) ORDER BY count(*) DESC, 1 LIMIT 100";
    let lines = database.read(sql, values![shop.0.clone(), from, to].to_vec()).await?;
    let read = |line: &Line| Ok((line.text(0)?.to_owned(), line.int(1)?));
    Ok(lines.iter().map(read).collect::<Result<_, DbError>>()?)
}

/// What the shop still owes, by how its coupons stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Liability {
    /// Can be redeemed.
    pub live: Sum,
    pub held: Sum,
    /// Paid or not, refunded or not: not known yet.
    pub in_doubt: Sum,
}

pub async fn liability(
    database: &Database,
    shop: &ShopId,
    now: At,
) -> Result<Liability, StoreError> {
    let one = async |condition: &str| {
        let sql = format!("SELECT {SUMS} FROM coupon WHERE shop = ?1 AND ?2 = ?2 AND {condition}");
        let lines = database.read(sql, values![shop.0.clone(), now].to_vec()).await?;
        Ok::<_, StoreError>(lines.first().map_or(Ok(Sum::default()), |line| sum(line, 0))?)
    };
    Ok(Liability {
        live: one("status = 'active' AND expires_at > ?2").await?,
        held: one("status = 'held'").await?,
        in_doubt: one("status IN ('pending', 'cancelling')").await?,
    })
}
