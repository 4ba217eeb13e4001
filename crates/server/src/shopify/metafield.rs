//! The customer's `loyalty.coupons`: a projection for themes to read. Kaeru's database is the
//! record, so what others wrote into the field stays as it is, byte for byte.

use domain::coupon::{self, Status};
use jiff::Timestamp;
use serde::{
    Deserialize, Serialize, Serializer,
    ser::{Error, SerializeMap},
};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Shopify refuses JSON above 128 KB; the margin is for how it counts.
const MOST_BYTES: usize = 120 * 1024;

/// A coupon as it stands.
#[derive(Clone, Debug)]
pub struct Entry {
    code: String,
    /// A JSON number with the currency's own digits.
    amount: String,
    points_used: i64,
    created_at: String,
    expires_at: String,
    status: Status,
    /// The field that says when it ended, and the moment.
    ended: Option<(&'static str, String)>,
    node: u64,
    /// The used coupon in whose place it is.
    replaces: Option<String>,
}

/// The field as it was seen.
#[derive(Clone, Debug)]
pub struct Field {
    /// `None`: there is no such field, and no digest.
    pub value: Option<String>,
    pub digest: Option<String>,
    /// This process wrote the value, so it is a list that starts with a coupon.
    pub ours: bool,
}

impl Field {
    /// Value and digest as Shopify tells them, where there is a field.
    pub fn read(field: Option<(String, String)>) -> Self {
        let (value, digest) = field.unzip();
        Self { value, digest, ours: false }
    }
}

/// What is to be done about the field.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// The entry stands already.
    Nothing,
    Write(String),
}

#[derive(Debug, PartialEq, Eq)]
pub enum Problem {
    /// What is stored is no JSON list, so it is not ours to replace.
    Unreadable,
    /// Others' entries leave no room.
    Full,
}

/// One element of the list, as it stands there.
struct Row<'a> {
    raw: &'a RawValue,
    seen: Seen,
}

/// What we read of an element; all of it absent where it is no coupon of ours.
#[derive(Default, Deserialize)]
struct Seen {
    code: Option<String>,
    status: Option<String>,
    created_at: Option<String>,
    expires_at: Option<String>,
}

impl Entry {
    pub fn new(entry: &coupon::Entry) -> Self {
        let terms = &entry.coupon.terms;
        let field = match entry.status {
            Status::Cancelled => Some("cancelled_at"),
            Status::Used => Some("used_at"),
            _ => None,
        };
        let ended = field.zip(entry.ended_at).map(|(field, at)| (field, at.rfc3339()));
        Self {
            code: terms.code.0.clone(),
            amount: terms.amount.to_string(),
            points_used: terms.points.get(),
            created_at: terms.created_at.rfc3339(),
            expires_at: terms.expires_at.rfc3339(),
            status: entry.status,
            ended,
            node: entry.coupon.node.0,
            replaces: terms.replaces.as_ref().map(|of| of.code.to_string()),
        }
    }
}

/// The stored list with the coupon as it stands: in the place of its own entry, else among the
/// newest. An entry that has ended (used, expired, cancelled) is not brought back to life. The
/// oldest finished entries make room, then the oldest others.
///
/// # Errors
/// Where the list cannot be read, or has no room left.
pub fn standing(stored: Option<&str>, entry: &Entry) -> Result<Change, Problem> {
    let rows: Vec<&RawValue> = match stored {
        Some(text) => serde_json::from_str(text).map_err(|_| Problem::Unreadable)?,
        None => Vec::new(),
    };
    let mut rows: Vec<Row<'_>> = rows.into_iter().map(Row::new).collect();
    let own = rows.iter().position(|row| row.seen.code.as_deref() == Some(&entry.code));
    let (at, ours) = match own.map(|at| (at, rows.remove(at))) {
        Some((_, old)) if entry.lives() && old.seen.has_ended() => return Ok(Change::Nothing),
        Some((at, old)) => {
            let ours = entry.over(Some(old.raw))?;
            if same(&ours, old.raw) {
                return Ok(Change::Nothing);
            }
            (at, ours)
        }
        None => (newer_than(&rows, entry), entry.over(None)?),
    };
    let (mut before, mut after) = (rows.drain(..at).collect::<Vec<_>>(), Vec::new());
    after.append(&mut rows);
    make_room(&mut before, &mut after, entry, ours.get().len())?;
    let raws = |rows: &[Row<'_>]| rows.iter().map(|row| row.raw.to_owned()).collect::<Vec<_>>();
    let list = [raws(&before), vec![ours], raws(&after)].concat();
    serde_json::to_string(&list).map(Change::Write).map_err(|_| Problem::Unreadable)
}

/// The list with a coupon that is newer than all in it put first, found without reading the whole
/// of it. For a list that this process wrote. `None`: `standing` must look.
pub fn put_first(list: &str, entry: &Entry) -> Option<String> {
    let rest = list.strip_prefix('[')?;
    // An escaped code would be overlooked.
    if rest.contains('\\') || rest.contains(&entry.code) {
        return None;
    }
    let mut rows = serde_json::Deserializer::from_str(rest).into_iter::<Seen>();
    let newest = moment(rows.next()?.ok()?.created_at.as_deref());
    if newest > moment(Some(&entry.created_at)) {
        return None;
    }
    let ours = entry.over(None).ok()?;
    let length = 2 + ours.get().len() + rest.len();
    (length <= MOST_BYTES).then(|| ["[", ours.get(), ",", rest].concat())
}

/// Whatever the spaces and the order of the fields.
fn same(one: &RawValue, other: &RawValue) -> bool {
    let value = |raw: &RawValue| serde_json::from_str::<serde_json::Value>(raw.get()).ok();
    value(one) == value(other)
}

/// How many rows at the front are known to be newer.
fn newer_than(rows: &[Row<'_>], entry: &Entry) -> usize {
    let ours = moment(Some(&entry.created_at));
    rows.iter().take_while(|row| moment(row.seen.created_at.as_deref()) > ours).count()
}

fn moment(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// Drops rows until all fit beside `ours` bytes of our own.
fn make_room(
    before: &mut Vec<Row<'_>>,
    after: &mut Vec<Row<'_>>,
    entry: &Entry,
    ours: usize,
) -> Result<(), Problem> {
    let size = |rows: &[Row<'_>]| rows.iter().map(|row| row.raw.get().len() + 1).sum::<usize>();
    let mut bytes = size(before) + size(after) + ours + 2;
    while bytes > MOST_BYTES {
        let rows = before.iter().chain(after.iter()).enumerate();
        let rank = |(at, row): (usize, &Row<'_>)| {
            let class = row.seen.class(&entry.created_at)?;
            // At the same age the one further back is the older.
            Some((class, moment(row.seen.created_at.as_deref()), std::cmp::Reverse(at)))
        };
        let (_, _, std::cmp::Reverse(at)) = rows.filter_map(rank).min().ok_or(Problem::Full)?;
        let gone = match at.checked_sub(before.len()) {
            Some(at) => after.remove(at),
            None => before.remove(at),
        };
        bytes -= gone.raw.get().len() + 1;
    }
    Ok(())
}

/// What goes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Finished,
    Live,
}

impl<'a> Row<'a> {
    fn new(raw: &'a RawValue) -> Self {
        Self { raw, seen: serde_json::from_str(raw.get()).unwrap_or_default() }
    }
}

impl Seen {
    fn has_ended(&self) -> bool {
        self.status.as_deref().is_some_and(|status| status != "active" && status != "held")
    }

    fn is_over(&self, now: &str) -> bool {
        moment(self.expires_at.as_deref()).is_some_and(|end| Some(end) < moment(Some(now)))
    }

    /// `None`: not a coupon of ours, so never dropped.
    fn class(&self, now: &str) -> Option<Class> {
        self.code.as_ref()?;
        match self.status.as_deref()? {
            "active" if self.is_over(now) => Some(Class::Finished),
            "active" | "held" => Some(Class::Live),
            _ => Some(Class::Finished),
        }
    }
}

impl Entry {
    fn lives(&self) -> bool {
        matches!(self.status, Status::Active | Status::Held)
    }

    /// The entry as JSON, with the fields that others added to the old one.
    fn over(&self, old: Option<&RawValue>) -> Result<Box<RawValue>, Problem> {
        let others = old.map(|old| serde_json::from_str(old.get()));
        let others = others.transpose().map_err(|_| Problem::Unreadable)?.unwrap_or_default();
        serde_json::value::to_raw_value(&Merged { entry: self, others })
            .map_err(|_| Problem::Unreadable)
    }
}

struct Merged<'a> {
    entry: &'a Entry,
    others: BTreeMap<String, &'a RawValue>,
}

const OUR_FIELDS: [&str; 10] = [
    "code",
    "amount",
    "points_used",
    "created_at",
    "expires_at",
    "status",
    "shopify_price_rule_id",
    "cancelled_at",
    "used_at",
    "replaces",
];

impl Serialize for Merged<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = self.entry;
        let amount = RawValue::from_string(entry.amount.clone()).map_err(S::Error::custom)?;
        let [code, money, points, created, expires, status, node, _, _, replaces] = OUR_FIELDS;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(code, &entry.code)?;
        map.serialize_entry(money, &amount)?;
        map.serialize_entry(points, &entry.points_used)?;
        map.serialize_entry(created, &entry.created_at)?;
        map.serialize_entry(expires, &entry.expires_at)?;
        map.serialize_entry(status, entry.status.as_str())?;
        map.serialize_entry(node, &entry.node)?;
        if let Some((field, at)) = &entry.ended {
            map.serialize_entry(field, at)?;
        }
        if let Some(code) = &entry.replaces {
            map.serialize_entry(replaces, code)?;
        }
        for (name, value) in &self.others {
            if !OUR_FIELDS.contains(&name.as_str()) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
