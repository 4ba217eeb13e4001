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
    pub place: Place,
}

/// ?3 to ?6: only what is before that change.
const CHANGES: &str = "SELECT at, minor, currency, what, order_id, name, expires_at, place, sub \
    FROM (\
    SELECT o.created_at AS at, -c.amount AS minor, c.currency AS currency, 'paid' AS what, \
    o.id AS order_id, o.name AS name, c.original_expiry AS expires_at, 0 AS place, \
    CAST(c.payment AS TEXT) AS sub \
    FROM orders AS o JOIN order_credit AS c ON c.shop = o.shop AND c.order_id = o.id \
    WHERE o.shop = ?1 AND o.customer = ?2 AND o.channel = 'shopify' \
    UNION ALL SELECT coalesce(o.cancelled_at, o.updated_at), c.by_shopify, c.currency, \
    'by_shopify', o.id, o.name, c.original_expiry, 1, CAST(c.payment AS TEXT) \
    FROM orders AS o JOIN order_credit AS c ON c.shop = o.shop AND c.order_id = o.id \
    WHERE o.shop = ?1 AND o.customer = ?2 AND o.channel = 'shopify' AND c.by_shopify > 0 \
    UNION ALL SELECT m.at, m.amount, m.currency, 'given_back', o.id, o.name, \
    m.honoured_expiry, 2, m.reference \
    FROM credit_movement AS m JOIN orders AS o ON o.shop = m.shop AND o.id = m.order_id \
    WHERE m.shop = ?1 AND m.customer = ?2 AND o.channel = 'shopify') AS change \
    WHERE (at, place, order_id, sub) < (?3, ?4, ?5, ?6) \
    ORDER BY at DESC, place DESC, order_id DESC, sub DESC LIMIT ?7";

/// Where a change stands among the others. No two have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub at: At,
    pub place: i64,
    pub order: String,
    pub sub: String,
}

impl Place {
    /// After every change that there is.
    pub const fn end() -> Self {
        Self { at: At(i64::MAX), place: i64::MAX, order: String::new(), sub: String::new() }
    }
}

/// Newest first, strictly before that place.
pub async fn at_shopify(
    database: &Database,
    shop: &ShopId,
    customer: CustomerId,
    before: Place,
    most: usize,
) -> Result<Vec<Change>, StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let Place { at, place, order, sub } = before;
    let key = values![shop.0.clone(), number(customer.0)?, at, place, order, sub, most].to_vec();
    let lines = database.read(CHANGES, key).await?;
    let read = |line: &Line| {
        let order = line.text(4)?.to_owned();
        Ok::<_, DbError>(Change {
            at: line.at(0)?,
            minor: line.int(1)?,
            currency: line.text(2)?.to_owned(),
            what: line.text(3)?.to_owned(),
            name: line.text(5)?.to_owned(),
            expires_at: line.maybe_at(6)?,
            place: Place {
                at: line.at(0)?,
                place: line.int(7)?,
                order: order.clone(),
                sub: line.text(8)?.to_owned(),
            },
            order,
        })
    };
    Ok(lines.iter().map(read).collect::<Result<_, _>>()?)
}
