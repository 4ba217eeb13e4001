//! Customers who merge or leave, and what only a person can answer.

use super::Trouble;
use crate::{
    app::{App, Shop},
    ids,
    store::{customers, people},
};
use domain::{CustomerId, ShopId};
use serde::Deserialize;

#[derive(Deserialize)]
struct Merge {
    admin_graphql_api_customer_kept_id: Option<String>,
    admin_graphql_api_customer_deleted_id: Option<String>,
    status: String,
}

#[derive(Deserialize)]
struct Leaving {
    /// `customers/delete` has it here, `customers/redact` below.
    id: Option<u64>,
    customer: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: u64,
}

/// Two customers became one: what was the other's is the kept one's.
pub async fn merged(app: &App, shop: &Shop, body: &str) -> Result<(), Trouble> {
    let merge: Merge = serde_json::from_str(body)?;
    let id = |gid: Option<String>| gid.as_deref().and_then(CustomerId::parse);
    let kept = id(merge.admin_graphql_api_customer_kept_id);
    let (Some(kept), Some(gone)) = (kept, id(merge.admin_graphql_api_customer_deleted_id)) else {
        return Ok(());
    };
    if merge.status == "failed" || kept == gone {
        return Ok(());
    }
    if !people::merge(&app.database, &shop.id, kept, gone).await? {
        return Err(Trouble::Later("flows_under_way"));
    }
    Ok(())
}

/// The books are kept, the person is forgotten; not before every doubt is settled.
pub async fn gone(app: &App, shop: &Shop, body: &str) -> Result<(), Trouble> {
    let leaving: Leaving = serde_json::from_str(body)?;
    let Some(id) = leaving.customer.map(|of| of.id).or(leaving.id) else { return Ok(()) };
    let id = CustomerId(id);
    if people::under_way(&app.database, &shop.id, id).await? {
        return Err(Trouble::Later("flows_under_way"));
    }
    if let Some(mut row) = customers::find(&app.database, &shop.id, id).await? {
        (row.name, row.locale) = (None, None);
        customers::keep(&app.database, row).await?;
    }
    Ok(())
}

/// Tells the admins what Shopify wants of them.
pub async fn tell(app: &App, shop: &ShopId, reason: &'static str) -> Result<(), Trouble> {
    let now = app.now();
    Ok(people::alert(&app.database, shop, ids::flow(now), reason, now).await?)
}
