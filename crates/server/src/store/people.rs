//! Customers who became one, and alerts that no flow raised.

use super::{
    Database, sql,
    tx::{DbError, End, Statement, Tx, Work, number, values},
};
use domain::{At, CustomerId, FlowId, ShopId};
use engine::store::StoreError;

/// Among the unfinished, and what waits for a person: all others are over.
pub(super) const UNDER_WAY: &str = "SELECT 1 FROM flow \
    WHERE due_at IS NOT NULL AND shop = ?1 AND customer = ?2 \
    UNION ALL \
    SELECT 1 FROM flow WHERE shop = ?1 AND customer = ?2 AND state IN ('confirming', 'in_review') \
    AND id IN (SELECT flow FROM review WHERE closed_at IS NULL AND about IS NULL) LIMIT 1";

/// Whether something about the customer is not settled.
pub async fn under_way(
    database: &Database,
    shop: &ShopId,
    customer: CustomerId,
) -> Result<bool, StoreError> {
    let values = values![shop.0.clone(), number(customer.0)?].to_vec();
    Ok(!database.read(UNDER_WAY, values).await?.is_empty())
}

struct Merge {
    shop: ShopId,
    kept: CustomerId,
    gone: CustomerId,
}

/// What is the customer's by its own column. Flows keep what was agreed with whom.
pub(super) const MOVES: [&str; 4] = [
    "UPDATE coupon SET customer = ?3 WHERE shop = ?1 AND customer = ?2 RETURNING 1",
    "UPDATE movement SET customer = ?3 WHERE shop = ?1 AND customer = ?2 RETURNING 1",
    "UPDATE credit_movement SET customer = ?3 WHERE shop = ?1 AND customer = ?2 RETURNING 1",
    "UPDATE orders SET customer = ?3 WHERE shop = ?1 AND customer = ?2 RETURNING 1",
];

impl Work for Merge {
    type Output = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<bool>, DbError> {
        let (shop, gone) = (self.shop.as_str(), number(self.gone.0)?);
        if tx.row(UNDER_WAY, &values![shop, gone]).await?.is_some() {
            return Ok(End::RollBack(false));
        }
        for sql in MOVES {
            tx.rows(sql, &values![shop, gone, number(self.kept.0)?]).await?;
        }
        Ok(End::Commit(true))
    }
}

/// Gives the kept customer what was the other's. False where something of the other's is under
/// way.
pub async fn merge(
    database: &Database,
    shop: &ShopId,
    kept: CustomerId,
    gone: CustomerId,
) -> Result<bool, StoreError> {
    database.write(Merge { shop: shop.clone(), kept, gone }).await
}

struct Alert {
    shop: ShopId,
    id: FlowId,
    reason: &'static str,
    at: At,
}

impl Work for Alert {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let body = format!(r#"{{"flow":"{}","reason":"{}"}}"#, self.id, self.reason);
        let (shop, due) = (self.shop.as_str(), None::<At>);
        let values = values![self.id, 0_i64, shop, "alert", body, self.at, due, self.reason];
        tx.run(&[Statement { sql: sql::OUTBOX_ADD, values: values.to_vec() }]).await?;
        Ok(End::Commit(()))
    }
}

/// Tells the admins. `id`: a number of its own.
pub async fn alert(
    database: &Database,
    shop: &ShopId,
    id: FlowId,
    reason: &'static str,
    at: At,
) -> Result<(), StoreError> {
    database.write(Alert { shop: shop.clone(), id, reason, at }).await
}
