//! Customers who merge or leave, and what only a person can answer.

use super::Trouble;
use crate::{
    app::{App, Shop},
    ids, merge,
    store::{audit, customers, people, person},
};
use domain::{Actor, CustomerId, ShopId};
use serde::Deserialize;
use serde_json::json;

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
    let entry = entry(app, shop, gone, "customer.merge", Some(kept));
    if !merge::carry_out(app, shop, kept, gone, entry).await? {
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
    let row = customers::find(&app.database, &shop.id, id).await?;
    let pos_id = row.map_or_else(|| id.to_string(), |row| row.pos_id.0);
    let entry = entry(app, shop, id, "customer.erase", None);
    person::erase(&app.database, &shop.id, id, &pos_id, entry).await?;
    app.memory.forget_card(&shop.id, id);
    Ok(())
}

fn entry(
    app: &App,
    shop: &Shop,
    customer: CustomerId,
    act: &'static str,
    into: Option<CustomerId>,
) -> audit::Entry {
    let now = app.now();
    audit::Entry {
        id: ids::flow(now),
        shop: shop.id.clone(),
        at: now,
        by: Actor::System,
        role: None,
        act,
        subject: customer.to_string(),
        detail: into.map_or_else(|| json!({}), |into| json!({"into": into})),
        reason: Some("shopify".to_owned()),
        note: None,
        origin: None,
        flow: None,
    }
}

/// Tells the admins what Shopify wants of them.
pub async fn tell(app: &App, shop: &ShopId, reason: &'static str) -> Result<(), Trouble> {
    let now = app.now();
    Ok(people::alert(&app.database, shop, ids::flow(now), reason, now).await?)
}
