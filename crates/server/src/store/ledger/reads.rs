//! What the built-in points book shows.

use super::{Holder, rows};
use crate::store::{
    Database,
    tx::{DbError, Line, Value, values},
};
use domain::{At, PosId, Reference, ShopId, ledger::Unit};
use engine::store::StoreError;

pub use domain::ledger::Lot;

/// A balance, and whether there is such an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    pub amount: i64,
    pub known: bool,
}

/// A movement as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovementRow {
    pub reference: String,
    pub seq: i64,
    /// Signed.
    pub amount: i64,
    /// After it.
    pub balance: i64,
    /// The counter account's name.
    pub counter: String,
    pub reason: String,
    /// The movement that it gives back, or the first that gives it back.
    pub linked_to: Option<String>,
    pub expires_at: Option<At>,
    pub actor: Option<String>,
    pub at: At,
}

/// Which part of a history is wanted, newest first.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// Strictly before this movement of the account.
    pub before: Option<i64>,
    pub most: usize,
}

fn account(holder: &Holder) -> Vec<Value<'static>> {
    let Holder { shop, unit, id } = holder;
    values![shop.0.clone(), unit.as_str(), id.0.clone()].to_vec()
}

fn most_rows(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// What may be spent now.
pub async fn balance(database: &Database, holder: &Holder, now: At) -> Result<Balance, StoreError> {
    let sql = "SELECT CAST(coalesce((SELECT sum(remaining) FROM point_lot \
        WHERE shop = ?1 AND unit = ?2 AND holder = ?3 AND remaining > 0 \
        AND (expires_at IS NULL OR expires_at > ?4)), 0) AS BIGINT), \
        (SELECT count(*) FROM point_account WHERE shop = ?1 AND unit = ?2 AND holder = ?3)";
    let mut values = account(holder);
    values.push(now.into());
    let lines = database.read(sql, values).await?;
    let Some(line) = lines.first() else { return Ok(Balance { amount: 0, known: false }) };
    Ok(Balance { amount: line.int(0)?, known: line.int(1)? > 0 })
}

/// What could be spent at that moment, however late its expiries were written down.
pub async fn balance_as_of(
    database: &Database,
    holder: &Holder,
    at: At,
) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce((SELECT balance FROM point_movement \
        WHERE shop = ?1 AND unit = ?2 AND holder = ?3 AND at <= ?4 ORDER BY seq DESC LIMIT 1), 0) \
        - CAST(coalesce((SELECT sum(remaining) FROM point_lot \
        WHERE shop = ?1 AND unit = ?2 AND holder = ?3 AND remaining > 0 AND expires_at <= ?4), 0) \
        AS BIGINT)";
    let mut values = account(holder);
    values.push(at.into());
    let lines = database.read(sql, values).await?;
    Ok(lines.first().map_or(Ok(0), |line| line.int(0))?)
}

/// The lots of which something is left, the soonest to expire first.
pub async fn lots(database: &Database, holder: &Holder, now: At) -> Result<Vec<Lot>, StoreError> {
    let lines = database.read(rows::open_lots(), account(holder)).await?;
    let mut lots = lines.iter().map(rows::lot).collect::<Result<Vec<_>, _>>()?;
    lots.retain(|lot| !lot.has_expired(now));
    lots.sort_by_key(|lot| (lot.expires_at.unwrap_or(At(i64::MAX)), lot.no));
    Ok(lots)
}

const MOVEMENT: &str = "SELECT m.reference, m.seq, m.amount, m.balance, m.counter, m.reason, \
    coalesce(m.linked_to, (SELECT min(back.reference) FROM point_movement back \
    WHERE back.shop = m.shop AND back.linked_to = m.reference)), m.expires_at, m.actor, m.at, \
    m.holder FROM point_movement m WHERE m.shop = ?1";

fn read(line: &Line) -> Result<MovementRow, DbError> {
    let text = |column| line.maybe_text(column).map(|text| text.map(str::to_owned));
    Ok(MovementRow {
        reference: line.text(0)?.to_owned(),
        seq: line.int(1)?,
        amount: line.int(2)?,
        balance: line.int(3)?,
        counter: line.text(4)?.to_owned(),
        reason: line.text(5)?.to_owned(),
        linked_to: text(6)?,
        expires_at: line.maybe_at(7)?,
        actor: text(8)?,
        at: line.at(9)?,
    })
}

/// The account's movements, newest first.
pub async fn history(
    database: &Database,
    holder: &Holder,
    page: History,
) -> Result<Vec<MovementRow>, StoreError> {
    let sql = format!(
        "{MOVEMENT} AND m.unit = ?2 AND m.holder = ?3 AND m.seq < ?4 ORDER BY m.seq DESC LIMIT ?5"
    );
    let mut values = account(holder);
    values.push(page.before.unwrap_or(i64::MAX).into());
    values.push(most_rows(page.most).into());
    let lines = database.read(sql, values).await?;
    Ok(lines.iter().map(read).collect::<Result<_, _>>()?)
}

/// The movement under the reference, where it is this account's.
pub async fn find(
    database: &Database,
    holder: &Holder,
    reference: &Reference,
) -> Result<Option<MovementRow>, StoreError> {
    let sql = format!("{MOVEMENT} AND m.unit = ?2 AND m.holder = ?3 AND m.reference = ?4");
    let mut values = account(holder);
    values.push(reference.0.clone().into());
    let lines = database.read(sql, values).await?;
    Ok(lines.first().map(read).transpose()?)
}

/// The movement under the reference, whosever it is, and its holder.
pub async fn movement(
    database: &Database,
    shop: &ShopId,
    reference: &Reference,
) -> Result<Option<(PosId, MovementRow)>, StoreError> {
    let sql = format!("{MOVEMENT} AND m.reference = ?2");
    let values = values![shop.0.clone(), reference.0.clone()].to_vec();
    let lines = database.read(sql, values).await?;
    let Some(line) = lines.first() else { return Ok(None) };
    Ok(Some((PosId(line.text(10)?.to_owned()), read(line)?)))
}

/// Whether anything was ever heard of the customer.
pub async fn is_known(database: &Database, holder: &Holder) -> Result<bool, StoreError> {
    let sql = "SELECT (SELECT count(*) FROM point_account \
        WHERE shop = ?1 AND unit = ?2 AND holder = ?3) + \
        (SELECT count(*) FROM customer WHERE shop = ?1 AND pos_id = ?3)";
    let lines = database.read(sql, account(holder)).await?;
    Ok(lines.first().map_or(Ok(0), |line| line.int(0))? > 0)
}

/// Accounts that hold something which is no longer good.
pub async fn accounts(
    database: &Database,
    now: At,
    most: usize,
) -> Result<Vec<Holder>, StoreError> {
    let sql = "SELECT DISTINCT shop, unit, holder FROM (SELECT shop, unit, holder FROM point_lot \
        WHERE remaining > 0 AND expires_at IS NOT NULL AND expires_at <= ?1 \
        ORDER BY expires_at LIMIT ?2) AS due ORDER BY shop, unit, holder";
    let lines = database.read(sql, values![now, most_rows(most)].to_vec()).await?;
    let read = |line: &Line| {
        let unit = line.text(1)?;
        let unit = Unit::parse(unit)
            .ok_or_else(|| DbError::Failed(format!("{unit:?} is neither points nor a currency")))?;
        let (shop, id) = (ShopId::from(line.text(0)?), PosId::from(line.text(2)?));
        Ok::<_, DbError>(Holder { shop, unit, id })
    };
    Ok(lines.iter().map(read).collect::<Result<_, _>>()?)
}

/// How many of the shop's accounts are not the sum of their lots, and how many movements' postings
/// do not sum to zero.
pub async fn crooked(database: &Database, shop: &ShopId) -> Result<(i64, i64), StoreError> {
    let sql = "SELECT (SELECT count(*) FROM point_account a WHERE a.shop = ?1 AND a.balance <> \
        coalesce((SELECT sum(l.remaining) FROM point_lot l WHERE l.shop = a.shop \
        AND l.unit = a.unit AND l.holder = a.holder AND l.remaining > 0), 0)), \
        (SELECT count(*) FROM (SELECT reference FROM point_posting WHERE shop = ?1 \
        GROUP BY reference HAVING sum(amount) <> 0) AS uneven)";
    let lines = database.read(sql, values![shop.0.clone()].to_vec()).await?;
    let Some(line) = lines.first() else { return Ok((0, 0)) };
    Ok((line.int(0)?, line.int(1)?))
}

/// How many opening balances were brought from another book, and their points.
pub async fn opening(database: &Database, shop: &ShopId) -> Result<(i64, i64), StoreError> {
    let sql = "SELECT count(*), CAST(coalesce(sum(amount), 0) AS BIGINT) FROM point_movement \
        WHERE shop = ?1 AND unit = 'points' AND counter = 'opening'";
    let lines = database.read(sql, values![shop.0.clone()].to_vec()).await?;
    let Some(line) = lines.first() else { return Ok((0, 0)) };
    Ok((line.int(0)?, line.int(1)?))
}
