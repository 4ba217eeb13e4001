//! What Kaeru's books say, a page at a time, to be compared with the others'.

use super::{
    Database,
    tx::{DbError, Line, Value, number, values},
};
use domain::{At, Code, CustomerId, OrderId, PosId, Reference, ShopId};
use engine::store::StoreError;

/// A coupon that was issued, or was meant to be.
#[derive(Clone, Debug)]
pub struct Coupon {
    pub code: Code,
    pub customer: CustomerId,
    /// As it is stored: `active`, `used`, `expired`, `cancelled`, `held` or `void`.
    pub status: String,
    pub expires_at: At,
    /// What was paid for it: what the movement says, where there is one.
    pub paid: Option<i64>,
    pub points: i64,
    /// One of its flows is under way.
    pub busy: bool,
}

/// A movement that Kaeru made.
#[derive(Clone, Debug)]
pub struct Movement {
    pub reference: Reference,
    pub customer: PosId,
    pub points: i64,
}

/// A movement that Kaeru did not make, though its reference would be ours.
#[derive(Clone, Debug)]
pub struct Unmade {
    pub reference: Reference,
    pub customer: PosId,
    pub code: Code,
}

const PAGE: i64 = 100;
/// So many rows at once where nobody is asked about them.
const MANY: i64 = 4_000;
/// So many customers at once: each is asked for.
const PEOPLE: i64 = 50;
/// Of one customer so many coupons are compared with the metafield, which holds no more.
const MOST_ENTRIES: i64 = 1_000;

const COUPON: &str = "SELECT c.code, c.status, c.expires_at, m.points, c.points, c.customer, \
    CASE WHEN EXISTS (SELECT 1 FROM flow WHERE due_at IS NOT NULL \
    AND (flow.id = c.flow OR flow.id = c.act)) THEN 1 ELSE 0 END FROM coupon c \
    LEFT JOIN movement m ON m.shop = c.shop \
    AND m.reference = 'COUPON-' || coalesce(c.paid_by, c.code)";

fn coupon(line: &Line) -> Result<Coupon, DbError> {
    Ok(Coupon {
        code: Code(line.text(0)?.to_owned()),
        status: line.text(1)?.to_owned(),
        expires_at: line.at(2)?,
        paid: line.maybe_int(3)?,
        points: line.int(4)?,
        customer: CustomerId(line.id(5)?),
        busy: line.int(6)? == 1,
    })
}

/// What has come to rest: nothing is on its way to be issued or to be taken back.
const AT_REST: &str = "(c.status = 'void' OR c.node IS NOT NULL \
    AND c.status IN ('active', 'used', 'expired', 'cancelled', 'held'))";

/// Strictly after this code, issued at `since` or later.
pub async fn coupons(
    database: &Database,
    shop: &ShopId,
    after: &str,
    since: At,
) -> Result<Vec<Coupon>, StoreError> {
    let sql = format!(
        "{COUPON} WHERE c.shop = ?1 AND c.code > ?2 AND c.created_at >= ?3 AND {AT_REST} \
         ORDER BY c.code LIMIT ?4"
    );
    let values = values![shop.0.clone(), after.to_owned(), since, PAGE].to_vec();
    let lines = database.read(sql, values).await?;
    Ok(lines.iter().map(coupon).collect::<Result<_, _>>()?)
}

/// One coupon, as it stands now.
pub async fn find(
    database: &Database,
    shop: &ShopId,
    code: &Code,
) -> Result<Option<Coupon>, StoreError> {
    let sql = format!("{COUPON} WHERE c.shop = ?1 AND c.code = ?2");
    let lines = database.read(sql, values![shop.0.clone(), code.0.clone()].to_vec()).await?;
    Ok(lines.first().map(coupon).transpose()?)
}

/// Those of the codes that Kaeru knows, whatever became of them.
pub async fn known(
    database: &Database,
    shop: &ShopId,
    codes: &[Code],
) -> Result<Vec<Code>, StoreError> {
    let mut values: Vec<Value<'static>> = values![shop.0.clone()].to_vec();
    let mut places = Vec::with_capacity(codes.len());
    for code in codes {
        values.push(code.0.clone().into());
        places.push(format!("?{}", values.len()));
    }
    let sql = format!(
        "SELECT code FROM coupon WHERE shop = ?1 AND code IN ({})",
        if places.is_empty() { "NULL".to_owned() } else { places.join(", ") }
    );
    let lines = database.read(sql, values).await?;
    let read = |line: &Line| Ok(Code(line.text(0)?.to_owned()));
    Ok(lines.iter().map(read).collect::<Result<_, DbError>>()?)
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
        Ok::<_, DbError>(Movement {
            reference: Reference(line.text(0)?.to_owned()),
            points: line.int(1)?,
            customer: agreed(line, 2, 3)?,
        })
    };
    let lines = database.read(sql, values).await?;
    Ok(lines.iter().map(read).collect::<Result<_, _>>()?)
}

/// Strictly after this reference, made by `until`, with the customer's number as it is now at the
/// points book: many at once, for a pass over all of them.
pub async fn listed(
    database: &Database,
    shop: &ShopId,
    after: &str,
    until: At,
) -> Result<Vec<Movement>, StoreError> {
    let sql = "SELECT m.reference, m.points, coalesce(customer.pos_id, CAST(m.customer AS TEXT)) \
        FROM movement m LEFT JOIN customer ON customer.shop = m.shop \
        AND customer.id = m.customer WHERE m.shop = ?1 AND m.reference > ?2 AND m.at <= ?3 \
        ORDER BY m.reference LIMIT ?4";
    let values = values![shop.0.clone(), after.to_owned(), until, MANY].to_vec();
    let read = |line: Line| match <[Value<'static>; 3]>::try_from(line.0) {
        Ok([Value::Text(reference), Value::Int(points), Value::Text(customer)]) => Ok(Movement {
            reference: Reference(reference.into_owned()),
            customer: PosId(customer.into_owned()),
            points,
        }),
        _ => Err(DbError::Failed("a movement reads differently".to_owned())),
    };
    let lines = database.read(sql, values).await?;
    Ok(lines.into_iter().map(read).collect::<Result<_, _>>()?)
}

/// Whom the movement was agreed with at the points book, where its flow tells.
pub async fn agreed_with(
    database: &Database,
    shop: &ShopId,
    reference: &Reference,
) -> Result<Option<PosId>, StoreError> {
    let sql = "SELECT flow.terms, CAST(m.customer AS TEXT) FROM movement m \
        JOIN flow ON flow.id = m.flow WHERE m.shop = ?1 AND m.reference = ?2";
    let values = values![shop.0.clone(), reference.0.clone()].to_vec();
    let lines = database.read(sql, values).await?;
    Ok(lines.first().map(|line| agreed(line, 0, 1)).transpose()?)
}

/// Whether Kaeru has the movement, made whenever.
pub async fn has(
    database: &Database,
    shop: &ShopId,
    reference: &Reference,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM movement WHERE shop = ?1 AND reference = ?2";
    let values = values![shop.0.clone(), reference.0.clone()].to_vec();
    Ok(!database.read(sql, values).await?.is_empty())
}

/// Whom it was agreed with: the customer may have become another one since.
fn agreed(line: &Line, terms: usize, else_in: usize) -> Result<PosId, DbError> {
    let agreed = line.maybe_text(terms)?.and_then(|terms| serde_json::from_str(terms).ok());
    let agreed = agreed.as_ref().and_then(pos_id).map(str::to_owned);
    Ok(PosId(agreed.map_or_else(|| line.text(else_in).map(str::to_owned), Ok)?))
}

/// The first `pos_id` within.
fn pos_id(terms: &serde_json::Value) -> Option<&str> {
    let fields = terms.as_object()?;
    let own = fields.get("pos_id").and_then(serde_json::Value::as_str);
    own.or_else(|| fields.values().find_map(pos_id))
}

/// The references that the coupons after this code could have and have not, and the last code that
/// was looked at: `None` where there is no more.
pub async fn unmade(
    database: &Database,
    shop: &ShopId,
    after: &str,
    since: At,
) -> Result<(Vec<Unmade>, Option<String>), StoreError> {
    let missing = "CASE WHEN EXISTS (SELECT 1 FROM movement m WHERE m.shop = c.shop \
        AND m.reference =";
    let sql = format!(
        "SELECT c.code, flow.terms, CAST(c.customer AS TEXT), \
         {missing} 'COUPON-' || c.code) THEN 0 ELSE 1 END, \
         {missing} 'CANCEL-' || c.code) THEN 0 ELSE 1 END \
         FROM coupon c JOIN flow ON flow.id = c.flow \
         WHERE c.shop = ?1 AND c.code > ?2 AND c.created_at >= ?3 AND {AT_REST} \
         ORDER BY c.code LIMIT ?4"
    );
    let values = values![shop.0.clone(), after.to_owned(), since, PAGE].to_vec();
    let lines = database.read(sql, values).await?;
    let mut found = Vec::new();
    for line in &lines {
        let (code, customer) = (Code(line.text(0)?.to_owned()), agreed(line, 1, 2)?);
        for (column, reference) in
            [(3, Reference::of_conversion(&code)), (4, Reference::of_cancellation(&code))]
        {
            if line.int(column)? == 1 {
                let (customer, code) = (customer.clone(), code.clone());
                found.push(Unmade { reference, customer, code });
            }
        }
    }
    let Some(last) = lines.last() else { return Ok((found, None)) };
    let last = last.text(0)?.to_owned();
    let sql = "SELECT o.order_id, o.code, flow.terms, CAST(c.customer AS TEXT) \
        FROM order_coupon o JOIN coupon c ON c.shop = o.shop AND c.code = o.code \
        JOIN flow ON flow.id = c.flow WHERE o.shop = ?1 AND o.code > ?2 AND o.code <= ?3 \
        AND c.created_at >= ?4 AND (o.taken = 0 OR o.replacement IS NOT NULL) \
        ORDER BY o.code, o.order_id";
    let values = values![shop.0.clone(), after.to_owned(), last.clone(), since].to_vec();
    for line in &database.read(sql, values).await? {
        let (order, code) = (OrderId(line.text(0)?.to_owned()), Code(line.text(1)?.to_owned()));
        let reference = Reference::of_reversal(&order, &code, 1);
        found.push(Unmade { reference, customer: agreed(line, 2, 3)?, code });
    }
    Ok((found, Some(last)))
}

pub(super) const MADE: &str = "SELECT 1 FROM movement WHERE shop = ?1 AND reference = ?2 UNION ALL \
    SELECT 1 FROM order_coupon WHERE shop = ?1 AND code = ?3 AND taken > returned UNION ALL \
    SELECT 1 FROM coupon WHERE shop = ?1 AND code = ?3 AND status IN ('pending', 'cancelling')";

/// Whether Kaeru has made the movement by now, or may be about to.
pub async fn made(database: &Database, shop: &ShopId, unmade: &Unmade) -> Result<bool, StoreError> {
    let values = values![shop.0.clone(), unmade.reference.0.clone(), unmade.code.0.clone()];
    Ok(!database.read(MADE, values.to_vec()).await?.is_empty())
}

/// Customers with a coupon of `since` or later, strictly after this one.
pub async fn customers(
    database: &Database,
    shop: &ShopId,
    after: i64,
    since: At,
) -> Result<Vec<CustomerId>, StoreError> {
    let sql = "SELECT DISTINCT customer FROM coupon WHERE shop = ?1 AND customer > ?2 \
        AND created_at >= ?3 AND node IS NOT NULL ORDER BY customer LIMIT ?4";
    let values = values![shop.0.clone(), after, since, PEOPLE].to_vec();
    let lines = database.read(sql, values).await?;
    let read = |line: &Line| Ok(CustomerId(line.id(0)?));
    Ok(lines.iter().map(read).collect::<Result<_, DbError>>()?)
}

/// The customer's coupons, the newest first.
pub async fn of_customer(
    database: &Database,
    shop: &ShopId,
    customer: CustomerId,
) -> Result<Vec<Coupon>, StoreError> {
    let sql = format!(
        "{COUPON} WHERE c.shop = ?1 AND c.customer = ?2 ORDER BY c.created_at DESC LIMIT ?3"
    );
    let values = values![shop.0.clone(), number(customer.0)?, MOST_ENTRIES].to_vec();
    let lines = database.read(sql, values).await?;
    Ok(lines.iter().map(coupon).collect::<Result<_, _>>()?)
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
