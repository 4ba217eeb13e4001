//! `POST /admin/api/v1/orders/{id}/status`: how an order of another channel stands.

use super::order::{self, OrderDetail};
use crate::{
    app::App,
    ids,
    store::{
        audit, order_lists,
        orders::{self, SHOPIFY, Status},
    },
    web::{
        auth_staff::Staff,
        body::Body,
        error::{ApiError, ProblemBody},
    },
};
use axum::{
    Json,
    extract::{Path, State},
};
use domain::{Act, Problem};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusRequest {
    /// `pending`, `confirmed`, `completed` or `cancelled`.
    #[schema(example = "confirmed")]
    pub status: String,
    #[serde(default)]
    pub note: Option<String>,
}

#[utoipa::path(post, path = "/admin/api/v1/orders/{id}/status", tag = "staff",
    security(("staff" = [])), request_body = StatusRequest, params(("id" = String, Path)),
    responses((status = 200, body = OrderDetail), (status = 400, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody)))]
pub async fn set(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
    body: Body<StatusRequest>,
) -> Result<Json<OrderDetail>, ApiError> {
    let set = change(&app, &staff, &id, body.said).await;
    set.map(Json).map_err(|error| error.in_language(staff.language))
}

/// Says how it stands. Nothing moves by it: what comes back is decided apart.
///
/// # Errors
/// Where it is Shopify's order, or a reversal works on it.
pub async fn change(
    app: &App,
    staff: &Staff,
    id: &str,
    said: StatusRequest,
) -> Result<OrderDetail, ApiError> {
    staff.may(Act::Cancel)?;
    let status = Status::parse(&said.status).ok_or_else(|| {
        let all = Status::ALL.map(Status::as_str).join(", ");
        ApiError::invalid(format!("status: choose one of {all}"))
    })?;
    let shop = staff.shop_id();
    let found =
        order_lists::find(&app.database, shop, id).await?.ok_or_else(ApiError::not_found)?;
    if found.listed.channel == SHOPIFY {
        let detail = "status: Shopify keeps it; cancel the order, or look at it in Shopify";
        return Err(ApiError::invalid(detail.to_owned()));
    }
    let now = app.now();
    let entry = audit::Entry {
        id: ids::flow(now),
        shop: shop.clone(),
        at: now,
        by: staff.actor(),
        role: Some(staff.role()),
        act: "order.status",
        subject: found.listed.name.clone(),
        detail: serde_json::json!({"before": found.listed.status, "after": status.as_str()}),
        reason: None,
        note: said.note,
        origin: staff.origin.clone(),
        flow: None,
    };
    let order = &found.listed.id;
    if !orders::set_status(&app.database, shop, order, status, entry).await? {
        return Err(Problem::OrderBusy.into());
    }
    order::read(app, staff, order.as_str()).await
}
