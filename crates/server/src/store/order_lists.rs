//! Orders as staff see them: lists, and one order with what was applied to it.

use super::{
    Database, order_due,
    reads::Before,
    tx::{DbError, Line, Value, number, values},
};
use domain::{At, Code, CustomerId, FlowId, OrderId, ShopId};
use engine::store::StoreError;

/// The names that a reversal's outcome has, in the order of the tabs.
pub const REVERT_STATUSES: [&str; 4] =
    ["not_reverted", "partly_reverted", "reverted", "nothing_to_revert"];

/// Which orders are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// A name or an id, a coupon's code, a customer's id or name.
    pub q: Option<String>,
    pub status: Option<&'static str>,
    pub revert_status: Option<&'static str>,
    pub customer: Option<CustomerId>,
    pub before: Option<Before>,
    pub most: usize,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub id: OrderId,
    pub name: String,
    pub channel: String,
    pub customer: Option<CustomerId>,
    pub customer_name: Option<String>,
    pub total: i64,
    pub items: i64,
    pub currency: String,
    pub status: String,
    pub financial_status: Option<String>,
    pub cancel_reason: Option<String>,
    pub cancelled_at: Option<At>,
    pub created_at: At,
    pub revert_status: String,
    /// The last reversal.
    pub act: Option<FlowId>,
    /// Points of the coupons that were applied, and minor units of the credits.
    pub points: i64,
    pub credit: i64,
}

const COLUMNS: &str = "o.id, o.name, o.channel, o.customer, customer.name, o.total, o.items, \
    o.currency, o.status, o.financial_status, o.cancel_reason, o.cancelled_at, o.created_at, \
    o.revert_status, o.act, \
    (SELECT CAST(coalesce(sum(points), 0) AS BIGINT) FROM order_coupon AS c \
    WHERE c.shop = o.shop AND c.order_id = o.id), \
    (SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM order_credit AS c \
    WHERE c.shop = o.shop AND c.order_id = o.id)";
const FROM: &str = "FROM orders AS o LEFT JOIN customer ON customer.shop = o.shop \
    AND customer.id = o.customer";

fn listed(line: &Line) -> Result<Listed, DbError> {
    let text = |column| line.maybe_text(column).map(|text| text.map(str::to_owned));
    Ok(Listed {
        id: OrderId(line.text(0)?.to_owned()),
        name: line.text(1)?.to_owned(),
        channel: line.text(2)?.to_owned(),
        customer: if line.is_null(3) { None } else { Some(CustomerId(line.id(3)?)) },
        customer_name: text(4)?,
        total: line.int(5)?,
        items: line.int(6)?,
        currency: line.text(7)?.to_owned(),
        status: line.text(8)?.to_owned(),
        financial_status: text(9)?,
        cancel_reason: text(10)?,
        cancelled_at: line.maybe_at(11)?,
        created_at: line.at(12)?,
        revert_status: line.text(13)?.to_owned(),
        act: if line.is_null(14) { None } else { Some(line.flow(14)?) },
        points: line.int(15)?,
        credit: line.int(16)?,
    })
}

/// Newest first.
pub async fn list(
    database: &Database,
    shop: &ShopId,
    filter: Filter,
) -> Result<Vec<Listed>, StoreError> {
    let mut values: Vec<Value<'static>> = values![shop.0.clone()].to_vec();
    let mut place = |value: Value<'static>| {
        values.push(value);
        values.len()
    };
    let mut sql = format!("SELECT {COLUMNS} {FROM} WHERE o.shop = ?1");
    if let Some(q) = filter.q.as_deref().map(str::trim).filter(|q| !q.is_empty()) {
        let exact = place(q.to_owned().into());
        let name = place(format!("#{}", q.trim_start_matches('#')).into());
        let code = place(q.to_uppercase().into());
        let person = place(format!("{}%", super::customers::name_key(q)).into());
        sql.push_str(&format!(
            " AND (o.id = ?{exact} OR o.name = ?{exact} OR o.name = ?{name} OR EXISTS \
             (SELECT 1 FROM order_coupon AS c WHERE c.shop = o.shop AND c.order_id = o.id \
             AND c.code = ?{code}) OR customer.name_key LIKE ?{person}"
        ));
        if let Some(id) = CustomerId::parse(q).and_then(|id| i64::try_from(id.0).ok()) {
            let id = place(id.into());
            sql.push_str(&format!(" OR o.customer = ?{id}"));
        }
        sql.push(')');
    }
    for (column, wanted) in [("o.status", filter.status), ("o.revert_status", filter.revert_status)]
    {
        if let Some(wanted) = wanted {
            let wanted = place(wanted.into());
            sql.push_str(&format!(" AND {column} = ?{wanted}"));
        }
    }
    if let Some(customer) = filter.customer {
        let customer = place(number(customer.0)?.into());
        sql.push_str(&format!(" AND o.customer = ?{customer}"));
    }
    if let Some(before) = filter.before {
        let (at, key) = (place(before.at.into()), place(before.key.into()));
        sql.push_str(&format!(" AND (o.created_at, o.id) < (?{at}, ?{key})"));
    }
    let most = place(i64::try_from(filter.most).unwrap_or(i64::MAX).into());
    sql.push_str(&format!(" ORDER BY o.created_at DESC, o.id DESC LIMIT ?{most}"));
    let lines = database.read(sql, values).await?;
    Ok(lines.iter().map(listed).collect::<Result<_, _>>()?)
}

pub(super) const WITH_COUPON: &str = "SELECT o.id, o.name FROM order_coupon AS c \
    JOIN orders AS o ON o.shop = c.shop AND o.id = c.order_id \
    WHERE c.shop = ?1 AND c.code = ?2 ORDER BY o.created_at, o.id";

/// The orders that the coupon was applied to, oldest first: the number and the name.
pub async fn with_coupon(
    database: &Database,
    shop: &ShopId,
    code: &Code,
) -> Result<Vec<(OrderId, String)>, StoreError> {
    let lines =
        database.read(WITH_COUPON, values![shop.0.clone(), code.0.clone()].to_vec()).await?;
    let read = |line: &Line| Ok((OrderId(line.text(0)?.to_owned()), line.text(1)?.to_owned()));
    Ok(lines.iter().map(read).collect::<Result<_, DbError>>()?)
}

/// A coupon that was applied to the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    pub code: String,
    pub points: i64,
    /// Minor units.
    pub amount: i64,
    pub taken: i64,
    pub returned: i64,
    /// What refunds make due while the order stands.
    pub due: i64,
    pub parts: i64,
    pub original_expiry: Option<At>,
    pub requested_expiry: Option<At>,
    pub honoured_expiry: Option<At>,
    /// The customer at the points book, as the conversion knew it.
    pub terms: domain::Terms,
    /// How often taking back what came back was begun.
    pub again: i64,
    /// What the coupon itself still allows: two orders may name it, and one whose points came
    /// back by a cancellation allows nothing.
    pub open: i64,
    /// The new coupon that takes its place, or is to; its code once it stands.
    pub replacement: Option<Replacement>,
}

/// What comes back instead of points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// `None`: it is not known to stand.
    pub code: Option<String>,
}

/// A payment with store credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credit {
    pub payment: u64,
    pub amount: i64,
    pub currency: String,
    pub by_shopify: i64,
    pub taken: i64,
    pub returned: i64,
    pub original_expiry: Option<At>,
    pub requested_expiry: Option<At>,
    pub honoured_expiry: Option<At>,
    /// As with a coupon.
    pub again: i64,
}

/// What the order earned, in points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Earned {
    /// `None`: not known.
    pub points: Option<i64>,
    /// What refunds make due to be taken back while the order stands.
    pub due: i64,
    pub taken: i64,
    pub back: i64,
    pub parts: i64,
}

/// One order.
#[derive(Clone, Debug)]
pub struct Found {
    pub listed: Listed,
    pub coupons: Vec<Coupon>,
    pub credits: Vec<Credit>,
    pub refunds: Vec<super::orders::Refund>,
    /// Its goods before discounts, where they are known.
    pub lines: Vec<super::orders::Goods>,
    pub earned: Earned,
    /// Whether its credits were read since it changed last.
    pub credits_known: bool,
}

/// The order of that id or name.
pub async fn find(
    database: &Database,
    shop: &ShopId,
    order: &str,
) -> Result<Option<Found>, StoreError> {
    let sql = "SELECT id FROM orders WHERE shop = ?1 AND (id = ?2 OR name = ?2) \
        ORDER BY created_at DESC LIMIT 1";
    let lines = database.read(sql, values![shop.0.clone(), order.to_owned()].to_vec()).await?;
    let Some(line) = lines.first() else { return Ok(None) };
    let id = line.text(0)?.to_owned();
    let key = || values![shop.0.clone(), id.clone()].to_vec();
    // Before all that a refund changes with it: what is told of the others is no older.
    let sql = "SELECT id, amount, items, at, goods, lines FROM order_refund \
        WHERE shop = ?1 AND order_id = ?2 ORDER BY at, id";
    let found = database.read(sql, key()).await?;
    let refunds = found.iter().map(refund).collect::<Result<_, DbError>>()?;
    let sql = format!(
        "SELECT {COLUMNS}, o.lines, \
         CASE WHEN o.credit = 0 OR o.credit_read_at IS NOT NULL THEN 1 ELSE 0 END, \
         o.earned_points, o.earned_due, o.earned_taken, o.earned_back, o.earned_parts {FROM} \
         WHERE o.shop = ?1 AND o.id = ?2"
    );
    let lines = database.read(sql, key()).await?;
    let Some(line) = lines.first() else { return Ok(None) };
    let of = listed(line)?;
    let (lines, credits_known) = (order_due::lines(line, 17)?, line.int(18)? == 1);
    let earned = Earned {
        points: line.maybe_int(19)?,
        due: line.int(20)?,
        taken: line.int(21)?,
        back: line.int(22)?,
        parts: line.int(23)?,
    };
    let sql = "SELECT c.code, c.points, coupon.amount, c.taken, c.returned, c.parts, \
        c.original_expiry, c.requested_expiry, c.honoured_expiry, flow.terms, \
        CASE WHEN coupon.used_in IS NULL \
        OR coupon.status IN ('cancelling', 'cancelled', 'pending', 'void') THEN 0 \
        ELSE coupon.points - coupon.reverted END, c.due, c.again, c.replacement, new.code \
        FROM order_coupon AS c \
        JOIN coupon ON coupon.shop = c.shop AND coupon.code = c.code \
        JOIN flow ON flow.id = coupon.flow \
        LEFT JOIN coupon AS new ON new.shop = c.shop AND new.code = c.replacement \
        AND new.node IS NOT NULL \
        WHERE c.shop = ?1 AND c.order_id = ?2 ORDER BY c.code";
    let found = database.read(sql, key()).await?;
    let coupons = found.iter().map(coupon).collect::<Result<_, _>>()?;
    let sql = "SELECT payment, amount, currency, by_shopify, taken, returned, original_expiry, \
        requested_expiry, honoured_expiry, again FROM order_credit \
        WHERE shop = ?1 AND order_id = ?2 ORDER BY payment";
    let found = database.read(sql, key()).await?;
    let credits = found.iter().map(credit).collect::<Result<_, _>>()?;
    Ok(Some(Found { listed: of, coupons, credits, refunds, lines, earned, credits_known }))
}

fn refund(line: &Line) -> Result<super::orders::Refund, DbError> {
    Ok(super::orders::Refund {
        id: line.text(0)?.to_owned(),
        amount: line.int(1)?,
        items: line.int(2)?,
        goods: line.maybe_int(4)?,
        lines: order_due::lines(line, 5)?,
        at: line.at(3)?,
    })
}

fn coupon(line: &Line) -> Result<Coupon, DbError> {
    Ok(Coupon {
        code: line.text(0)?.to_owned(),
        points: line.int(1)?,
        amount: line.int(2)?,
        taken: line.int(3)?,
        returned: line.int(4)?,
        parts: line.int(5)?,
        original_expiry: line.maybe_at(6)?,
        requested_expiry: line.maybe_at(7)?,
        honoured_expiry: line.maybe_at(8)?,
        terms: super::rows::parse(line.text(9)?)?,
        open: line.int(10)?,
        due: line.int(11)?,
        again: line.int(12)?,
        replacement: match line.is_null(13) {
            true => None,
            false => Some(Replacement { code: line.maybe_text(14)?.map(str::to_owned) }),
        },
    })
}

fn credit(line: &Line) -> Result<Credit, DbError> {
    Ok(Credit {
        payment: line.id(0)?,
        amount: line.int(1)?,
        currency: line.text(2)?.to_owned(),
        by_shopify: line.int(3)?,
        taken: line.int(4)?,
        returned: line.int(5)?,
        original_expiry: line.maybe_at(6)?,
        requested_expiry: line.maybe_at(7)?,
        honoured_expiry: line.maybe_at(8)?,
        again: line.int(9)?,
    })
}

/// The reversals of the order, oldest first.
pub async fn reversals(
    database: &Database,
    shop: &ShopId,
    order: &OrderId,
) -> Result<Vec<engine::store::Row>, StoreError> {
    let sql = "SELECT id, kind, body, terms, version, epoch, due_at, tries, fingerprint \
        FROM flow WHERE shop = ?1 AND order_id = ?2 ORDER BY created_at, id";
    let lines = database.read(sql, values![shop.0.clone(), order.0.clone()].to_vec()).await?;
    Ok(super::rows::read_all(&lines)?)
}

/// Every step of every reversal of the order, oldest first.
pub async fn timeline(
    database: &Database,
    shop: &ShopId,
    order: &OrderId,
) -> Result<Vec<(FlowId, At, String, Option<String>)>, StoreError> {
    let sql = "SELECT flow.id, flow_event.at, flow_event.name, flow_event.detail FROM flow \
        JOIN flow_event ON flow_event.flow = flow.id WHERE flow.shop = ?1 AND flow.order_id = ?2 \
        ORDER BY flow_event.at, flow.id, flow_event.seq";
    let lines = database.read(sql, values![shop.0.clone(), order.0.clone()].to_vec()).await?;
    let read = |line: &Line| {
        let detail = line.maybe_text(3)?.map(str::to_owned);
        Ok((line.flow(0)?, line.at(1)?, line.text(2)?.to_owned(), detail))
    };
    Ok(lines.iter().map(read).collect::<Result<_, DbError>>()?)
}
