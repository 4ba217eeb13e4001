//! What an order of another channel takes when its placing begins, and what it writes as it goes.
//!
//! The order's row is there from the beginning, busy, so that its id is taken once; what was
//! applied to it is written when it counts. Nothing came of it: the row is gone.

use super::{
    journal, reversals, sql,
    tx::{DbError, Statement, Tx, number, values},
};
use domain::{At, Fact, FlowId, Pending, Placing, Problem, coupon::Status, placing::Terms};
use engine::store::{Begun, Row};

const ORDER_ADD: &str = "INSERT INTO orders (shop, id, name, channel, customer, total, items, \
    currency, status, created_at, updated_at, seen_at, credit, credit_read_at, busy, \
    revert_status) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?10, ?12, \
    'nothing_to_revert') ON CONFLICT DO NOTHING";
const ORDER_FREE: &str = "UPDATE orders SET busy = 0 WHERE shop = ?1 AND id = ?2";
const ORDER_DROP: &str =
    "DELETE FROM orders WHERE shop = ?1 AND id = ?2 AND channel <> 'shopify' AND busy = 1";
const COUPON_KEEP: &str = "INSERT INTO order_coupon (shop, order_id, code, points) \
    VALUES (?1, ?2, ?3, ?4)";
/// Where an order was heard of meanwhile, whoever heard of it was told to come again.
const COUPON_FREE: &str = "UPDATE coupon SET status = 'active' WHERE shop = ?1 AND code = ?2";
const COUPON_USED: &str = "UPDATE coupon SET used_in = coalesce(used_in, ?3), ended_at = ?4 \
    WHERE shop = ?1 AND code = ?2";
/// Its end is the soonest of the lots that it came from.
const CREDIT_KEEP: &str = "INSERT INTO order_credit (shop, order_id, payment, amount, currency, \
    original_expiry) VALUES (?1, ?2, 1, ?3, ?4, (SELECT min(l.expires_at) FROM point_lot_use AS u \
    JOIN point_lot AS l ON l.shop = u.shop AND l.no = u.lot \
    WHERE u.shop = ?1 AND u.reference = ?5 AND l.unit = ?4 AND l.holder = ?6))";
/// An order of Shopify's was heard of after the coupon had died and was looked at.
const USED_TWICE: &str = "INSERT INTO review (shop, flow, reason, opened_at) \
    SELECT ?1, ?2, 'used_twice', ?5 FROM coupon \
    WHERE shop = ?1 AND code = ?3 AND used_in <> ?4 ON CONFLICT DO NOTHING";

/// Takes the order's id and its coupons; or says why not. The caller rolls back then.
pub async fn take<T: Tx>(
    tx: &mut T,
    id: FlowId,
    flow: &Placing,
    now: At,
) -> Result<Option<Begun>, DbError> {
    let terms = &flow.terms;
    let order = values![
        terms.shop.as_str(),
        terms.order.as_str(),
        terms.name.as_str(),
        terms.channel.as_str(),
        number(terms.customer.0)?,
        terms.total.minor,
        terms.total.currency.code(),
        terms.status.as_str(),
        terms.placed_at,
        now,
        terms.credit.is_some(),
        flow.pending() != Pending::Nothing,
    ];
    if tx.run(&[Statement { sql: ORDER_ADD, values: order.to_vec() }]).await? == 0 {
        return Ok(Some(Begun::Refused(Problem::OrderExists)));
    }
    for coupon in &terms.coupons {
        let (code, to) = (coupon.terms.code.as_str(), Status::Used);
        let shop = terms.shop.as_str();
        let of = journal::Taking { shop, code, from: &[Status::Active], to, ended: None };
        if let Some(refused) = journal::take_coupon(tx, &of, id, now).await? {
            return Ok(Some(refused));
        }
    }
    Ok(None)
}

/// The statements that make a fact of a placing true. Each changes one row.
pub fn write_fact(
    statements: &mut Vec<Statement<'_>>,
    terms: &Terms,
    fact: &Fact,
) -> Result<(), DbError> {
    let (shop, order) = (terms.shop.0.clone(), terms.order.0.clone());
    let code = |coupon: usize| terms.coupons[coupon].terms.code.0.clone();
    let mut run = |sql, values: &[super::tx::Value<'static>]| {
        statements.push(Statement { sql, values: values.to_vec() });
    };
    match fact {
        Fact::CouponFreed { coupon } => run(COUPON_FREE, &values![shop, code(*coupon)]),
        Fact::CouponUsed { coupon, order } => {
            let order = order.clone().unwrap_or_default();
            run(sql::COUPON_USED, &values![shop, code(*coupon), order]);
        }
        Fact::OrderPlaced => {
            for coupon in &terms.coupons {
                let (code, points) = (coupon.terms.code.0.clone(), coupon.terms.points.get());
                let used = values![shop.clone(), code.clone(), order.clone(), terms.placed_at];
                run(COUPON_USED, &used);
                run(COUPON_KEEP, &values![shop.clone(), order.clone(), code, points]);
            }
            if let Some(credit) = terms.credit {
                let spent = domain::Reference::of_spending(&terms.order).0;
                let (currency, holder) = (credit.currency.code(), terms.holder().0);
                let (shop, order) = (shop.clone(), order.clone());
                let line = values![shop, order, credit.minor, currency, spent, holder];
                run(CREDIT_KEEP, &line);
            }
            run(ORDER_FREE, &values![shop.clone(), order.clone()]);
            run(reversals::REVERT_STATUS, &values![shop, order]);
        }
        Fact::OrderDropped => run(ORDER_DROP, &values![shop, order]),
        _ => {}
    }
    Ok(())
}

/// What may be to write besides, once the facts are.
pub async fn look_after<T: Tx>(
    tx: &mut T,
    row: &Row,
    facts: &[Fact],
    at: At,
) -> Result<(), DbError> {
    let Some(flow) = row.flow.placing() else { return Ok(()) };
    if !facts.contains(&Fact::OrderPlaced) {
        return Ok(());
    }
    let (shop, order) = (flow.terms.shop.as_str(), flow.terms.order.as_str());
    for coupon in &flow.terms.coupons {
        let values = values![shop, row.id, coupon.terms.code.as_str(), order, at].to_vec();
        tx.run(&[Statement { sql: USED_TWICE, values }]).await?;
    }
    Ok(())
}
