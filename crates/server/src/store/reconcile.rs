//! What Kaeru's books say, a page at a time, to be compared with the others'.

use super::{
    Database,
    tx::{DbError, Line, values},
};
use domain::{At, Code, PosId, Reference, ShopId};
use engine::store::StoreError;

/// A coupon that was issued.
#[derive(Clone, Debug)]
pub struct Coupon {
    pub code: Code,
    /// As it is stored: `active`, `used`, `expired`, `cancelled` or `held`.
    pub status: String,
    pub expires_at: At,
    /// What was paid for it: what the movement says, where there is one.
    pub paid: Option<i64>,
    pub points: i64,
}

/// A movement that Kaeru made.
#[derive(Clone, Debug)]
pub struct Movement {
    pub reference: Reference,
    pub customer: PosId,
    pub points: i64,
}

const PAGE: i64 = 500;

/// Strictly after this code, issued at `since` or later; nothing is under way with them.
pub async fn coupons(
    database: &Database,
    shop: &ShopId,
    after: &str,
    since: At,
) -> Result<Vec<Coupon>, StoreError> {
    let sql = "SELECT c.code, c.status, c.expires_at, m.points, c.points FROM coupon c \
        LEFT JOIN movement m ON m.shop = c.shop AND m.reference = 'COUPON-' || c.code \
        WHERE c.shop = ?1 AND c.code > ?2 AND c.created_at >= ?3 AND c.node IS NOT NULL \
        AND c.status IN ('active', 'used', 'expired', 'cancelled', 'held') \
        ORDER BY c.code LIMIT ?4";
    let values = values![shop.0.clone(), after.to_owned(), since, PAGE].to_vec();
    let read = |line: &Line| {
        Ok::<_, DbError>(Coupon {
            code: Code(line.text(0)?.to_owned()),
            status: line.text(1)?.to_owned(),
            expires_at: line.at(2)?,
            paid: line.maybe_int(3)?,
            points: line.int(4)?,
        })
    };
    let lines = database.read(sql, values).await?;
    Ok(lines.iter().map(read).collect::<Result<_, _>>()?)
}

/// Strictly after this reference, made at `since` or later.
pub async fn movements(
    database: &Database,
    shop: &ShopId,
    after: &str,
    since: At,
) -> Result<Vec<Movement>, StoreError> {
    let sql = "SELECT m.reference, m.points, flow.terms, \
        coalesce(customer.pos_id, CAST(m.customer AS TEXT)) FROM movement m \
        LEFT JOIN flow ON flow.id = m.flow \
        LEFT JOIN customer ON customer.shop = m.shop AND customer.id = m.customer \
        WHERE m.shop = ?1 AND m.reference > ?2 AND m.at >= ?3 ORDER BY m.reference LIMIT ?4";
    let values = values![shop.0.clone(), after.to_owned(), since, PAGE].to_vec();
    let read = |line: &Line| {
        // Whom it was agreed with: the customer may have become another one since.
        let agreed = line.maybe_text(2)?.and_then(|terms| serde_json::from_str(terms).ok());
        let agreed = agreed.as_ref().and_then(pos_id).map(str::to_owned);
        Ok::<_, DbError>(Movement {
            reference: Reference(line.text(0)?.to_owned()),
            points: line.int(1)?,
            customer: PosId(agreed.map_or_else(|| line.text(3).map(str::to_owned), Ok)?),
        })
    };
    let lines = database.read(sql, values).await?;
    Ok(lines.iter().map(read).collect::<Result<_, _>>()?)
}

/// The first `pos_id` within.
fn pos_id(terms: &serde_json::Value) -> Option<&str> {
    let fields = terms.as_object()?;
    let own = fields.get("pos_id").and_then(serde_json::Value::as_str);
    own.or_else(|| fields.values().find_map(pos_id))
}

/// Accounts of the built-in points book whose balance is not what their lots hold, or not what
/// their movements add up to, and movements whose postings do not sum to zero.
pub async fn ledger(database: &Database, shop: &ShopId) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT 'account ' || a.holder FROM point_account a WHERE a.shop = ?1 AND \
        (a.balance <> coalesce((SELECT sum(l.remaining) FROM point_lot l WHERE l.shop = a.shop \
        AND l.unit = a.unit AND l.holder = a.holder AND l.remaining > 0), 0) \
        OR a.balance <> coalesce((SELECT sum(m.amount) FROM point_movement m \
        WHERE m.shop = a.shop AND m.unit = a.unit AND m.holder = a.holder), 0)) \
        UNION ALL SELECT 'movement ' || reference FROM point_posting WHERE shop = ?1 \
        GROUP BY reference HAVING sum(amount) <> 0";
    let lines = database.read(sql, values![shop.0.clone()].to_vec()).await?;
    let read = |line: &Line| line.text(0).map(str::to_owned);
    Ok(lines.iter().map(read).collect::<Result<_, _>>()?)
}
