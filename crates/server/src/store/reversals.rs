//! What a reversal takes out of an order's rows when it begins, and what it writes as it goes.
//!
//! Never twice: what is promised to one flow is out of every other's reach, by the rows of the
//! order and by the coupon itself, which two orders may name.

use super::{
    replacements,
    tx::{DbError, Statement, Tx, number, values},
};
use domain::{
    At, Fact, Problem, Reversal,
    reversal::{Item, Outcome, Terms},
};
use engine::store::{Begun, Row};

/// ?4: 1, for a cancellation, only where it stands; 0, only where it does not; 2, for what refunds
/// make due, in either case.
const ORDER_TAKE: &str = "UPDATE orders SET act = ?3, busy = 1 WHERE shop = ?1 AND id = ?2 \
    AND (?4 = 2 OR CASE WHEN status = 'cancelled' THEN 0 ELSE 1 END = ?4) AND busy = 0";
const ORDER_FREE: &str = "UPDATE orders SET busy = 0 WHERE shop = ?1 AND id = ?2 AND act = ?3";

const ORDER_STATE: &str = "SELECT status FROM orders WHERE shop = ?1 AND id = ?2";

/// A coupon that was cancelled has given its points back already; one that is not known as used
/// may still be. ?3: points.
pub(super) const COUPON_TAKE: &str = "UPDATE coupon SET reverted = reverted + ?3 \
    WHERE shop = ?1 AND code = ?2 AND reverted + ?3 <= points AND used_in IS NOT NULL \
    AND status NOT IN ('cancelling', 'cancelled', 'pending', 'void')";
pub(super) const COUPON_FREE: &str =
    "UPDATE coupon SET reverted = reverted - ?3 WHERE shop = ?1 AND code = ?2";

/// ?5: the part that this is; ?7: 1, no more than refunds make due.
const POINTS_TAKE: &str = "UPDATE order_coupon SET taken = taken + ?4, parts = ?5, \
    requested_expiry = ?6, original_expiry = coalesce(?8, original_expiry) \
    WHERE shop = ?1 AND order_id = ?2 AND code = ?3 \
    AND taken + ?4 <= CASE WHEN ?7 = 1 THEN due ELSE points END AND parts = ?5 - 1";
const POINTS_FREE: &str = "UPDATE order_coupon SET taken = taken - ?4 \
    WHERE shop = ?1 AND order_id = ?2 AND code = ?3";
const POINTS_BACK: &str = "UPDATE order_coupon SET returned = returned + ?4, \
    honoured_expiry = ?5 WHERE shop = ?1 AND order_id = ?2 AND code = ?3";

/// ?4: what is to go once more of what has come back; ?5: the time that this is.
const POINTS_AGAIN: &str = "UPDATE order_coupon SET again = ?5 WHERE shop = ?1 AND order_id = ?2 \
    AND code = ?3 AND returned >= ?4 AND again = ?5 - 1";
const CREDIT_AGAIN: &str = "UPDATE order_credit SET again = ?5 WHERE shop = ?1 AND order_id = ?2 \
    AND payment = ?3 AND returned >= ?4 AND again = ?5 - 1";
/// It is as if it had never come back: with another cancellation it comes back again.
const POINTS_GONE: &str = "UPDATE order_coupon SET taken = taken - ?4, returned = returned - ?4, \
    requested_expiry = NULL, honoured_expiry = NULL \
    WHERE shop = ?1 AND order_id = ?2 AND code = ?3";
const CREDIT_GONE: &str = "UPDATE order_credit SET taken = taken - ?4, returned = returned - ?4, \
    requested_expiry = NULL, honoured_expiry = NULL \
    WHERE shop = ?1 AND order_id = ?2 AND payment = ?3";

const CREDIT_TAKE: &str = "UPDATE order_credit SET taken = taken + ?4, requested_expiry = ?5 \
    WHERE shop = ?1 AND order_id = ?2 AND payment = ?3 AND taken + ?4 <= amount";
/// ?4: what is not promised any more, ?5: what has come back of it, ?6: of that, by Shopify.
const CREDIT_SETTLE: &str = "UPDATE order_credit SET taken = taken - ?4, \
    returned = returned + ?5, by_shopify = CASE WHEN ?6 > by_shopify THEN ?6 ELSE by_shopify END, \
    honoured_expiry = ?7 WHERE shop = ?1 AND order_id = ?2 AND payment = ?3";

/// ?4: the part that this is; ?5: 1, no more than refunds make due.
const EARNED_TAKE: &str = "UPDATE orders SET earned_taken = earned_taken + ?3, \
    earned_parts = ?4 WHERE shop = ?1 AND id = ?2 AND earned_parts = ?4 - 1 AND \
    earned_taken + ?3 <= CASE WHEN ?5 = 1 THEN earned_due ELSE earned_points END";
const EARNED_FREE: &str =
    "UPDATE orders SET earned_taken = earned_taken - ?3 WHERE shop = ?1 AND id = ?2";
const EARNED_BACK: &str =
    "UPDATE orders SET earned_back = earned_back + ?3 WHERE shop = ?1 AND id = ?2";

const LANE_TAKE: &str = "INSERT INTO credit_lane AS l (shop, customer, flow) VALUES (?1, ?2, ?3) \
    ON CONFLICT (shop, customer) DO UPDATE SET flow = excluded.flow WHERE l.flow IS NULL";
const LANE_FREE: &str =
    "UPDATE credit_lane SET flow = NULL WHERE shop = ?1 AND customer = ?2 AND flow = ?3";

const CREDIT_MOVED: &str = "INSERT INTO credit_movement (shop, reference, flow, customer, \
    order_id, amount, currency, remote, requested_expiry, honoured_expiry, at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

const ORDER_CANCELLED: &str = "UPDATE orders SET status = 'cancelled', \
    cancelled_at = coalesce(cancelled_at, ?3) WHERE shop = ?1 AND id = ?2";

/// What has come back of what was applied. While the order stands, nothing is owed but what its
/// refunds make due.
pub const REVERT_STATUS: &str = "UPDATE orders SET revert_status = (SELECT CASE \
    WHEN coalesce(sum(whole), 0) = 0 THEN 'nothing_to_revert' \
    WHEN sum(back) >= sum(whole) THEN 'reverted' \
    WHEN sum(back) > 0 THEN 'partly_reverted' \
    WHEN orders.status = 'cancelled' OR sum(due) > 0 THEN 'not_reverted' \
    ELSE 'nothing_to_revert' END FROM (\
    SELECT points AS whole, returned AS back, due FROM order_coupon \
    WHERE order_coupon.shop = ?1 AND order_coupon.order_id = ?2 \
    UNION ALL SELECT amount, CASE WHEN returned + by_shopify > amount THEN amount \
    ELSE returned + by_shopify END, 0 FROM order_credit \
    WHERE order_credit.shop = ?1 AND order_credit.order_id = ?2 \
    UNION ALL SELECT coalesce(e.earned_points, 0), e.earned_back, e.earned_due \
    FROM orders AS e WHERE e.shop = ?1 AND e.id = ?2) AS line) \
    WHERE shop = ?1 AND id = ?2";

/// Whether some flow is known to have given this credit.
pub const CREDIT_KNOWN: &str = "SELECT 1 FROM credit_movement WHERE shop = ?1 AND remote = ?2";

/// Kaeru's own credit pays an order once.
const OWN: i64 = 1;

async fn one<T: Tx>(tx: &mut T, statement: Statement<'_>) -> Result<bool, DbError> {
    Ok(tx.run(&[statement]).await? == 1)
}

/// Takes everything that the reversal promises; or says why not. The caller rolls back then.
pub async fn take<T: Tx>(
    tx: &mut T,
    id: domain::FlowId,
    flow: &Reversal,
) -> Result<Option<Begun>, DbError> {
    let terms = &flow.terms;
    let (shop, order) = (terms.shop.as_str(), terms.order.as_str());
    let refused = |problem| Ok(Some(Begun::Refused(problem)));
    let wanted: i64 = match (&terms.cancel, terms.refunds) {
        (Some(_), _) => 1,
        (None, _) if terms.again.is_some() => 1,
        (None, false) => 0,
        (None, true) => 2,
    };
    let values = values![shop, order, id, wanted].to_vec();
    if !one(tx, Statement { sql: ORDER_TAKE, values }).await? {
        let found = tx.row(ORDER_STATE, &values![shop, order]).await?;
        let cancelled = matches!(&found, Some(line) if line.text(0)? == "cancelled");
        let stands = terms.refunds || terms.again.is_some();
        return refused(match (cancelled, &terms.cancel) {
            (true, Some(_)) => Problem::OrderAlreadyCancelled,
            (true, None) if terms.again.is_some() => Problem::OrderAlreadyCancelled,
            (false, None) if !stands => Problem::OrderStands,
            _ => Problem::OrderBusy,
        });
    }
    for item in &terms.items {
        if let Item::Replacement { code, flow, terms: new } = item
            && let Some(refused) = replacements::take(tx, terms, code, *flow, new).await?
        {
            return Ok(Some(refused));
        }
        if !take_item(tx, terms, item).await? {
            return refused(match &terms.again {
                Some(_) => Problem::NothingToTakeBack,
                None => Problem::AlreadyReverted,
            });
        }
    }
    if terms.items.iter().any(Item::is_credit) {
        let values = values![shop, number(terms.customer.0)?, id].to_vec();
        if !one(tx, Statement { sql: LANE_TAKE, values }).await? {
            return refused(Problem::OrderBusy);
        }
    }
    Ok(None)
}

/// Takes what is given back itself. False where something of it is promised already.
async fn take_item<T: Tx>(tx: &mut T, terms: &Terms, item: &Item) -> Result<bool, DbError> {
    let (shop, order) = (terms.shop.as_str(), terms.order.as_str());
    match item {
        Item::Replacement { .. } => Ok(true),
        Item::Points { code, points, part, expiry, .. } => {
            let (code, points) = (code.as_str(), points.get());
            let coupon = values![shop, code, points].to_vec();
            let (requested, original) = (expiry.requested, expiry.original);
            let values =
                values![shop, order, code, points, *part, requested, terms.refunds, original];
            Ok(one(tx, Statement { sql: COUPON_TAKE, values: coupon }).await?
                && one(tx, Statement { sql: POINTS_TAKE, values: values.to_vec() }).await?)
        }
        Item::Credit { payment, amount, expiry } => {
            let payment = number(*payment)?;
            let values = values![shop, order, payment, amount.minor, expiry.requested];
            one(tx, Statement { sql: CREDIT_TAKE, values: values.to_vec() }).await
        }
        Item::OwnCredit { amount, expiry, .. } => {
            let values = values![shop, order, OWN, amount.minor, expiry.requested];
            one(tx, Statement { sql: CREDIT_TAKE, values: values.to_vec() }).await
        }
        Item::Earned { points, part, .. } => {
            let values = values![shop, order, points.get(), *part, terms.refunds].to_vec();
            one(tx, Statement { sql: EARNED_TAKE, values }).await
        }
        Item::PointsAgain { code, points, part, .. } => {
            let values = values![shop, order, code.as_str(), points.get(), *part].to_vec();
            one(tx, Statement { sql: POINTS_AGAIN, values }).await
        }
        Item::CreditAgain { amount, part, .. } => {
            let values = values![shop, order, OWN, amount.minor, *part].to_vec();
            one(tx, Statement { sql: CREDIT_AGAIN, values }).await
        }
    }
}

/// The statements that make a fact of a reversal true. Each changes one row.
pub fn write_fact(
    statements: &mut Vec<Statement<'_>>,
    row: &Row,
    flow: &Reversal,
    fact: &Fact,
    at: At,
) -> Result<(), DbError> {
    let (shop, order) = (flow.terms.shop.0.clone(), flow.terms.order.0.clone());
    match fact {
        Fact::OrderCancelled => {
            let values = values![shop.clone(), order.clone(), at].to_vec();
            statements.push(Statement { sql: ORDER_CANCELLED, values });
            let values = values![shop, order].to_vec();
            statements.push(Statement { sql: REVERT_STATUS, values });
        }
        Fact::ReversalEnded => {
            let values = values![shop.clone(), order.clone(), row.id].to_vec();
            statements.push(Statement { sql: ORDER_FREE, values });
            if flow.terms.items.iter().any(Item::is_credit) {
                let customer = number(flow.terms.customer.0)?;
                let values = values![shop.clone(), customer, row.id].to_vec();
                statements.push(Statement { sql: LANE_FREE, values });
            }
            let values = values![shop, order].to_vec();
            statements.push(Statement { sql: REVERT_STATUS, values });
        }
        Fact::ReplacementBegun { item } => replacements::begin(statements, flow, *item, at)?,
        Fact::ItemFreed { item } => free(statements, flow, *item)?,
        Fact::ItemEnded { item, outcome } => match outcome {
            Outcome::Replacing => {}
            Outcome::Lapsed | Outcome::Short => free(statements, flow, *item)?,
            Outcome::Moved(_) | Outcome::Credited { .. } | Outcome::ByShopify => {
                ended(statements, row, flow, *item, *outcome, at)?;
                let values = values![shop, order].to_vec();
                statements.push(Statement { sql: REVERT_STATUS, values });
            }
        },
        _ => {}
    }
    Ok(())
}

/// Nothing came of the item: another reversal may promise it.
fn free(statements: &mut Vec<Statement<'_>>, flow: &Reversal, item: usize) -> Result<(), DbError> {
    let (shop, order) = (flow.terms.shop.0.clone(), flow.terms.order.0.clone());
    if let Item::Replacement { code, terms: new, .. } = &flow.terms.items[item] {
        replacements::free(statements, &flow.terms, code, &new.code);
        return Ok(());
    }
    let mut run = |sql, values: &[super::tx::Value<'static>]| {
        statements.push(Statement { sql, values: values.to_vec() });
    };
    match &flow.terms.items[item] {
        Item::Replacement { .. } => {}
        Item::Points { code, points, .. } => {
            let (code, points) = (code.0.clone(), points.get());
            run(COUPON_FREE, &values![shop.clone(), code.clone(), points]);
            run(POINTS_FREE, &values![shop, order, code, points]);
        }
        Item::Credit { payment, amount, .. } => {
            let none = None::<At>;
            let payment = number(*payment)?;
            let values = values![shop, order, payment, amount.minor, 0_i64, 0_i64, none];
            run(CREDIT_SETTLE, &values);
        }
        Item::OwnCredit { amount, .. } => {
            let none = None::<At>;
            let values = values![shop, order, OWN, amount.minor, 0_i64, 0_i64, none];
            run(CREDIT_SETTLE, &values);
        }
        Item::Earned { points, .. } => run(EARNED_FREE, &values![shop, order, points.get()]),
        // It was promised to nobody: that it came back stays true.
        Item::PointsAgain { .. } | Item::CreditAgain { .. } => {}
    }
    Ok(())
}

fn ended(
    statements: &mut Vec<Statement<'_>>,
    row: &Row,
    flow: &Reversal,
    item: usize,
    outcome: Outcome,
    at: At,
) -> Result<(), DbError> {
    let terms = &flow.terms;
    let (shop, order) = (terms.shop.0.clone(), terms.order.0.clone());
    let mut run = |sql, values: &[super::tx::Value<'static>]| {
        statements.push(Statement { sql, values: values.to_vec() });
    };
    match (&terms.items[item], outcome) {
        (Item::Points { code, points, .. }, outcome) => {
            let honoured = match outcome {
                Outcome::Moved(moved) => moved.honoured,
                _ => None,
            };
            run(POINTS_BACK, &values![shop, order, code.0.clone(), points.get(), honoured]);
        }
        (
            item @ (Item::Credit { amount, expiry, .. } | Item::OwnCredit { amount, expiry, .. }),
            Outcome::Credited { minor, transaction, honoured },
        ) => {
            // The rest came from Shopify by itself.
            let by_shopify = amount.minor - minor;
            let payment = match item {
                Item::Credit { payment, .. } => number(*payment)?,
                _ => OWN,
            };
            let values = values![
                shop.clone(),
                order.clone(),
                payment,
                by_shopify,
                minor,
                by_shopify,
                honoured
            ];
            run(CREDIT_SETTLE, &values);
            let moved = values![
                shop,
                item.reference(&terms.order).0,
                row.id,
                number(terms.customer.0)?,
                order,
                minor,
                amount.currency.code(),
                transaction.map(number).transpose()?,
                expiry.requested,
                honoured,
                at,
            ];
            run(CREDIT_MOVED, &moved);
        }
        (Item::Credit { payment, amount, .. }, _) => {
            let (payment, whole) = (number(*payment)?, amount.minor);
            let none = None::<At>;
            run(CREDIT_SETTLE, &values![shop, order, payment, whole, 0_i64, whole, none]);
        }
        (Item::OwnCredit { .. } | Item::Replacement { .. }, _) => {}
        (item @ (Item::PointsAgain { .. } | Item::CreditAgain { .. }), _) => {
            gone(statements, row, terms, item, at)?;
        }
        (Item::Earned { points, .. }, _) => run(EARNED_BACK, &values![shop, order, points.get()]),
    }
    Ok(())
}

/// What had come back was taken again.
fn gone(
    statements: &mut Vec<Statement<'_>>,
    row: &Row,
    terms: &Terms,
    item: &Item,
    at: At,
) -> Result<(), DbError> {
    let (shop, order) = (terms.shop.0.clone(), terms.order.0.clone());
    let mut run = |sql, values: &[super::tx::Value<'static>]| {
        statements.push(Statement { sql, values: values.to_vec() });
    };
    match item {
        Item::PointsAgain { code, points, .. } => {
            let (code, points) = (code.0.clone(), points.get());
            run(COUPON_FREE, &values![shop.clone(), code.clone(), points]);
            run(POINTS_GONE, &values![shop, order, code, points]);
        }
        Item::CreditAgain { amount, .. } => {
            run(CREDIT_GONE, &values![shop.clone(), order.clone(), OWN, amount.minor]);
            let moved = values![
                shop,
                item.reference(&terms.order).0,
                row.id,
                number(terms.customer.0)?,
                order,
                -amount.minor,
                amount.currency.code(),
                None::<i64>,
                None::<At>,
                None::<At>,
                at,
            ];
            run(CREDIT_MOVED, &moved);
        }
        _ => {}
    }
    Ok(())
}
