//! New coupons in the place of used ones, as rows: registered with the reversal, begun in its turn,
//! settled by the flow that creates them.
//!
//! Never both: what is promised to a new coupon is taken out of the old one's rows as points would
//! be, and only where nothing of them has come back.

use super::{
    Database, audit, reversals, rows, sql,
    tx::{DbError, Statement, Tx, Value, number, values},
};
use domain::{
    At, Code, Conversion, Fact, Flow, FlowId, Problem, Reversal, ShopId, Terms,
    conversion::Replaces,
    reversal::{self, Item},
};
use engine::store::{Begun, Row, StoreError};

/// ?4: the new code, ?5: the old one's points.
const PLACE_TAKE: &str = "UPDATE order_coupon SET taken = ?5, replacement = ?4 \
    WHERE shop = ?1 AND order_id = ?2 AND code = ?3 AND taken = 0 AND points = ?5";
const PLACE_FREE: &str = "UPDATE order_coupon SET taken = 0, replacement = NULL \
    WHERE shop = ?1 AND order_id = ?2 AND code = ?3 AND returned = 0";
/// ?4: until when the new coupon is good.
const PLACE_DONE: &str = "UPDATE order_coupon SET returned = taken, honoured_expiry = ?4 \
    WHERE shop = ?1 AND order_id = ?2 AND code = ?3 AND returned = 0";

const COUPON_ADD: &str = "INSERT INTO coupon (shop, code, flow, customer, member_no, points, \
    amount, currency, status, created_at, expires_at, replaces, paid_by) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'pending', ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING";
/// Its flow has never begun: nothing of it was ever sent.
const COUPON_FORGET: &str =
    "DELETE FROM coupon WHERE shop = ?1 AND code = ?2 AND status = 'pending' AND node IS NULL";

/// Whether the coupon only took another's place: whose deduction paid for it.
pub const PAID_BY: &str =
    "SELECT paid_by FROM coupon WHERE shop = ?1 AND code = ?2 AND paid_by IS NOT NULL";

/// The coupon that stands in the place of this one.
pub async fn of(
    database: &Database,
    shop: &ShopId,
    code: &Code,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT code FROM coupon WHERE shop = ?1 AND replaces = ?2 AND status <> 'void' \
        AND node IS NOT NULL";
    let lines = database.read(sql, values![shop.0.clone(), code.0.clone()].to_vec()).await?;
    Ok(lines.first().map(|line| line.text(0).map(str::to_owned)).transpose()?)
}

/// Promises the old coupon to the new one and registers that; or says why not.
pub async fn take<T: Tx>(
    tx: &mut T,
    of: &reversal::Terms,
    code: &Code,
    flow: FlowId,
    terms: &Terms,
) -> Result<Option<Begun>, DbError> {
    let refused = Ok(Some(Begun::Refused(Problem::AlreadyReverted)));
    let (shop, order) = (of.shop.as_str(), of.order.as_str());
    let points = terms.points.get();
    let old = values![shop, code.as_str(), points].to_vec();
    if tx.run(&[Statement { sql: reversals::COUPON_TAKE, values: old }]).await? == 0 {
        return refused;
    }
    let place = values![shop, order, code.as_str(), terms.code.as_str(), points].to_vec();
    if tx.run(&[Statement { sql: PLACE_TAKE, values: place }]).await? == 0 {
        return refused;
    }
    let coupon = values![
        shop,
        terms.code.as_str(),
        flow,
        number(terms.customer.0)?,
        terms.member_no.as_str(),
        points,
        terms.amount.minor,
        terms.amount.currency.code(),
        terms.created_at,
        terms.expires_at,
        code.as_str(),
        terms.paid_by().as_str(),
    ];
    let added = tx.run(&[Statement { sql: COUPON_ADD, values: coupon.to_vec() }]).await?;
    Ok((added == 0).then_some(Begun::DrawAgain))
}

/// The reversal has ended before its turn came: the old coupon is free, the new code forgotten.
pub fn free(statements: &mut Vec<Statement<'_>>, of: &reversal::Terms, old: &Code, new: &Code) {
    let (shop, order) = (of.shop.0.clone(), of.order.0.clone());
    give_up(statements, &shop, &order, old, points_of(of, new));
    let values = values![shop, new.0.clone()].to_vec();
    statements.push(Statement { sql: COUPON_FORGET, values });
}

fn points_of(of: &reversal::Terms, new: &Code) -> i64 {
    let found = of.items.iter().find_map(|item| match item {
        Item::Replacement { terms, .. } if terms.code == *new => Some(terms.points.get()),
        _ => None,
    });
    found.unwrap_or(0)
}

fn give_up(statements: &mut Vec<Statement<'_>>, shop: &str, order: &str, old: &Code, points: i64) {
    let (shop, order) = (shop.to_owned(), order.to_owned());
    let values = values![shop.clone(), old.0.clone(), points].to_vec();
    statements.push(Statement { sql: reversals::COUPON_FREE, values });
    let values = values![shop, order, old.0.clone()].to_vec();
    statements.push(Statement { sql: PLACE_FREE, values });
}

/// The flow of the new coupon begins, due at once for whoever claims it.
pub fn begin(
    statements: &mut Vec<Statement<'_>>,
    flow: &Reversal,
    item: usize,
    at: At,
) -> Result<(), DbError> {
    let Some(Item::Replacement { code, flow: id, terms }) = flow.terms.items.get(item) else {
        return Err(DbError::Failed("no coupon is to be replaced there".to_owned()));
    };
    let begun = Flow::Conversion(Conversion::accept((**terms).clone(), false));
    let none = None::<String>;
    let added = values![
        *id,
        begun.shop().0.clone(),
        begun.kind(),
        number(begun.customer().0)?,
        begun.state_name(),
        rows::body(&begun)?,
        rows::terms(&begun)?,
        at,
        none.clone(),
        String::new(),
        at,
        terms.code.0.clone(),
        none,
    ];
    statements.push(Statement { sql: sql::FLOW_ADD, values: added.to_vec() });
    let first = values![*id, 1_i64, at, "replacement_begun", None::<&str>].to_vec();
    statements.push(Statement { sql: sql::EVENT_ADD, values: first });
    let act = audit::Entry {
        id: *id,
        shop: flow.terms.shop.clone(),
        at,
        by: flow.terms.by.clone(),
        role: None,
        act: "coupon.replace",
        subject: code.0.clone(),
        detail: serde_json::json!({"customer": terms.customer, "points": terms.points,
            "order": flow.terms.order, "replacement": terms.code}),
        reason: None,
        note: None,
        origin: None,
        flow: Some(*id),
    };
    let Statement { sql, values } = audit::statement(&act);
    let values = values.into_iter().map(Value::into_owned).collect();
    statements.push(Statement { sql, values });
    Ok(())
}

/// The new coupon stands, or surely does not: so much is settled of the order.
pub fn settle(
    statements: &mut Vec<Statement<'_>>,
    row: &Row,
    terms: &Terms,
    replaced: &Replaces,
    fact: &Fact,
) {
    let Replaces { code, order, .. } = replaced;
    let (shop, order) = (row.shop().0.clone(), order.0.clone());
    match fact {
        Fact::Replaced => {
            let done = values![shop.clone(), order.clone(), code.0.clone(), terms.expires_at];
            statements.push(Statement { sql: PLACE_DONE, values: done.to_vec() });
        }
        Fact::NotReplaced => give_up(statements, &shop, &order, code, terms.points.get()),
        _ => return,
    }
    let status = values![shop, order].to_vec();
    statements.push(Statement { sql: reversals::REVERT_STATUS, values: status });
}
