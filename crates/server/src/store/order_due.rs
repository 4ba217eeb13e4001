//! What the refunds of an order make due, written down with them. It only grows: what was due once
//! stays so, whatever the policy or the order become.

use super::tx::{DbError, Line, Statement, Tx, values};
use domain::PartialRefunds;
use serde::{Serialize, de::DeserializeOwned};

const GOODS: &str = "SELECT coalesce(o.goods, 0), \
    (SELECT CAST(coalesce(sum(r.goods), 0) AS BIGINT) FROM order_refund AS r \
    WHERE r.shop = ?1 AND r.order_id = ?2), o.earned_points FROM orders AS o \
    WHERE o.shop = ?1 AND o.id = ?2";
const COUPONS: &str = "SELECT code, points FROM order_coupon WHERE shop = ?1 AND order_id = ?2";
const COUPON_DUE: &str = "UPDATE order_coupon SET due = ?4 \
    WHERE shop = ?1 AND order_id = ?2 AND code = ?3 AND due < ?4";

const EARNED_DUE: &str =
    "UPDATE orders SET earned_due = ?3 WHERE shop = ?1 AND id = ?2 AND earned_due < ?3";

/// Lines as a column holds them.
pub fn json<T: Serialize>(lines: &[T]) -> Result<String, DbError> {
    serde_json::to_string(lines).map_err(|error| DbError::Failed(error.to_string()))
}

/// Reads such a column; null holds nothing.
pub fn lines<T: DeserializeOwned>(line: &Line, column: usize) -> Result<Vec<T>, DbError> {
    match line.maybe_text(column)? {
        Some(text) => {
            serde_json::from_str(text).map_err(|error| DbError::Failed(error.to_string()))
        }
        None => Ok(vec![]),
    }
}

/// Counts anew what is due of each coupon, and of what the order earned.
pub async fn settle<T: Tx>(
    tx: &mut T,
    shop: &str,
    order: &str,
    policy: PartialRefunds,
) -> Result<(), DbError> {
    let Some(line) = tx.row(GOODS, &values![shop, order]).await? else { return Ok(()) };
    let goods = domain::Goods { whole: line.int(0)?, refunded: line.int(1)? };
    if goods.refunded == 0 {
        return Ok(());
    }
    if let Some(earned) = line.maybe_int(2)? {
        let values = values![shop, order, policy.due(earned, goods)].to_vec();
        tx.run(&[Statement { sql: EARNED_DUE, values }]).await?;
    }
    for line in tx.rows(COUPONS, &values![shop, order]).await? {
        let due = policy.due(line.int(1)?, goods);
        let values = values![shop, order, line.text(0)?, due].to_vec();
        tx.run(&[Statement { sql: COUPON_DUE, values }]).await?;
    }
    Ok(())
}
