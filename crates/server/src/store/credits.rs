//! Store credit that Shopify holds, as far as Kaeru knows it: what paid for orders, and what came
//! back.

use super::{
    Database,
    tx::{DbError, Line, number, values},
};
use domain::{At, CustomerId, ShopId};
use engine::store::StoreError;

/// A change of the customer's credit at Shopify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub at: At,
    /// Signed, in minor units.
    pub minor: i64,
    pub currency: String,
    /// `paid`, `given_back` by Kaeru, or `by_shopify` by itself.
    pub what: String,
    pub order: String,
    /// The order as people call it.
    pub name: String,
    /// Until when it is good, where that is known.
    pub expires_at: Option<At>,
}

const CHANGES: &str = "SELECT at, minor, currency, what, order_id, name, expires_at FROM (\
    SELECT o.created_at AS at, -c.amount AS minor, c.currency AS currency, 'paid' AS what, \
    o.id AS order_id, o.name AS name, c.original_expiry AS expires_at, 0 AS place \
    FROM orders AS o JOIN order_credit AS c ON c.shop = o.shop AND c.order_id = o.id \
    WHERE o.shop = ?1 AND o.customer = ?2 AND o.channel = 'shopify' \
    UNION ALL SELECT coalesce(o.cancelled_at, o.updated_at), c.by_shopify, c.currency, \
    'by_shopify', o.id, o.name, c.original_expiry, 1 \
    FROM orders AS o JOIN order_credit AS c ON c.shop = o.shop AND c.order_id = o.id \
    WHERE o.shop = ?1 AND o.customer = ?2 AND o.channel = 'shopify' AND c.by_shopify > 0 \
    UNION ALL SELECT m.at, m.amount, m.currency, 'given_back', o.id, o.name, \
    m.honoured_expiry, 2 \
    FROM credit_movement AS m JOIN orders AS o ON o.shop = m.shop AND o.id = m.order_id \
    WHERE m.shop = ?1 AND m.customer = ?2 AND o.channel = 'shopify') AS change \
    ORDER BY at DESC, place DESC, order_id DESC LIMIT ?3";

/// Newest first.
pub async fn at_shopify(
    database: &Database,
    shop: &ShopId,
    customer: CustomerId,
    most: i64,
) -> Result<Vec<Change>, StoreError> {
    let key = values![shop.0.clone(), number(customer.0)?, most].to_vec();
    let lines = database.read(CHANGES, key).await?;
    let read = |line: &Line| {
        Ok::<_, DbError>(Change {
            at: line.at(0)?,
            minor: line.int(1)?,
            currency: line.text(2)?.to_owned(),
            what: line.text(3)?.to_owned(),
            order: line.text(4)?.to_owned(),
            name: line.text(5)?.to_owned(),
            expires_at: line.maybe_at(6)?,
        })
    };
    Ok(lines.iter().map(read).collect::<Result<_, _>>()?)
}
