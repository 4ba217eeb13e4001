//! `GET /admin/api/v1/customers/{id}/export` and `POST /customers/{id}/erase`: what Kaeru knows of
//! a person, and the person taken out of the books.

use super::{
    coupons::CouponItem,
    customer::{self, CustomerDetail, CustomerQuery},
    customer_history::{self, HistoryItem},
    grants,
};
use crate::{
    app::App,
    ids,
    store::{audit, people, person},
    web::{
        api::coupons::{self, ListQuery},
        auth_staff::Staff,
        body::Body,
        error::{ApiError, ProblemBody},
        storefront::page::PageQuery,
    },
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use domain::{Act, CustomerId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use utoipa::ToSchema;

/// The largest page.
const PAGE: usize = 100;

/// Everything that Kaeru knows of a person.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonBody {
    pub customer: CustomerDetail,
    pub history: Vec<HistoryItem>,
    pub coupons: Vec<CouponItem>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseRequest {
    #[schema(example = "The customer asked for it by letter")]
    pub reason: String,
}

#[utoipa::path(get, path = "/admin/api/v1/customers/{id}/export", tag = "staff",
    security(("staff" = [])), params(("id" = String, Path)),
    responses((status = 200, body = PersonBody), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub async fn export(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
) -> Result<Json<PersonBody>, ApiError> {
    let told = tell(&app, &staff, &id).await;
    told.map(Json).map_err(|error| error.in_language(staff.language))
}

async fn tell(app: &App, staff: &Staff, id: &str) -> Result<PersonBody, ApiError> {
    staff.may(Act::Export)?;
    let customer = customer::read(app, staff, id, CustomerQuery::default()).await?;
    let (mut history, mut cursor) = (Vec::new(), None);
    loop {
        let query = PageQuery { limit: Some(PAGE), cursor };
        let page = customer_history::read(app, staff, id, query).await?;
        history.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let mut coupons = Vec::new();
    loop {
        let query = ListQuery {
            customer: Some(id.to_owned()),
            limit: Some(PAGE),
            cursor,
            ..ListQuery::default()
        };
        let page = coupons::read(app, staff, &query).await?;
        coupons.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let entry = entry(app, staff, grants::customer(id)?, "customer.export", None);
    audit::add(&app.database, entry).await?;
    Ok(PersonBody { customer, history, coupons })
}

/// A line of the audit log about the customer.
pub fn entry(
    app: &App,
    staff: &Staff,
    customer: CustomerId,
    act: &'static str,
    reason: Option<String>,
) -> audit::Entry {
    let now = app.now();
    audit::Entry {
        id: ids::flow(now),
        shop: staff.shop_id().clone(),
        at: now,
        by: staff.actor(),
        role: Some(staff.role()),
        act,
        subject: customer.to_string(),
        detail: json!({}),
        reason,
        note: None,
        origin: staff.origin.clone(),
        flow: None,
    }
}

#[utoipa::path(post, path = "/admin/api/v1/customers/{id}/erase", tag = "staff",
    security(("staff" = [])), request_body = EraseRequest, params(("id" = String, Path)),
    responses((status = 204), (status = 400, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody)))]
pub async fn erase(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
    body: Body<EraseRequest>,
) -> Result<StatusCode, ApiError> {
    let done = forget(&app, &staff, &id, &body.said.reason).await;
    done.map(|()| StatusCode::NO_CONTENT).map_err(|error| error.in_language(staff.language))
}

/// Takes the person out. Said twice, it is done once.
pub async fn forget(app: &App, staff: &Staff, id: &str, reason: &str) -> Result<(), ApiError> {
    staff.may(Act::People)?;
    let reason = grants::text("reason", reason)?;
    let shop = staff.shop(app)?;
    let found = customer::find(app, shop, grants::customer(id)?).await?;
    if people::under_way(&app.database, &shop.id, found.id).await? {
        return Err(ApiError::new("customer-busy", StatusCode::CONFLICT));
    }
    if found.erased_at.is_none() {
        let entry = entry(app, staff, found.id, "customer.erase", Some(reason));
        person::erase(&app.database, &shop.id, found.id, &found.pos_id, entry).await?;
        app.memory.forget_card(&shop.id, found.id);
    }
    Ok(())
}
