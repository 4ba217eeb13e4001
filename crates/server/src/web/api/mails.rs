//! `GET /admin/api/v1/mails` and `/mails/{id}`: what was mailed and what became of it;
//! `POST /mails/{id}/resend`.

use crate::{
    app::App,
    bell::Due,
    ids,
    mail::compose,
    store::{
        audit,
        outbox::{self, Mail, MailId, Standing},
    },
    web::{
        auth_staff::Staff,
        error::{ApiError, ProblemBody},
        storefront::page::{Page, PageQuery},
    },
};
use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use domain::{Act, At};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct MailQuery {
    /// `waiting`, `sent` or `dead`; all of them where it is left out.
    pub status: Option<String>,
    /// 1 to 100; 20 where it is left out.
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MailBody {
    pub id: String,
    /// `coupon_issued`, `coupon_replaced`, `coupon_cancelled`, `coupon_expiring`,
    /// `order_reversed` or `alert`.
    #[schema(example = "coupon_cancelled")]
    pub kind: String,
    /// A coupon's code, an order's name, or an alert's reason.
    #[schema(example = "70934-AC37DE-500")]
    pub about: Option<String>,
    /// `waiting`, `sent` or `dead`: given up.
    #[schema(example = "sent")]
    pub status: &'static str,
    pub created_at: String,
    pub sent_at: Option<String>,
    /// When it is tried next.
    pub due_at: Option<String>,
    /// Since it was announced, or sent again by staff.
    pub attempts: i64,
    /// How often staff had it sent again.
    pub resends: i64,
    /// Why the last attempt failed, such as `smtp-550` or `no-address`.
    pub last_error: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MailDetail {
    #[serde(flatten)]
    pub mail: MailBody,
    /// As it would be written now; absent where there is nothing to tell any more.
    pub subject: Option<String>,
    pub text: Option<String>,
}

async fn body(app: &App, mail: &Mail) -> MailBody {
    MailBody {
        id: mail.id.to_string(),
        kind: mail.content.name().to_owned(),
        about: compose::about(app, mail).await,
        status: mail.standing().as_str(),
        created_at: mail.created_at.rfc3339(),
        sent_at: mail.sent_at.map(At::rfc3339),
        due_at: mail.due_at.map(At::rfc3339),
        attempts: mail.attempts,
        resends: mail.resends,
        last_error: mail.last_error.clone(),
    }
}

/// A page of mails, newest first.
///
/// # Errors
/// `invalid-request`, naming what cannot be asked for.
pub async fn read(app: &App, staff: &Staff, query: MailQuery) -> Result<Page<MailBody>, ApiError> {
    staff.may(Act::See)?;
    let standing = match query.status.as_deref() {
        None | Some("") => None,
        Some(text) => Some(Standing::parse(text).ok_or_else(|| {
            ApiError::invalid(format!("status: {text:?} is not waiting, sent or dead"))
        })?),
    };
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let (limit, before) = (page.limit(), page.before()?);
    let found = outbox::list(&app.database, staff.shop_id(), standing, before, limit + 1).await?;
    let mut rows = Vec::with_capacity(found.len());
    for mail in found {
        rows.push((mail.created_at, mail.id.to_string(), body(app, &mail).await));
    }
    Ok(Page::of(rows, limit, |(at, id, _)| (*at, id), |(_, _, body)| body))
}

#[utoipa::path(get, path = "/admin/api/v1/mails", tag = "staff", security(("staff" = [])),
    params(MailQuery),
    responses((status = 200, body = Page<MailBody>), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody)))]
pub async fn list(
    State(app): State<Arc<App>>,
    staff: Staff,
    query: Result<Query<MailQuery>, QueryRejection>,
) -> Result<Json<Page<MailBody>>, ApiError> {
    let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    Ok(Json(read(&app, &staff, query).await?))
}

async fn find(app: &App, staff: &Staff, id: &str) -> Result<Mail, ApiError> {
    let id = MailId::parse(id).ok_or_else(ApiError::not_found)?;
    let found = outbox::find(&app.database, staff.shop_id(), id).await?;
    found.ok_or_else(ApiError::not_found)
}

/// A mail and what it says.
///
/// # Errors
/// `not-found`.
pub async fn detail(app: &App, staff: &Staff, id: &str) -> Result<MailDetail, ApiError> {
    staff.may(Act::See)?;
    let mail = find(app, staff, id).await?;
    let letter = compose::preview(app, &mail).await.ok();
    Ok(MailDetail {
        mail: body(app, &mail).await,
        subject: letter.as_ref().map(|letter| letter.subject.clone()),
        text: letter.and_then(|letter| letter.text().ok()),
    })
}

#[utoipa::path(get, path = "/admin/api/v1/mails/{id}", tag = "staff", security(("staff" = [])),
    params(("id" = String, Path)),
    responses((status = 200, body = MailDetail), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody)))]
pub async fn show(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
) -> Result<Json<MailDetail>, ApiError> {
    detail(&app, &staff, &id).await.map(Json)
}

/// Has it sent again, to the address that Shopify has by then.
///
/// # Errors
/// `mail-under-way` where it is on its way already.
pub async fn again(app: &App, staff: &Staff, id: &str) -> Result<MailDetail, ApiError> {
    staff.may(Act::Cancel)?;
    let mail = find(app, staff, id).await?;
    let now = app.now();
    let entry = audit::Entry {
        id: ids::flow(now),
        shop: staff.shop_id().clone(),
        at: now,
        by: staff.actor(),
        role: Some(staff.role()),
        act: "mail.resend",
        subject: mail.id.to_string(),
        detail: serde_json::json!({"kind": mail.content.name()}),
        reason: None,
        note: None,
        origin: staff.origin.clone(),
        flow: None,
    };
    if !outbox::resend(&app.database, mail.id, entry).await? {
        return Err(ApiError::new("mail-under-way", StatusCode::CONFLICT));
    }
    app.bell.ring(Due::Mails);
    detail(app, staff, id).await
}

#[utoipa::path(post, path = "/admin/api/v1/mails/{id}/resend", tag = "staff",
    security(("staff" = [])), params(("id" = String, Path)),
    responses((status = 200, body = MailDetail), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
pub async fn resend(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
) -> Result<Json<MailDetail>, ApiError> {
    let sent = again(&app, &staff, &id).await;
    sent.map(Json).map_err(|error| error.in_language(staff.language))
}
