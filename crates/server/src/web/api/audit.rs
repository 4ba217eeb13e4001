//! `GET /admin/api/v1/audit`: who did what, to what, when and why.

use crate::{
    app::App,
    store::audit::{self, Filter, Shown},
    web::{
        api::coupons,
        auth_staff::Staff,
        error::{ApiError, ProblemBody},
        storefront::page::{Page, PageQuery},
    },
};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use domain::{Act, FlowId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Such as `coupon.cancel`.
    pub act: Option<String>,
    /// A coupon's code, a staff member's address.
    pub subject: Option<String>,
    /// A staff member's name.
    pub actor: Option<String>,
    /// A day in the shop's time zone, or a moment.
    #[param(example = "2026-11-01")]
    pub from: Option<String>,
    /// A day, which is included, or a moment, which is not.
    pub to: Option<String>,
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ActorBody {
    /// `staff`, `customer` or `system`.
    pub kind: String,
    pub name: Option<String>,
    pub role: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AuditBody {
    pub id: String,
    pub at: String,
    pub actor: ActorBody,
    #[schema(example = "coupon.cancel")]
    pub act: String,
    pub subject: String,
    pub detail: serde_json::Value,
    pub reason: Option<String>,
    pub note: Option<String>,
    /// The address that the request came from.
    pub origin: Option<String>,
    /// The flow that it began: the correlation id of everything that followed.
    pub flow: Option<String>,
}

pub fn body(row: Shown) -> AuditBody {
    AuditBody {
        id: row.id.to_string(),
        at: row.at.timestamp().to_string(),
        actor: ActorBody { kind: row.actor_kind, name: row.actor_name, role: row.role },
        act: row.act,
        subject: row.subject,
        detail: serde_json::from_str(&row.detail).unwrap_or_default(),
        reason: row.reason,
        note: row.note,
        origin: row.origin,
        flow: row.flow.map(|flow| flow.to_string()),
    }
}

fn some(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[utoipa::path(get, path = "/admin/api/v1/audit", tag = "staff", security(("staff" = [])),
    params(AuditQuery),
    responses((status = 200, body = Page<AuditBody>), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody)))]
pub async fn list(
    State(app): State<Arc<App>>,
    staff: Staff,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<Page<AuditBody>>, ApiError> {
    staff.may(Act::See)?;
    let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    read(&app, &staff, query).await.map(Json)
}

/// A page of the log, newest first.
pub async fn read(
    app: &App,
    staff: &Staff,
    query: AuditQuery,
) -> Result<Page<AuditBody>, ApiError> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let limit = page.limit();
    let before = match page.before()? {
        None => None,
        Some(before) => {
            let id = FlowId::parse(&before.key);
            Some((before.at, id.ok_or_else(|| ApiError::invalid("cursor".to_owned()))?))
        }
    };
    let moment = |name, text: Option<String>, end| {
        some(text).map(|text| coupons::moment(name, &text, app, staff, end)).transpose()
    };
    let filter = Filter {
        act: some(query.act),
        subject: some(query.subject),
        actor: some(query.actor),
        from: moment("from", query.from, false)?,
        to: moment("to", query.to, true)?,
        before,
        most: limit + 1,
    };
    let rows = audit::list(&app.database, staff.shop_id(), filter).await?;
    let keyed: Vec<(String, Shown)> =
        rows.into_iter().map(|row| (row.id.to_string(), row)).collect();
    Ok(Page::of(keyed, limit, |(id, row)| (row.at, id.as_str()), |(_, row)| body(row)))
}
