//! What a shop's books hold, a page at a time, in the order of a key: constant memory at any size.

use super::{
    Database,
    tx::{DbError, Line, Value, values},
};
use domain::{At, ShopId};
use engine::store::StoreError;

/// A list that can be written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Of the built-in points book, on a day.
    Balances,
    /// Of the built-in points book: those of which something is left.
    Lots,
    /// Of the built-in points book.
    LedgerMovements,
    /// What Kaeru moved at a till.
    Movements,
    Coupons,
    Customers,
}

/// How a column is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    /// Added up for the report.
    Summed,
    Moment,
}

/// One row, written out, and where the next page begins.
pub struct Page {
    pub rows: Vec<Vec<String>>,
    /// Of the summed column.
    pub sum: i64,
    pub next: Option<Place>,
}

/// Strictly after this row.
#[derive(Clone, Debug)]
pub struct Place(Value<'static>, Value<'static>);

const PAGE: i64 = 2_000;

/// The moment that asks for everything.
const ALWAYS: At = At(i64::MAX);

use Kind::{Moment, Plain, Summed};

impl What {
    /// Names and kinds of the columns.
    const fn columns(self) -> &'static [(&'static str, Kind)] {
        match self {
            What::Balances => &[("customer", Plain), ("points", Summed)],
            What::Lots => &[
                ("customer", Plain),
                ("lot", Plain),
                ("points", Summed),
                ("granted", Plain),
                ("issued_at", Moment),
                ("expires_at", Moment),
                ("funding", Plain),
            ],
            What::LedgerMovements => &[
                ("customer", Plain),
                ("at", Moment),
                ("points", Summed),
                ("balance", Plain),
                ("counter", Plain),
                ("reference", Plain),
                ("linked_to", Plain),
                ("reason", Plain),
                ("by", Plain),
            ],
            What::Movements => &[
                ("customer", Plain),
                ("at", Moment),
                ("points", Summed),
                ("balance", Plain),
                ("reference", Plain),
                ("linked_to", Plain),
                ("reason", Plain),
            ],
            What::Coupons => &[
                ("code", Plain),
                ("customer", Plain),
                ("points", Summed),
                ("amount", Plain),
                ("currency", Plain),
                ("status", Plain),
                ("created_at", Moment),
                ("expires_at", Moment),
            ],
            What::Customers => &[
                ("customer", Plain),
                ("member_no", Plain),
                ("pos_id", Plain),
                ("name", Plain),
                ("locale", Plain),
            ],
        }
    }

    /// The columns' names.
    pub fn header(self) -> Vec<&'static str> {
        self.columns().iter().map(|(name, _)| *name).collect()
    }

    /// The columns, then the two of the key. ?2, ?3: the place; ?4: at most; ?5: the moment.
    const fn sql(self) -> &'static str {
        match self {
            What::Balances => {
                "SELECT holder, coalesce((SELECT m.balance FROM point_movement m \
                 WHERE m.shop = a.shop AND m.unit = a.unit AND m.holder = a.holder \
                 AND m.at <= ?5 ORDER BY m.seq DESC LIMIT 1), 0) \
                 - CAST(coalesce((SELECT sum(l.remaining) FROM point_lot l \
                 WHERE l.shop = a.shop AND l.unit = a.unit AND l.holder = a.holder \
                 AND l.remaining > 0 AND l.expires_at <= ?5), 0) AS BIGINT), holder, '' \
                 FROM point_account a WHERE shop = ?1 AND unit = 'points' \
                 AND (holder, '') > (?2, ?3) ORDER BY holder LIMIT ?4"
            }
            What::Lots => {
                "SELECT holder, no, remaining, granted, issued_at, expires_at, funding, holder, no \
                 FROM point_lot WHERE shop = ?1 AND unit = 'points' AND remaining > 0 \
                 AND (holder, no) > (?2, ?3) AND (expires_at IS NULL OR expires_at > ?5) \
                 ORDER BY holder, no LIMIT ?4"
            }
            What::LedgerMovements => {
                "SELECT holder, at, amount, balance, counter, reference, linked_to, reason, actor, \
                 holder, seq FROM point_movement WHERE shop = ?1 AND unit = 'points' \
                 AND (holder, seq) > (?2, ?3) AND at <= ?5 ORDER BY holder, seq LIMIT ?4"
            }
            What::Movements => {
                "SELECT customer, at, points, balance, reference, linked_to, reason, reference, '' \
                 FROM movement WHERE shop = ?1 AND (reference, '') > (?2, ?3) AND at <= ?5 \
                 ORDER BY reference LIMIT ?4"
            }
            What::Coupons => {
                "SELECT code, customer, points, amount, currency, status, created_at, expires_at, \
                 code, '' FROM coupon WHERE shop = ?1 AND (code, '') > (?2, ?3) \
                 AND status NOT IN ('pending', 'void') AND created_at <= ?5 \
                 ORDER BY code LIMIT ?4"
            }
            What::Customers => {
                "SELECT id, member_no, pos_id, name, locale, id, '' FROM customer \
                 WHERE shop = ?1 AND (id, '') > (?2, ?3) AND seen_at <= ?5 ORDER BY id LIMIT ?4"
            }
        }
    }

    const fn start(self) -> Place {
        let none = Value::Text(std::borrow::Cow::Borrowed(""));
        match self {
            What::Lots | What::LedgerMovements => Place(none, Value::Int(-1)),
            What::Balances | What::Movements | What::Coupons => {
                Place(none, Value::Text(std::borrow::Cow::Borrowed("")))
            }
            What::Customers => Place(Value::Int(-1), none),
        }
    }
}

/// The page after the place. `until`: what counted by then; the lots: what is good then.
pub async fn page(
    database: &Database,
    shop: &ShopId,
    what: What,
    after: Option<Place>,
    until: Option<At>,
) -> Result<Page, StoreError> {
    let Place(first, second) = after.unwrap_or(what.start());
    let values = values![shop.0.clone()].into_iter().chain([first, second]);
    let rest = values![PAGE, until.unwrap_or(ALWAYS)];
    let lines = database.read(what.sql(), values.chain(rest).collect()).await?;
    let columns = what.columns();
    let mut sum = 0_i64;
    let mut rows = Vec::with_capacity(lines.len());
    for line in &lines {
        rows.push(written(line, columns, &mut sum)?);
    }
    let whole = i64::try_from(lines.len()).is_ok_and(|count| count == PAGE);
    let next = lines.last().filter(|_| whole).and_then(|line| {
        let mut key = line.0.iter().skip(columns.len()).cloned();
        Some(Place(key.next()?, key.next()?))
    });
    Ok(Page { rows, sum, next })
}

fn written(line: &Line, columns: &[(&str, Kind)], sum: &mut i64) -> Result<Vec<String>, DbError> {
    let cell = |(index, (_, kind)): (usize, &(&str, Kind))| {
        Ok(match (&line.0[index], kind) {
            (Value::Int(at), Moment) => At(*at).rfc3339(),
            (Value::Int(number), Summed) => {
                *sum = sum.saturating_add(*number);
                number.to_string()
            }
            (Value::Int(number), Plain) => number.to_string(),
            (Value::Text(text), _) => text.clone().into_owned(),
            (Value::Null, _) => String::new(),
            (Value::Blob(_), _) => return Err(DbError::Failed("bytes in a list".to_owned())),
        })
    };
    columns.iter().enumerate().map(cell).collect()
}
