//! Coupons as staff see them: lists, one coupon with its timeline, and what an order says of one.

mod search;

use super::{
    Database, rows,
    tx::{DbError, End, Line, Statement, Tx, Value, Work, number, values},
};
use crate::store::reads::Before;
use domain::{At, Code, Coupon, CustomerId, FlowId, NodeId, ShopId, Terms, coupon::Status};
use engine::store::StoreError;
use search::{Query, typed};

/// What a list is narrowed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    #[default]
    All,
    Unused,
    Used,
    Expired,
    Cancelled,
    Held,
    InDoubt,
}

impl Tab {
    pub const ALL: [Tab; 7] =
        [Tab::All, Tab::Unused, Tab::Used, Tab::Expired, Tab::Cancelled, Tab::Held, Tab::InDoubt];

    /// The API's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Tab::All => "all",
            Tab::Unused => "unused",
            Tab::Used => "used",
            Tab::Expired => "expired",
            Tab::Cancelled => "cancelled",
            Tab::Held => "held",
            Tab::InDoubt => "in_doubt",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tab| tab.as_str() == text)
    }

    /// ?1 is the shop, ?2 now. A coupon fulfils one of them: each is looked for by itself, along an
    /// index, or a tab that holds next to nothing would be looked for among all coupons.
    const fn conditions(self) -> &'static [&'static str] {
        match self {
            Tab::All => &["(status NOT IN ('pending', 'void') OR (status = 'pending' AND EXISTS \
                (SELECT 1 FROM flow WHERE flow.id = coupon.flow AND flow.state IN \
                ('confirming', 'shelving', 'shelved', 'in_review', 'restoring'))))"],
            // The sign keeps the end out of the choice of an index: nearly all unused ones end
            // later, and each would be read to be put in order.
            Tab::Unused => &["status = 'active' AND +expires_at > ?2"],
            Tab::Used => &["status = 'used'"],
            // Those that ended just now are written down as such within seconds.
            Tab::Expired => &["status = 'expired'", ENDED_JUST_NOW],
            Tab::Cancelled => &["status = 'cancelled'"],
            Tab::Held => &["status = 'held'"],
            Tab::InDoubt => &[
                "status = 'cancelling'",
                "status = 'pending' AND EXISTS (SELECT 1 FROM flow WHERE flow.id = coupon.flow \
                AND flow.state IN \
                ('confirming', 'shelving', 'shelved', 'in_review', 'restoring'))",
            ],
        }
    }
}

/// A few, found by their end.
const ENDED_JUST_NOW: &str = "status = 'active' AND expires_at <= ?2";

/// What comes first. Each has an index that it follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Newest,
    Oldest,
    /// What ends soonest, among the unused ones.
    Expiring,
}

impl Order {
    pub const ALL: [Order; 3] = [Order::Newest, Order::Oldest, Order::Expiring];

    /// The API's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Order::Newest => "newest",
            Order::Oldest => "oldest",
            Order::Expiring => "expiring",
        }
    }

    /// Where a row stands in this order, beside its code.
    pub const fn place(self, row: &Listed) -> At {
        match self {
            Order::Newest | Order::Oldest => row.created_at,
            Order::Expiring => row.expires_at,
        }
    }

    /// The column, how a later page compares with the row before it, and the direction.
    const fn sql(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Order::Newest => ("created_at", "<", "DESC"),
            Order::Oldest => ("created_at", ">", "ASC"),
            Order::Expiring => ("expires_at", ">", "ASC"),
        }
    }
}

/// Which coupons are wanted.
#[derive(Clone, Debug)]
pub struct Filter {
    pub tab: Tab,
    /// Customer id, member number, name, or a part of a code.
    pub q: Option<String>,
    pub customer: Option<CustomerId>,
    /// Issued at or after, and before.
    pub from: Option<At>,
    pub to: Option<At>,
    /// Worth at least and at most so much, in minor units.
    pub least: Option<i64>,
    pub greatest: Option<i64>,
    pub order: Order,
    pub before: Option<Before>,
    pub most: usize,
    pub now: At,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub code: String,
    pub customer: CustomerId,
    pub name: Option<String>,
    pub member_no: String,
    pub points: i64,
    pub amount: i64,
    pub currency: String,
    pub tab: Tab,
    pub created_at: At,
    pub expires_at: At,
    pub ended_at: Option<At>,
    pub used_in: Option<String>,
}

/// How a stored status is shown.
pub fn shown(status: &str, expires_at: At, now: At) -> Tab {
    match status {
        "active" if expires_at <= now => Tab::Expired,
        "active" => Tab::Unused,
        "used" => Tab::Used,
        "expired" => Tab::Expired,
        "cancelled" => Tab::Cancelled,
        "held" => Tab::Held,
        _ => Tab::InDoubt,
    }
}

const COLUMNS: &str = "coupon.code, coupon.customer, customer.name, coupon.member_no, \
    coupon.points, coupon.amount, coupon.currency, coupon.status, coupon.created_at, \
    coupon.expires_at, coupon.ended_at, coupon.used_in";

fn listed(line: &Line, now: At) -> Result<Listed, DbError> {
    let expires_at = line.at(9)?;
    Ok(Listed {
        code: line.text(0)?.to_owned(),
        customer: CustomerId(line.id(1)?),
        name: line.maybe_text(2)?.map(str::to_owned),
        member_no: line.text(3)?.to_owned(),
        points: line.int(4)?,
        amount: line.int(5)?,
        currency: line.text(6)?.to_owned(),
        tab: shown(line.text(7)?, expires_at, now),
        created_at: line.at(8)?,
        expires_at,
        ended_at: line.maybe_at(10)?,
        used_in: line.maybe_text(11)?.map(str::to_owned),
    })
}

/// In the order that the filter asks for.
pub async fn list(
    database: &Database,
    shop: &ShopId,
    filter: Filter,
) -> Result<Vec<Listed>, StoreError> {
    let mut found = Vec::new();
    for condition in filter.tab.conditions() {
        found.extend(fulfilling(database, shop, condition, &filter).await?);
    }
    if filter.tab.conditions().len() > 1 {
        found.sort_by(|a, b| {
            let place = |row: &Listed| (filter.order.place(row), row.code.clone());
            match filter.order {
                Order::Newest => place(b).cmp(&place(a)),
                Order::Oldest | Order::Expiring => place(a).cmp(&place(b)),
            }
        });
        found.truncate(filter.most);
    }
    Ok(found)
}

async fn fulfilling(
    database: &Database,
    shop: &ShopId,
    condition: &str,
    filter: &Filter,
) -> Result<Vec<Listed>, StoreError> {
    let Query { sql, values } = written(database, shop, condition, filter).await?;
    let lines = database.read(sql, values).await?;
    Ok(lines.iter().map(|line| listed(line, filter.now)).collect::<Result<_, _>>()?)
}

async fn written(
    database: &Database,
    shop: &ShopId,
    condition: &str,
    filter: &Filter,
) -> Result<Query, StoreError> {
    let now = filter.now;
    let mut query = Query {
        sql: format!(
            "SELECT {COLUMNS} FROM coupon LEFT JOIN customer ON customer.shop = coupon.shop \
             AND customer.id = coupon.customer WHERE coupon.shop = ?1 AND ?2 = ?2 AND {condition}"
        ),
        values: values![shop.0.clone(), now].to_vec(),
    };
    // The codes that a search has found are looked up one by one. The sign keeps the order's index
    // out of it, along which all coupons would be looked through for them.
    let mut sign = if condition == ENDED_JUST_NOW { "+" } else { "" };
    if let Some(q) = filter.q.as_deref().filter(|q| !q.trim().is_empty()) {
        sign = "+";
        query.search(database, q, typed(database, shop, q).await?);
    }
    let customer = filter.customer.map(|id| number(id.0)).transpose()?;
    for (condition, value) in [
        ("coupon.customer =", customer.map(Value::from)),
        ("{sign}coupon.created_at >=", filter.from.map(Value::from)),
        ("{sign}coupon.created_at <", filter.to.map(Value::from)),
        ("coupon.amount >=", filter.least.map(Value::from)),
        ("coupon.amount <=", filter.greatest.map(Value::from)),
    ] {
        if let Some(value) = value {
            let place = query.value(value);
            query.and(&format!("{} ?{place}", condition.replace("{sign}", sign)));
        }
    }
    let (column, beyond, way) = filter.order.sql();
    if let Some(before) = &filter.before {
        let (at, key) = (query.value(before.at), query.value(before.key.clone()));
        query.and(&format!("({sign}coupon.{column}, coupon.code) {beyond} (?{at}, ?{key})"));
    }
    let most = query.value(i64::try_from(filter.most).unwrap_or(i64::MAX));
    let order = format!(" ORDER BY {sign}coupon.{column} {way}, coupon.code {way} LIMIT ?{most}");
    query.sql.push_str(&order);
    Ok(query)
}

/// No count goes further: «more» is as good as a number then, and stays cheap.
pub const MOST_COUNTED: i64 = 10_000;

/// How many coupons each tab holds, up to [`MOST_COUNTED`] and one.
pub async fn counts(
    database: &Database,
    shop: &ShopId,
    now: At,
) -> Result<Vec<(Tab, i64)>, StoreError> {
    let mut counts = Vec::with_capacity(Tab::ALL.len());
    for tab in Tab::ALL {
        let mut count = 0;
        for condition in tab.conditions() {
            let sql = format!(
                "SELECT count(*) FROM (SELECT 1 FROM coupon WHERE shop = ?1 AND ?2 = ?2 \
                 AND {condition} ORDER BY created_at LIMIT {}) AS counted",
                MOST_COUNTED + 1
            );
            let lines = database.read(sql, values![shop.0.clone(), now].to_vec()).await?;
            count += lines.first().map_or(Ok(0), |line| line.int(0))?;
        }
        counts.push((tab, count.min(MOST_COUNTED + 1)));
    }
    Ok(counts)
}

/// One coupon, with what is needed to act on it.
#[derive(Clone, Debug)]
pub struct Found {
    pub listed: Listed,
    pub status: Status,
    pub terms: Terms,
    /// Where it stands in Shopify, once it is issued.
    pub node: Option<NodeId>,
    /// The conversion that made it, and the last act on it.
    pub flow: FlowId,
    pub act: Option<FlowId>,
}

impl Found {
    /// The coupon, once its owner has it.
    pub fn coupon(&self) -> Option<Coupon> {
        Some(Coupon { terms: self.terms.clone(), node: self.node? })
    }
}

/// The coupon of that code, in whatever case it is typed.
pub async fn find(
    database: &Database,
    shop: &ShopId,
    code: &str,
    now: At,
) -> Result<Option<Found>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, coupon.node, coupon.flow, coupon.act, flow.terms FROM coupon \
         JOIN flow ON flow.id = coupon.flow LEFT JOIN customer ON customer.shop = coupon.shop \
         AND customer.id = coupon.customer WHERE coupon.shop = ?1 AND coupon.code = ?2 \
         AND coupon.status <> 'void'"
    );
    let code = code.trim().to_uppercase();
    let lines = database.read(sql, values![shop.0.clone(), code].to_vec()).await?;
    let Some(line) = lines.first() else { return Ok(None) };
    let node = line.maybe_int(12)?.map(|_| line.id(12)).transpose()?.map(NodeId);
    let act = if line.is_null(14) { None } else { Some(line.flow(14)?) };
    Ok(Some(Found {
        listed: listed(line, now)?,
        status: Status::parse(line.text(7)?).unwrap_or(Status::Pending),
        terms: rows::parse(line.text(15)?)?,
        node,
        flow: line.flow(13)?,
        act,
    }))
}

/// The conversion that made the coupon, and every act on it.
const ABOUT: &str = "SELECT flow FROM coupon WHERE shop = ?1 AND code = ?2 UNION ALL \
    SELECT id FROM flow WHERE shop = ?1 AND code = ?2 AND kind <> 'conversion'";

/// One step of one of the coupon's flows.
#[derive(Clone, Debug)]
pub struct Step {
    pub flow: FlowId,
    pub kind: String,
    pub at: At,
    pub event: String,
    pub detail: Option<String>,
}

/// Every step of every flow that was about the coupon, oldest first.
pub async fn timeline(
    database: &Database,
    shop: &ShopId,
    code: &Code,
) -> Result<Vec<Step>, StoreError> {
    let sql = format!(
        "SELECT flow.id, flow.kind, flow_event.at, flow_event.name, flow_event.detail \
         FROM flow JOIN flow_event ON flow_event.flow = flow.id \
         WHERE flow.id IN ({ABOUT}) ORDER BY flow_event.at, flow.id, flow_event.seq"
    );
    let lines = database.read(sql, values![shop.0.clone(), code.0.clone()].to_vec()).await?;
    let read = |line: &Line| {
        Ok(Step {
            flow: line.flow(0)?,
            kind: line.text(1)?.to_owned(),
            at: line.at(2)?,
            event: line.text(3)?.to_owned(),
            detail: line.maybe_text(4)?.map(str::to_owned),
        })
    };
    Ok(lines.iter().map(read).collect::<Result<_, DbError>>()?)
}

/// The acts on the coupon, oldest first.
pub async fn acts(
    database: &Database,
    shop: &ShopId,
    code: &Code,
) -> Result<Vec<engine::store::Row>, StoreError> {
    let sql = format!(
        "SELECT id, kind, body, terms, version, epoch, due_at, tries, fingerprint \
         FROM flow WHERE id IN ({ABOUT}) ORDER BY created_at, id"
    );
    let lines = database.read(sql, values![shop.0.clone(), code.0.clone()].to_vec()).await?;
    Ok(rows::read_all(&lines)?)
}

/// What the news of a use meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noted {
    /// No such coupon of ours.
    Unknown,
    /// The same was known.
    Again,
    /// It lived: it is used now.
    Used,
    /// Its points are back, or on their way back: a review is open.
    UsedAfterCancel,
    /// Another order had it before: a review is open.
    UsedTwice,
}

struct NoteUse {
    shop: ShopId,
    code: String,
    order: String,
    at: At,
}

const USE_STATE: &str =
    "SELECT status, used_in, flow FROM coupon WHERE shop = ?1 AND code = ?2 AND node IS NOT NULL";

impl Work for NoteUse {
    type Output = Noted;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<Noted>, DbError> {
        let (shop, code) = (self.shop.as_str(), self.code.as_str());
        let Some(line) = tx.locked(USE_STATE, &values![shop, code]).await? else {
            return Ok(End::RollBack(Noted::Unknown));
        };
        let flow = line.flow(2)?;
        let noted = match (line.maybe_text(1)?, line.text(0)?) {
            (Some(order), _) if order == self.order => return Ok(End::RollBack(Noted::Again)),
            (Some(""), _) => Noted::Again,
            (Some(_), _) => Noted::UsedTwice,
            (None, "cancelling" | "cancelled") => Noted::UsedAfterCancel,
            (None, _) => Noted::Used,
        };
        let mut statements = Vec::new();
        if noted != Noted::UsedTwice {
            let values = values![shop, code, self.order.as_str()].to_vec();
            statements.push(Statement { sql: super::sql::COUPON_USED, values });
        }
        let reason = match noted {
            Noted::UsedTwice => Some("used_twice"),
            Noted::UsedAfterCancel => Some("used_after_cancel"),
            _ => None,
        };
        if let Some(reason) = reason {
            let values = values![shop, flow, reason, self.at].to_vec();
            statements.push(Statement { sql: super::sql::REVIEW_OPEN, values });
        }
        tx.run(&statements).await?;
        Ok(End::Commit(noted))
    }
}

/// Writes down that an order used the coupon, whatever has become of it.
pub async fn note_use(
    database: &Database,
    shop: &ShopId,
    code: &str,
    order: &str,
    at: At,
) -> Result<Noted, StoreError> {
    let code = code.trim().to_uppercase();
    database.write(NoteUse { shop: shop.clone(), code, order: order.to_owned(), at }).await
}

#[cfg(test)]
mod tests;
