//! The ledger's rows: how an account is locked and read, and how movements are written down.

use super::{Done, Holder, Order, Outcome};
use crate::store::{
    Database,
    tx::{DbError, Line, Statement, Tx, Value, values},
};
use domain::{
    At, Reference, ShopId,
    ledger::{Account, Funding, Lot, Movement, Posted, Taken},
};
use engine::store::StoreError;

/// Creates the account where it is new, and holds it until the transaction's end.
const LOCK: &str = "INSERT INTO point_account AS a \
    (shop, unit, holder, balance, last_lot, seq, last_at) VALUES (?1, ?2, ?3, 0, 0, 0, ?4) \
    ON CONFLICT (shop, unit, holder) DO UPDATE SET seq = a.seq \
    RETURNING balance, last_lot, seq, last_at";

const LOT: &str = "no, granted, remaining, issued_at, expires_at, funding, renews";

const ACCOUNT: &str = "UPDATE point_account SET balance = ?4, last_lot = ?5, seq = ?6, \
    last_at = ?7 WHERE shop = ?1 AND unit = ?2 AND holder = ?3";

const MOVEMENT_ADD: &str = "INSERT INTO point_movement (shop, reference, unit, holder, seq, \
    amount, balance, counter, reason, asked, linked_to, expires_at, actor, at, written_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";

const POSTING_ADD: &str =
    "INSERT INTO point_posting (shop, reference, account, amount) VALUES (?1, ?2, ?3, ?4)";

const LOT_ADD: &str = "INSERT INTO point_lot (shop, unit, holder, no, granted, remaining, \
    issued_at, expires_at, funding, renews, reference) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

const LOT_CHANGE: &str = "UPDATE point_lot SET remaining = remaining + ?5 \
    WHERE shop = ?1 AND unit = ?2 AND holder = ?3 AND no = ?4";

const USE_ADD: &str =
    "INSERT INTO point_lot_use (shop, reference, lot, amount) VALUES (?1, ?2, ?3, ?4)";

const RETURN_ADD: &str = "INSERT INTO point_return \
    (shop, reference, from_lot, to_lot, amount, original, requested, honoured) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

const KNOWN: &str = "SELECT asked, amount, balance, expires_at, unit, holder \
    FROM point_movement WHERE shop = ?1 AND reference = ?2";

/// What a spending took from each lot, those that took the same again included, and what has come
/// back since.
pub const TAKEN: &str = "SELECT l.no, l.granted, l.remaining, l.issued_at, l.expires_at, \
    l.funding, l.renews, -u.amount - CAST(coalesce((SELECT sum(r.amount) FROM point_return r \
    JOIN point_movement m ON m.shop = r.shop AND m.reference = r.reference \
    WHERE m.shop = ?1 AND m.linked_to = ?4 AND r.from_lot = u.lot AND r.to_lot IS NOT NULL), 0) \
    AS BIGINT) \
    FROM (SELECT p.lot AS lot, CAST(sum(p.amount) AS BIGINT) AS amount FROM point_movement s \
    JOIN point_lot_use p ON p.shop = s.shop AND p.reference = s.reference \
    WHERE s.shop = ?1 AND s.unit = ?2 AND s.holder = ?3 AND s.amount < 0 \
    AND (s.reference = ?4 OR s.linked_to = ?4) GROUP BY p.lot) AS u \
    JOIN point_lot l ON l.shop = ?1 AND l.unit = ?2 AND l.holder = ?3 AND l.no = u.lot \
    ORDER BY coalesce(l.expires_at, 9223372036854775807), l.no";

const ANSWER: &str =
    "SELECT fingerprint, status, body FROM pos_answer WHERE shop = ?1 AND request_key = ?2";

pub const ANSWER_ADD: &str = "INSERT INTO pos_answer \
    (shop, request_key, fingerprint, status, body, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

pub const FORGET: &str = "DELETE FROM pos_answer WHERE (shop, request_key) IN \
    (SELECT shop, request_key FROM pos_answer WHERE at < ?1 ORDER BY at LIMIT ?2) \
    RETURNING request_key";

/// An account that nobody else moves until the transaction ends.
pub struct Locked {
    pub lots: Vec<Lot>,
    pub last_lot: i64,
    pub seq: i64,
    pub last_at: At,
}

pub fn lot(line: &Line) -> Result<Lot, DbError> {
    let funding = line.text(5)?;
    Ok(Lot {
        no: line.int(0)?,
        granted: line.int(1)?,
        left: line.int(2)?,
        issued_at: line.at(3)?,
        expires_at: line.maybe_at(4)?,
        funding: Funding::parse(funding)
            .ok_or_else(|| DbError::Failed(format!("{funding:?} is no funding")))?,
        renews: line.maybe_int(6)?,
    })
}

/// ?1 to ?3 name the account.
pub fn open_lots() -> String {
    format!(
        "SELECT {LOT} FROM point_lot WHERE shop = ?1 AND unit = ?2 AND holder = ?3 \
         AND remaining > 0 ORDER BY no"
    )
}

fn account_of(holder: &Holder) -> [Value<'_>; 3] {
    values![holder.shop.as_str(), holder.unit.as_str(), holder.id.as_str()]
}

pub async fn lock<T: Tx>(tx: &mut T, holder: &Holder, now: At) -> Result<Locked, DbError> {
    let [shop, unit, id] = account_of(holder);
    let line = tx.row(LOCK, &[shop, unit, id, now.into()]).await?;
    let line = line.ok_or_else(|| DbError::Failed("no account came about".to_owned()))?;
    let lines = tx.rows(&open_lots(), &account_of(holder)).await?;
    let lots = lines.iter().map(lot).collect::<Result<Vec<_>, _>>()?;
    let held: i64 = lots.iter().map(|lot| lot.left).sum();
    if held != line.int(0)? {
        let balance = line.int(0)?;
        return Err(DbError::Failed(format!(
            "an account's balance is {balance}, but its lots hold {held}: nothing is moved"
        )));
    }
    Ok(Locked { lots, last_lot: line.int(1)?, seq: line.int(2)?, last_at: line.at(3)? })
}

/// The movement under the reference, and the order that made it.
pub async fn known<T: Tx>(
    tx: &mut T,
    shop: &ShopId,
    reference: &Reference,
) -> Result<Option<(String, Done)>, DbError> {
    let line = tx.row(KNOWN, &values![shop.as_str(), reference.as_str()]).await?;
    let Some(line) = line else { return Ok(None) };
    let (amount, balance) = (line.int(1)?, line.int(2)?);
    let done = Done { amount, balance, expires_at: line.maybe_at(3)? };
    Ok(Some((line.text(0)?.to_owned(), done)))
}

/// The movement under the reference, where it is this account's.
pub async fn of_account<T: Tx>(
    tx: &mut T,
    holder: &Holder,
    reference: &Reference,
) -> Result<Option<Done>, DbError> {
    let line = tx.row(KNOWN, &values![holder.shop.as_str(), reference.as_str()]).await?;
    let Some(line) = line else { return Ok(None) };
    if (line.text(4)?, line.text(5)?) != (holder.unit.as_str(), holder.id.as_str()) {
        return Ok(None);
    }
    let (amount, balance) = (line.int(1)?, line.int(2)?);
    Ok(Some(Done { amount, balance, expires_at: line.maybe_at(3)? }))
}

/// In the order of the spending. `None`: this account knows no spending under the reference.
pub async fn taken<T: Tx>(
    tx: &mut T,
    holder: &Holder,
    of: &Reference,
) -> Result<Option<Vec<Taken>>, DbError> {
    let [shop, unit, id] = account_of(holder);
    let lines = tx.rows(TAKEN, &[shop, unit, id, of.as_str().into()]).await?;
    let taken = |line: &Line| Ok::<_, DbError>(Taken { lot: lot(line)?, amount: line.int(7)? });
    let parts = lines.iter().map(taken).collect::<Result<Vec<_>, _>>()?;
    Ok(if parts.is_empty() { None } else { Some(parts) })
}

/// The same beside whoever moves the account, and how many movements gave some of it back.
pub async fn taken_beside(
    database: &Database,
    holder: &Holder,
    of: &Reference,
) -> Result<(Vec<Taken>, i64), StoreError> {
    let Holder { shop, unit, id } = holder;
    let key = values![shop.0.clone(), unit.as_str(), id.0.clone(), of.0.clone()];
    let lines = database.read(TAKEN, key.to_vec()).await?;
    let taken = |line: &Line| Ok::<_, DbError>(Taken { lot: lot(line)?, amount: line.int(7)? });
    let parts = lines.iter().map(taken).collect::<Result<Vec<_>, _>>()?;
    let sql = "SELECT count(*) FROM point_movement WHERE shop = ?1 AND linked_to = ?2";
    let lines = database.read(sql, values![shop.0.clone(), of.0.clone()].to_vec()).await?;
    let returns = lines.first().map_or(Ok(0), |line| line.int(0))?;
    Ok((parts, returns))
}

/// What was answered under the key before.
pub async fn answer<T: Tx>(
    tx: &mut T,
    order: &Order,
    key: &str,
) -> Result<Option<Outcome>, DbError> {
    let line = tx.row(ANSWER, &values![order.holder.shop.as_str(), key]).await?;
    let Some(line) = line else { return Ok(None) };
    if line.text(0)? != order.fingerprint {
        return Ok(Some(Outcome::KeyReused));
    }
    let status = u16::try_from(line.int(1)?).unwrap_or(500);
    Ok(Some(Outcome::Answered { status, body: line.text(2)?.to_owned() }))
}

/// What a movement is written down with.
pub struct Names<'a> {
    pub reference: &'a str,
    pub reason: &'a str,
    pub fingerprint: &'a str,
    pub linked_to: Option<&'a str>,
    pub expires_at: Option<At>,
    pub actor: Option<&'a str>,
}

struct Writer<'a> {
    holder: &'a Holder,
    seq: i64,
    written_at: At,
    statements: Vec<Statement<'a>>,
}

impl<'a> Writer<'a> {
    fn add(&mut self, sql: &'static str, values: &[Value<'a>]) {
        self.statements.push(Statement { sql, values: values.to_vec() });
    }

    fn movement(&mut self, movement: &Movement, reference: &str, names: &Names<'a>) {
        let [shop, unit, id] = account_of(self.holder);
        self.seq += 1;
        let reference = || Value::from(reference.to_owned());
        let row = [
            shop.clone(),
            reference(),
            unit.clone(),
            id.clone(),
            self.seq.into(),
            movement.amount.into(),
            movement.balance.into(),
            movement.counter.as_str().into(),
            names.reason.into(),
            names.fingerprint.into(),
            names.linked_to.into(),
            names.expires_at.into(),
            names.actor.into(),
            movement.at.into(),
            self.written_at.into(),
        ];
        self.add(MOVEMENT_ADD, &row);
        for posting in movement.postings() {
            let account = posting.counter.map_or("customer", |counter| counter.as_str());
            let row = [shop.clone(), reference(), account.into(), posting.amount.into()];
            self.add(POSTING_ADD, &row);
        }
        for change in &movement.changes {
            let (no, amount) = (Value::from(change.lot), Value::from(change.amount));
            let row = [shop.clone(), unit.clone(), id.clone(), no.clone(), amount.clone()];
            self.add(LOT_CHANGE, &row);
            self.add(USE_ADD, &[shop.clone(), reference(), no, amount]);
        }
        for part in &movement.returned {
            let row = [
                shop.clone(),
                reference(),
                part.from.into(),
                part.to.into(),
                part.amount.into(),
                part.original.into(),
                part.requested.into(),
                part.honoured.into(),
            ];
            self.add(RETURN_ADD, &row);
        }
    }

    fn lot(&mut self, lot: &Lot, reference: &'a str) {
        let [shop, unit, id] = account_of(self.holder);
        let row = [
            shop,
            unit,
            id,
            lot.no.into(),
            lot.granted.into(),
            lot.left.into(),
            lot.issued_at.into(),
            lot.expires_at.into(),
            lot.funding.as_str().into(),
            lot.renews.into(),
            reference.into(),
        ];
        self.add(LOT_ADD, &row);
    }

    /// An expiry's reference is its lot's, and a lot ends once.
    fn expired(&mut self, movements: &[Movement]) {
        let Holder { unit, id, .. } = self.holder;
        for movement in movements {
            let lot = movement.changes.first().map_or(0, |change| change.lot);
            let reference = format!("EXPIRE-{}-{id}-{lot}", unit.as_str());
            let names = Names {
                reference: "",
                reason: "Expired",
                fingerprint: "",
                linked_to: None,
                expires_at: None,
                actor: None,
            };
            self.movement(movement, &reference, &names);
        }
    }

    async fn run<T: Tx>(mut self, tx: &mut T, account: &Account, at: At) -> Result<(), DbError> {
        let [shop, unit, id] = account_of(self.holder);
        let held: i64 = account.lots.iter().map(|lot| lot.left).sum();
        let row =
            [shop, unit, id, held.into(), account.last_lot.into(), self.seq.into(), at.into()];
        self.add(ACCOUNT, &row);
        all(tx, &self.statements).await
    }
}

/// Writes down what came of an order, expiries first.
pub async fn write<T: Tx>(
    tx: &mut T,
    holder: &Holder,
    account: &Account,
    seq: i64,
    posted: &Posted,
    names: &Names<'_>,
    written_at: At,
) -> Result<(), DbError> {
    let mut writer = Writer { holder, seq, written_at, statements: vec![] };
    writer.expired(&posted.expired);
    writer.movement(&posted.movement, names.reference, names);
    for lot in &posted.added {
        writer.lot(lot, names.reference);
    }
    writer.run(tx, account, posted.movement.at).await
}

/// Writes expiries down.
pub async fn write_expired<T: Tx>(
    tx: &mut T,
    holder: &Holder,
    account: &Account,
    seq: i64,
    expired: &[Movement],
    now: At,
) -> Result<(), DbError> {
    let mut writer = Writer { holder, seq, written_at: now, statements: vec![] };
    writer.expired(expired);
    writer.run(tx, account, now).await
}

/// Runs them; each changes its one row.
pub async fn all<T: Tx>(tx: &mut T, statements: &[Statement<'_>]) -> Result<(), DbError> {
    let done = tx.run(statements).await?;
    match statements.get(done) {
        None => Ok(()),
        Some(statement) => {
            Err(DbError::Failed(format!("a statement found not its one row: {}", statement.sql)))
        }
    }
}
