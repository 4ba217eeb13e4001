//! `POST /admin/api/v1/customers/{id}/merge`: this customer goes on as another; with `dry_run`,
//! what that would move.

use super::{
    customer::{self, CustomerDetail, CustomerQuery},
    grants,
};
use crate::{
    app::App,
    merge,
    store::people,
    web::{
        api::person,
        auth_staff::Staff,
        body::Body,
        error::{ApiError, ProblemBody},
    },
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use domain::Act;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeRequest {
    /// The customer who is kept.
    #[schema(example = "23456")]
    pub into: String,
    pub reason: String,
    /// Only says what would be moved.
    #[serde(default)]
    pub dry_run: bool,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MergeBody {
    /// Whether it was done.
    pub merged: bool,
    /// Points that go over; 0 where a till holds them: merge them there.
    pub points: i64,
    pub coupons: usize,
    /// The customer who goes, as they stand now.
    pub from: CustomerDetail,
    /// The customer who is kept.
    pub into: CustomerDetail,
}

#[utoipa::path(post, path = "/admin/api/v1/customers/{id}/merge", tag = "staff",
    security(("staff" = [])), request_body = MergeRequest, params(("id" = String, Path)),
    responses((status = 200, body = MergeBody), (status = 400, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody)))]
pub async fn create(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
    body: Body<MergeRequest>,
) -> Result<Json<MergeBody>, ApiError> {
    let done = join(&app, &staff, &id, &body.said).await;
    done.map(Json).map_err(|error| error.in_language(staff.language))
}

/// Merges the two, or says what it would do.
pub async fn join(
    app: &App,
    staff: &Staff,
    id: &str,
    wanted: &MergeRequest,
) -> Result<MergeBody, ApiError> {
    staff.may(Act::People)?;
    let reason = grants::text("reason", &wanted.reason)?;
    let shop = staff.shop(app)?;
    let (gone, kept) = (grants::customer(id)?, grants::customer(&wanted.into)?);
    if gone == kept {
        return Err(ApiError::invalid("into: choose another customer".to_owned()));
    }
    let read = async |id: &str| customer::read(app, staff, id, CustomerQuery::default()).await;
    let (from, into) = (read(id).await?, read(&wanted.into).await?);
    if into.customer.merged_into.is_some() || into.customer.erased_at.is_some() {
        return Err(ApiError::invalid("into: this customer has gone already".to_owned()));
    }
    let busy = || ApiError::new("customer-busy", StatusCode::CONFLICT);
    if people::under_way(&app.database, &shop.id, gone).await? {
        return Err(busy());
    }
    let points = from.lots.iter().map(|lot| lot.points).sum();
    let coupons = from.coupons.iter().map(|of| of.count).sum();
    if wanted.dry_run {
        return Ok(MergeBody { merged: false, points, coupons, from, into });
    }
    let mut entry = person::entry(app, staff, gone, "customer.merge", Some(reason));
    entry.detail = json!({"into": kept, "points": points});
    if !merge::carry_out(app, shop, kept, gone, entry).await? {
        return Err(busy());
    }
    let (from, into) = (read(id).await?, read(&wanted.into).await?);
    Ok(MergeBody { merged: true, points, coupons, from, into })
}
