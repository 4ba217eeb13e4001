//! `GET /admin/api/v1/reviews` and `POST /reviews/{id}/settle`: what a person must decide.

use crate::{
    app::App,
    ids,
    store::{
        audit,
        reviews::{self, Review, Settlement},
    },
    web::{
        auth_staff::Staff,
        body::Body,
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
use serde_json::json;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ReviewQuery {
    /// `open` (default) or `settled`.
    pub status: Option<String>,
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReviewBody {
    pub id: String,
    /// Why a person is needed, such as `no_look_up` or `used_after_cancel`.
    pub reason: String,
    /// `conversion`, `cancellation`, `hold`, `ending` or `reversal`.
    pub kind: &'static str,
    pub state: &'static str,
    /// The coupon's code, or the order's name.
    pub code: String,
    pub customer: String,
    pub customer_name: Option<String>,
    /// What was asked of the points book, signed; absent where nothing was.
    pub points: Option<i64>,
    pub reference: Option<String>,
    pub opened_at: String,
    pub closed_at: Option<String>,
    pub settled_by: Option<String>,
    pub verdict: Option<String>,
    pub note: Option<String>,
    /// What a signal rests on: how many, how long, who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<serde_json::Value>,
    /// How far the flow has come: to be said with the verdict.
    pub version: i64,
    /// What can be said: `applied` and `not_applied` where the flow waits for it, else `noted`.
    pub verdicts: Vec<&'static str>,
}

pub fn body(review: &Review) -> ReviewBody {
    let flow = &review.row.flow;
    let order = flow.order();
    let open = review.closed_at.is_none();
    ReviewBody {
        id: review.id(),
        reason: review.reason.clone(),
        kind: flow.kind(),
        state: flow.state_name(),
        code: flow.subject().to_owned(),
        customer: flow.customer().to_string(),
        customer_name: review.customer.clone(),
        points: order.as_ref().map(|order| order.points),
        reference: order.map(|order| order.reference.to_string()),
        opened_at: review.opened_at.rfc3339(),
        closed_at: review.closed_at.map(At::rfc3339),
        settled_by: review.settled_by.clone(),
        verdict: review.verdict.clone(),
        note: review.note.clone(),
        version: review.row.version,
        evidence: review.detail.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        verdicts: match (open, review.decides()) {
            (false, _) => vec![],
            (true, true) => vec!["applied", "not_applied"],
            (true, false) => vec!["noted"],
        },
    }
}

#[utoipa::path(get, path = "/admin/api/v1/reviews", tag = "staff", security(("staff" = [])),
    params(ReviewQuery),
    responses((status = 200, body = Page<ReviewBody>), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody)))]
pub async fn list(
    State(app): State<Arc<App>>,
    staff: Staff,
    query: Result<Query<ReviewQuery>, QueryRejection>,
) -> Result<Json<Page<ReviewBody>>, ApiError> {
    staff.may(Act::See)?;
    let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    read(&app, &staff, query).await.map(Json)
}

/// A page of cases, newest first.
pub async fn read(
    app: &App,
    staff: &Staff,
    query: ReviewQuery,
) -> Result<Page<ReviewBody>, ApiError> {
    let open = match query.status.as_deref() {
        None | Some("open") => true,
        Some("settled") => false,
        Some(other) => return Err(ApiError::invalid(format!("status: {other:?} is not known"))),
    };
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let (limit, before) = (page.limit(), page.before()?);
    let shop = staff.shop_id();
    let rows = reviews::list(&app.database, shop, open, before, limit + 1).await?;
    let rows = rows.into_iter().map(|row| (row.id(), row)).collect();
    Ok(Page::of(rows, limit, |(id, row)| (row.opened_at, id.as_str()), |(_, row)| body(&row)))
}

/// One case.
pub async fn one(app: &App, staff: &Staff, id: &str) -> Result<ReviewBody, ApiError> {
    let (flow, reason) = reviews::parse_id(id).ok_or_else(ApiError::not_found)?;
    let review = reviews::find(&app.database, staff.shop_id(), flow, reason).await?;
    review.map(|review| body(&review)).ok_or_else(ApiError::not_found)
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleRequest {
    /// One of the case's `verdicts`.
    #[schema(example = "applied")]
    pub verdict: String,
    /// What it rests on.
    #[schema(example = "the till's journal shows it at 10:31")]
    pub note: String,
    /// The case's `version` as it was looked at: a verdict is not taken for a later doubt of the
    /// same flow. Left out, it is for the case as it stands.
    pub version: Option<i64>,
}

#[utoipa::path(post, path = "/admin/api/v1/reviews/{id}/settle", tag = "staff",
    security(("staff" = [])), request_body = SettleRequest, params(("id" = String, Path)),
    responses((status = 200, body = ReviewBody), (status = 400, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody)))]
pub async fn settle(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
    body: Body<SettleRequest>,
) -> Result<Json<ReviewBody>, ApiError> {
    let settled = decide(&app, &staff, &id, body.said).await;
    settled.map(Json).map_err(|error| error.in_language(staff.language))
}

/// A person's word: the flow goes on by it, or the case is closed.
pub async fn decide(
    app: &Arc<App>,
    staff: &Staff,
    id: &str,
    wanted: SettleRequest,
) -> Result<ReviewBody, ApiError> {
    staff.may(Act::Settle)?;
    let (flow, reason) = reviews::parse_id(id).ok_or_else(ApiError::not_found)?;
    let shop = staff.shop_id();
    let find = || reviews::find(&app.database, shop, flow, reason);
    let review = find().await?.ok_or_else(ApiError::not_found)?;
    let own = format!("staff {}", staff.account.id);
    if review.about.as_deref().is_some_and(|about| about.split(" customer ").next() == Some(&own)) {
        // Nobody decides whether they themselves were wrong.
        return Err(ApiError::new("not-permitted", StatusCode::FORBIDDEN));
    }
    let gone_on = wanted.version.is_some_and(|version| version != review.row.version);
    if review.closed_at.is_some() || (gone_on && review.decides()) {
        return Err(ApiError::new("review-settled", StatusCode::CONFLICT));
    }
    if !body(&review).verdicts.contains(&wanted.verdict.as_str()) {
        let known = body(&review).verdicts.join(", ");
        return Err(ApiError::invalid(format!("verdict: choose one of {known}")));
    }
    let note = wanted.note.trim().to_owned();
    if note.is_empty() {
        return Err(ApiError::invalid("note: say what it rests on".to_owned()));
    }
    let now = app.now();
    let settlement = Settlement {
        shop: shop.clone(),
        flow,
        reason: reason.to_owned(),
        by: staff.account.name.clone(),
        verdict: wanted.verdict.clone(),
        note: note.clone(),
        at: now,
        close: !review.decides(),
    };
    let entry = audit::Entry {
        id: ids::flow(now),
        shop: shop.clone(),
        at: now,
        by: staff.actor(),
        role: Some(staff.role()),
        act: "review.settle",
        subject: review.row.flow.subject().to_owned(),
        detail: json!({"reason": reason, "verdict": wanted.verdict}),
        reason: None,
        note: Some(note),
        origin: staff.origin.clone(),
        flow: Some(flow),
    };
    reviews::settle(&app.database, settlement, entry).await?;
    if review.decides() {
        // The flow closes the case in its own transition. Two verdicts at once: the second finds
        // that the flow waits for none any more.
        match app.engine.judge(flow, review.row.version, wanted.verdict == "applied").await {
            Ok(_) | Err(engine::Stopped::LeaseLost) => {}
            Err(engine::Stopped::Rejected(_)) => {
                return Err(ApiError::new("review-settled", StatusCode::CONFLICT));
            }
            Err(engine::Stopped::Store(error)) => return Err(error.into()),
        }
    }
    let review = find().await?.ok_or_else(ApiError::not_found)?;
    Ok(body(&review))
}
