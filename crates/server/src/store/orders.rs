//! Orders: what a channel says of one, kept once and never overtaken by what is older.

use super::{
    Database, order_due, reversals,
    tx::{DbError, End, Line, Statement, Tx, Work, number, values},
};
use domain::{At, CustomerId, OrderId, PartialRefunds, ShopId};
use engine::store::StoreError;
use serde::{Deserialize, Serialize};

/// Where Shopify's orders come from.
pub const SHOPIFY: &str = "shopify";

/// How an order stands, in any channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pending,
    Confirmed,
    Completed,
    Cancelled,
}

impl Status {
    pub const ALL: [Status; 4] =
        [Status::Pending, Status::Confirmed, Status::Completed, Status::Cancelled];

    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Confirmed => "confirmed",
            Status::Completed => "completed",
            Status::Cancelled => "cancelled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// An order as a channel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub id: OrderId,
    pub name: String,
    pub channel: String,
    pub customer: Option<CustomerId>,
    /// Minor units.
    pub total: i64,
    /// What the goods cost, after discounts.
    pub items: i64,
    /// The goods at their prices before discounts, where all of them are known.
    pub lines: Option<Vec<Goods>>,
    pub currency: String,
    pub status: Status,
    pub financial_status: Option<String>,
    pub cancel_reason: Option<String>,
    pub cancelled_at: Option<At>,
    pub created_at: At,
    pub updated_at: At,
    /// Codes that were applied as discount codes, as they were typed.
    pub codes: Vec<String>,
    /// Whether store credit paid for some of it.
    pub credit: bool,
    pub refunds: Vec<Refund>,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goods {
    pub id: u64,
    pub title: String,
    pub quantity: i64,
    /// Of one piece before discounts, in minor units.
    pub price: i64,
}

/// Prices before discounts, in minor units.
pub fn worth(lines: &[Goods]) -> i64 {
    lines.iter().map(|line| line.price.saturating_mul(line.quantity)).sum()
}

/// Pieces of an order's line that were refunded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pieces {
    pub line: u64,
    pub quantity: i64,
}

/// What went back of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    pub id: String,
    /// Minor units; `items` are the goods among it.
    pub amount: i64,
    pub items: i64,
    /// The goods at their prices before discounts, where they are known.
    pub goods: Option<i64>,
    pub lines: Vec<Pieces>,
    pub at: At,
}

/// A payment with store credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    pub id: u64,
    pub amount: i64,
    /// What Shopify has given back of it by itself.
    pub by_shopify: i64,
}

/// What is older than what is known changes nothing. At Shopify a cancelled order stays so.
const KEEP: &str = "INSERT INTO orders AS o (shop, id, name, channel, customer, total, items, \
    currency, status, financial_status, cancel_reason, cancelled_at, created_at, updated_at, \
    seen_at, credit, revert_status, goods, lines) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, \
    ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, 'nothing_to_revert', ?17, ?18) \
    ON CONFLICT (shop, id) DO UPDATE SET name = excluded.name, \
    customer = coalesce(excluded.customer, o.customer), \
    total = excluded.total, items = excluded.items, currency = excluded.currency, \
    status = CASE WHEN o.channel = 'shopify' AND o.status = 'cancelled' THEN o.status \
    ELSE excluded.status END, financial_status = excluded.financial_status, \
    cancel_reason = coalesce(excluded.cancel_reason, o.cancel_reason), \
    cancelled_at = coalesce(excluded.cancelled_at, o.cancelled_at), \
    updated_at = excluded.updated_at, seen_at = excluded.seen_at, \
    credit = CASE WHEN excluded.credit > o.credit THEN excluded.credit ELSE o.credit END, \
    goods = coalesce(excluded.goods, o.goods), lines = coalesce(excluded.lines, o.lines), \
    credit_read_at = NULL WHERE excluded.updated_at >= o.updated_at AND o.channel = ?4";

/// Only coupons of ours give points back.
const COUPON_KEEP: &str = "INSERT INTO order_coupon (shop, order_id, code, points) \
    SELECT ?1, ?2, coupon.code, coupon.points FROM coupon \
    WHERE coupon.shop = ?1 AND coupon.code = ?3 AND coupon.node IS NOT NULL \
    ON CONFLICT DO NOTHING";

/// Once. An earlier version kept refunds without their goods.
const REFUND_KEEP: &str = "INSERT INTO order_refund AS r (shop, order_id, id, amount, items, at, \
    goods, lines) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (shop, order_id, id) \
    DO UPDATE SET goods = excluded.goods, lines = excluded.lines WHERE r.goods IS NULL";

fn refund<'a>(shop: &'a str, order: &'a str, of: &'a Refund) -> Result<Statement<'a>, DbError> {
    let Refund { id, amount, items, goods, lines, at } = of;
    let (id, lines) = (id.as_str(), order_due::json(lines)?);
    let values = values![shop, order, id, *amount, *items, *at, *goods, lines].to_vec();
    Ok(Statement { sql: REFUND_KEEP, values })
}

struct Keep {
    shop: ShopId,
    seen: Seen,
    policy: PartialRefunds,
    now: At,
}

impl Work for Keep {
    type Output = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<bool>, DbError> {
        let (shop, seen) = (self.shop.as_str(), &self.seen);
        let id = seen.id.as_str();
        let customer = seen.customer.map(|customer| number(customer.0)).transpose()?;
        let values = values![
            shop,
            id,
            seen.name.as_str(),
            seen.channel.as_str(),
            customer,
            seen.total,
            seen.items,
            seen.currency.as_str(),
            seen.status.as_str(),
            seen.financial_status.as_deref(),
            seen.cancel_reason.as_deref(),
            seen.cancelled_at,
            seen.created_at,
            seen.updated_at,
            self.now,
            seen.credit,
            seen.lines.as_deref().map(worth),
            seen.lines.as_deref().map(order_due::json).transpose()?,
        ];
        let newer = tx.run(&[Statement { sql: KEEP, values: values.to_vec() }]).await? == 1;
        for code in &seen.codes {
            let values = values![shop, id, code.trim().to_uppercase()].to_vec();
            tx.run(&[Statement { sql: COUPON_KEEP, values }]).await?;
        }
        for of in &seen.refunds {
            tx.run(&[refund(shop, id, of)?]).await?;
        }
        order_due::settle(tx, shop, id, self.policy).await?;
        let values = values![shop, id].to_vec();
        tx.run(&[Statement { sql: reversals::REVERT_STATUS, values }]).await?;
        Ok(End::Commit(newer))
    }
}

/// Keeps it. False where something newer was known; what is additive is kept all the same.
pub async fn keep(
    database: &Database,
    shop: &ShopId,
    seen: Seen,
    policy: PartialRefunds,
    now: At,
) -> Result<bool, StoreError> {
    database.write(Keep { shop: shop.clone(), seen, policy, now }).await
}

const CREDIT_ANEW: &str = "UPDATE orders SET credit_read_at = NULL WHERE shop = ?1 AND id = ?2";

struct KeepRefund {
    shop: ShopId,
    order: OrderId,
    refund: Refund,
    policy: PartialRefunds,
}

impl Work for KeepRefund {
    type Output = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<bool>, DbError> {
        let (shop, order) = (self.shop.as_str(), self.order.as_str());
        let anew = values![shop, order].to_vec();
        if tx.run(&[Statement { sql: CREDIT_ANEW, values: anew }]).await? == 0 {
            return Ok(End::RollBack(false));
        }
        tx.run(&[refund(shop, order, &self.refund)?]).await?;
        order_due::settle(tx, shop, order, self.policy).await?;
        let values = values![shop, order].to_vec();
        tx.run(&[Statement { sql: reversals::REVERT_STATUS, values }]).await?;
        Ok(End::Commit(true))
    }
}

/// Keeps a refund. False where its order is not known yet.
pub async fn keep_refund(
    database: &Database,
    shop: &ShopId,
    order: &OrderId,
    refund: Refund,
    policy: PartialRefunds,
) -> Result<bool, StoreError> {
    database.write(KeepRefund { shop: shop.clone(), order: order.clone(), refund, policy }).await
}

const CREDIT_KEEP: &str = "INSERT INTO order_credit AS c (shop, order_id, payment, amount, \
    currency, by_shopify) SELECT ?1, ?2, ?3, ?4, orders.currency, ?5 FROM orders \
    WHERE orders.shop = ?1 AND orders.id = ?2 ON CONFLICT (shop, order_id, payment) DO UPDATE \
    SET by_shopify = CASE WHEN excluded.by_shopify > c.by_shopify THEN excluded.by_shopify \
    ELSE c.by_shopify END";
const CREDIT_READ: &str = "UPDATE orders SET credit_read_at = ?3 WHERE shop = ?1 AND id = ?2";
/// Given back by us and by Shopify: the last reversal is the one to look at.
const CREDIT_TWICE: &str = "INSERT INTO review (shop, flow, reason, opened_at) \
    SELECT ?1, orders.act, 'credit_twice', ?3 FROM orders WHERE shop = ?1 AND id = ?2 \
    AND act IS NOT NULL AND EXISTS (SELECT 1 FROM order_credit AS c WHERE c.shop = ?1 \
    AND c.order_id = ?2 AND c.returned + c.by_shopify > c.amount) ON CONFLICT DO NOTHING";

struct KeepCredits {
    shop: ShopId,
    order: OrderId,
    payments: Vec<Payment>,
    now: At,
}

impl Work for KeepCredits {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let (shop, order) = (self.shop.as_str(), self.order.as_str());
        for payment in &self.payments {
            let id = number(payment.id)?;
            let values = values![shop, order, id, payment.amount, payment.by_shopify].to_vec();
            tx.run(&[Statement { sql: CREDIT_KEEP, values }]).await?;
        }
        for sql in [CREDIT_READ, CREDIT_TWICE] {
            let values = values![shop, order, self.now].to_vec();
            tx.run(&[Statement { sql, values }]).await?;
        }
        let values = values![shop, order].to_vec();
        tx.run(&[Statement { sql: reversals::REVERT_STATUS, values }]).await?;
        Ok(End::Commit(()))
    }
}

/// Keeps what was read of the order's payments with store credit.
pub async fn keep_credits(
    database: &Database,
    shop: &ShopId,
    order: &OrderId,
    payments: Vec<Payment>,
    now: At,
) -> Result<(), StoreError> {
    let (shop, order) = (shop.clone(), order.clone());
    database.write(KeepCredits { shop, order, payments, now }).await
}

/// Told once; the rows say what has become of it since.
const EARNED: &str = "UPDATE orders SET earned_points = ?3 WHERE shop = ?1 AND id = ?2 \
    AND earned_points IS NULL";

struct KeepEarned {
    shop: ShopId,
    order: OrderId,
    points: i64,
    policy: PartialRefunds,
}

impl Work for KeepEarned {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let (shop, order) = (self.shop.as_str(), self.order.as_str());
        let values = values![shop, order, self.points].to_vec();
        tx.run(&[Statement { sql: EARNED, values }]).await?;
        order_due::settle(tx, shop, order, self.policy).await?;
        let values = values![shop, order].to_vec();
        tx.run(&[Statement { sql: reversals::REVERT_STATUS, values }]).await?;
        Ok(End::Commit(()))
    }
}

/// Keeps how many points the order earned. What is known already stays.
pub async fn keep_earned(
    database: &Database,
    shop: &ShopId,
    order: &OrderId,
    points: i64,
    policy: PartialRefunds,
) -> Result<(), StoreError> {
    let (shop, order) = (shop.clone(), order.clone());
    database.write(KeepEarned { shop, order, points, policy }).await
}

/// How an order stands, in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub updated_at: At,
    pub cancelled: bool,
    pub financial_status: Option<String>,
}

impl Standing {
    /// Whether the other one is news. Shopify counts changes in whole seconds: of two in the same
    /// second the states tell.
    pub fn is_behind(&self, other: &Self) -> bool {
        let differs =
            self.cancelled != other.cancelled || self.financial_status != other.financial_status;
        self.updated_at < other.updated_at || (self.updated_at == other.updated_at && differs)
    }
}

/// How the order stands, as far as is known.
pub async fn standing(
    database: &Database,
    shop: &ShopId,
    order: &OrderId,
) -> Result<Option<Standing>, StoreError> {
    let sql = "SELECT updated_at, cancelled_at, financial_status FROM orders \
        WHERE shop = ?1 AND id = ?2";
    let lines = database.read(sql, values![shop.0.clone(), order.0.clone()].to_vec()).await?;
    let read = |line: &Line| {
        Ok::<_, DbError>(Standing {
            updated_at: line.at(0)?,
            cancelled: !line.is_null(1),
            financial_status: line.maybe_text(2)?.map(str::to_owned),
        })
    };
    Ok(lines.first().map(read).transpose()?)
}

/// Orders that store credit paid for and whose credits are to be read, oldest change first.
pub async fn credits_to_read(
    database: &Database,
    shop: &ShopId,
    most: i64,
) -> Result<Vec<OrderId>, StoreError> {
    let sql = "SELECT id FROM orders WHERE shop = ?1 AND credit = 1 AND credit_read_at IS NULL \
        AND channel = 'shopify' ORDER BY updated_at LIMIT ?2";
    let lines = database.read(sql, values![shop.0.clone(), most].to_vec()).await?;
    let read = |line: &Line| Ok(OrderId(line.text(0)?.to_owned()));
    Ok(lines.iter().map(read).collect::<Result<_, DbError>>()?)
}

/// Up to when all changes are known.
pub async fn read_to(database: &Database, shop: &ShopId) -> Result<Option<At>, StoreError> {
    let sql = "SELECT read_to FROM order_sync WHERE shop = ?1";
    let lines = database.read(sql, values![shop.0.clone()].to_vec()).await?;
    Ok(lines.first().map(|line| line.at(0)).transpose()?)
}

struct ReadTo(ShopId, At);

impl Work for ReadTo {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let sql = "INSERT INTO order_sync AS s (shop, read_to) VALUES (?1, ?2) \
            ON CONFLICT (shop) DO UPDATE SET read_to = excluded.read_to \
            WHERE excluded.read_to > s.read_to";
        let values = values![self.0.as_str(), self.1].to_vec();
        tx.run(&[Statement { sql, values }]).await?;
        Ok(End::Commit(()))
    }
}

pub async fn keep_read_to(database: &Database, shop: &ShopId, at: At) -> Result<(), StoreError> {
    database.write(ReadTo(shop.clone(), at)).await
}

/// Only orders of other channels are set by staff, and not while a reversal works on them.
const SET_STATUS: &str = "UPDATE orders SET status = ?3, cancelled_at = CASE \
    WHEN ?3 = 'cancelled' THEN coalesce(cancelled_at, ?4) ELSE NULL END, \
    updated_at = CASE WHEN ?4 > updated_at THEN ?4 ELSE updated_at END \
    WHERE shop = ?1 AND id = ?2 AND channel <> 'shopify' AND busy = 0";

struct SetStatus {
    shop: ShopId,
    order: OrderId,
    status: Status,
    entry: super::audit::Entry,
}

impl Work for SetStatus {
    type Output = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<bool>, DbError> {
        let (shop, order) = (self.shop.as_str(), self.order.as_str());
        let values = values![shop, order, self.status.as_str(), self.entry.at].to_vec();
        if tx.run(&[Statement { sql: SET_STATUS, values }]).await? == 0 {
            return Ok(End::RollBack(false));
        }
        let values = values![shop, order].to_vec();
        let revert = Statement { sql: reversals::REVERT_STATUS, values };
        tx.run(&[revert, super::audit::statement(&self.entry)]).await?;
        Ok(End::Commit(true))
    }
}

/// Sets the status of another channel's order. False where there is none, or a reversal works on
/// it.
pub async fn set_status(
    database: &Database,
    shop: &ShopId,
    order: &OrderId,
    status: Status,
    entry: super::audit::Entry,
) -> Result<bool, StoreError> {
    database.write(SetStatus { shop: shop.clone(), order: order.clone(), status, entry }).await
}
