//! `GET /admin/api/v1/approvals` and `POST /approvals/{id}/settle`: what one staff member asked for
//! and another must decide.

use super::cancel::PATIENCE;
use crate::{
    acts::Declined,
    app::App,
    approvals as acts, ids,
    reversals::{Wish, gate, returns},
    store::{
        approvals::{self, Approval, Settled, Settlement},
        audit,
    },
    web::{
        auth_staff::Staff,
        body::Body,
        error::{ApiError, ProblemBody},
        language::Language,
        reversal::{self, ReversalBody},
        storefront::{
            page::{Page, PageQuery},
            points::MoneyBody,
        },
    },
};
use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use domain::{Act, At, FlowId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

const LONGEST_NOTE: usize = 1_000;

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ApprovalQuery {
    /// `waiting` (default) or `settled`.
    pub status: Option<String>,
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalBody {
    pub id: String,
    /// `waiting`, `approved` or `declined`.
    #[schema(example = "waiting")]
    pub status: &'static str,
    /// The order's id and name.
    pub order: String,
    pub name: String,
    /// Whether it cancels the order, and why.
    pub cancels: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// What was chosen.
    pub points: bool,
    pub credits: bool,
    /// As what used coupons come back: `points` or `replacement`.
    #[schema(example = "points")]
    pub coupons: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extend_to: Option<String>,
    /// What it was worth in points, and the shop's threshold, when it was asked for.
    pub worth: i64,
    pub threshold: i64,
    pub asked_by: String,
    pub asked_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Approved, but not begun, or not yet: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemBody>,
}

/// What would come back now, and what has changed since it was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct NowBody {
    pub points: i64,
    pub credit: MoneyBody,
    /// Store credit that Shopify gave back by itself.
    pub by_shopify: MoneyBody,
    /// Points that new coupons stand for.
    pub points_replaced: i64,
    /// Not back: run out.
    pub points_expired: i64,
    pub credit_expired: MoneyBody,
    /// In points, with what came back of the order before; and the shop's threshold.
    pub worth: i64,
    pub threshold: i64,
    /// `worth-changed`, `threshold-changed`, `approval-not-needed`.
    pub changes: Vec<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalDetail {
    #[serde(flatten)]
    pub approval: ApprovalBody,
    /// Whoever looks has asked for it themselves, or for something else of this order.
    pub own: bool,
    /// While it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<NowBody>,
    /// While it waits: why nothing would come back now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objection: Option<ProblemBody>,
    /// What it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reversal: Option<ReversalBody>,
}

/// A problem by its code.
pub fn problem(code: &str, language: Language) -> ProblemBody {
    let error = serde_json::from_value(code.into()).map_or(ApiError::not_found(), ApiError::of);
    error.in_language(language).body()
}

pub fn body(of: &Approval, language: Language) -> Result<ApprovalBody, ApiError> {
    let wish: Wish = acts::wish(of)?;
    let cancel = wish.cancel.as_ref();
    Ok(ApprovalBody {
        id: of.id.to_string(),
        status: of.state.as_str(),
        order: of.order.to_string(),
        name: of.name.clone(),
        cancels: cancel.is_some(),
        reason: cancel.map(|cancel| cancel.reason.as_str()),
        points: wish.points,
        credits: wish.credits,
        coupons: wish.coupons.as_str(),
        extend_to: wish.extend_to.map(At::rfc3339),
        worth: of.worth,
        threshold: of.threshold,
        asked_by: of.asked_name.clone(),
        asked_at: of.asked_at.rfc3339(),
        asked_note: cancel.and_then(|cancel| cancel.note.clone()),
        settled_by: of.settled_name.clone(),
        settled_at: of.settled_at.map(At::rfc3339),
        note: of.note.clone(),
        problem: of.problem.as_deref().map(|code| problem(code, language)),
    })
}

#[utoipa::path(get, path = "/admin/api/v1/approvals", tag = "staff", security(("staff" = [])),
    params(ApprovalQuery),
    responses((status = 200, body = Page<ApprovalBody>), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody)))]
pub async fn list(
    State(app): State<Arc<App>>,
    staff: Staff,
    query: Result<Query<ApprovalQuery>, QueryRejection>,
) -> Result<Json<Page<ApprovalBody>>, ApiError> {
    staff.may(Act::See)?;
    let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    read(&app, &staff, query).await.map(Json)
}

/// A page of requests, newest first.
pub async fn read(
    app: &App,
    staff: &Staff,
    query: ApprovalQuery,
) -> Result<Page<ApprovalBody>, ApiError> {
    let waiting = match query.status.as_deref() {
        None | Some("" | "waiting") => true,
        Some("settled") => false,
        Some(other) => return Err(ApiError::invalid(format!("status: {other:?} is not known"))),
    };
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let (limit, before) = (page.limit(), page.before()?);
    let found = approvals::list(&app.database, staff.shop_id(), waiting, before, limit + 1).await?;
    let rows =
        found.iter().map(|of| Ok((of.id.to_string(), of.asked_at, body(of, staff.language)?)));
    let rows = rows.collect::<Result<Vec<_>, ApiError>>()?;
    Ok(Page::of(rows, limit, |(id, at, _)| (*at, id.as_str()), |(_, _, body)| body))
}

#[utoipa::path(get, path = "/admin/api/v1/approvals/{id}", tag = "staff",
    security(("staff" = [])), params(("id" = String, Path)),
    responses((status = 200, body = ApprovalDetail), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody)))]
pub async fn show(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
) -> Result<Json<ApprovalDetail>, ApiError> {
    staff.may(Act::See)?;
    let found = detail(&app, &staff, &id).await;
    found.map(Json).map_err(|error| error.in_language(staff.language))
}

async fn find(app: &App, staff: &Staff, id: &str) -> Result<Approval, ApiError> {
    let id = FlowId::parse(id).ok_or_else(ApiError::not_found)?;
    let found = approvals::find(&app.database, staff.shop_id(), id).await?;
    found.ok_or_else(ApiError::not_found)
}

/// One request, with what would come back now, or what it began.
pub async fn detail(app: &App, staff: &Staff, id: &str) -> Result<ApprovalDetail, ApiError> {
    let found = find(app, staff, id).await?;
    let (now, objection) = match found.state {
        approvals::State::Waiting => match foresee(app, staff, &found).await {
            Ok(now) => (Some(now), None),
            Err(Declined::Problem(problem)) => {
                let error = ApiError::of(problem).in_language(staff.language);
                (None, Some(error.body()))
            }
            Err(error) => return Err(error.into()),
        },
        _ => (None, None),
    };
    let row = match found.flow {
        Some(flow) => app.engine.store.load(flow).await?,
        None => None,
    };
    let reversal = row.and_then(|row| {
        row.flow.reversal().map(|flow| reversal::body(row.id, flow, staff.language))
    });
    let own = approvals::has_asked(&app.database, &found, staff.account.id).await?;
    Ok(ApprovalDetail { approval: body(&found, staff.language)?, own, now, objection, reversal })
}

async fn foresee(app: &App, staff: &Staff, of: &Approval) -> Result<NowBody, Declined> {
    let shop = app.shops.get(staff.shop_id()).ok_or(Declined::NotFound)?;
    let wish = acts::wish(of)?;
    let (found, sum) = returns::foresee(app, shop, of.order.as_str(), &wish).await?;
    let worth = gate::wished(app, shop, &found, &wish, app.now()).await?;
    let threshold = shop.reversals.four_eyes_above;
    let changes = [
        ("worth-changed", worth != of.worth),
        ("threshold-changed", threshold != of.threshold),
        ("approval-not-needed", !gate::exceeds(shop, worth)),
    ];
    let money = |minor| MoneyBody::from(super::orders::money(minor, &sum.currency));
    Ok(NowBody {
        points: sum.points,
        credit: money(sum.credit),
        by_shopify: money(sum.by_shopify),
        points_replaced: sum.replaced_points,
        points_expired: sum.points_expired,
        credit_expired: money(sum.credit_expired),
        worth,
        threshold,
        changes: changes.into_iter().filter_map(|(name, is)| is.then_some(name)).collect(),
    })
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleApproval {
    /// `approve` or `decline`.
    #[schema(example = "approve")]
    pub verdict: String,
    /// Required to decline.
    #[serde(default)]
    #[schema(example = "checked with the customer")]
    pub note: Option<String>,
}

#[utoipa::path(post, path = "/admin/api/v1/approvals/{id}/settle", tag = "staff",
    security(("staff" = [])), request_body = SettleApproval, params(("id" = String, Path)),
    responses((status = 200, body = ApprovalDetail), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
pub async fn settle(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
    body: Body<SettleApproval>,
) -> Result<Json<ApprovalDetail>, ApiError> {
    let settled = decide(&app, &staff, &id, body.said).await;
    settled.map(Json).map_err(|error| error.in_language(staff.language))
}

/// A second person's word. Approved, it begins at once, and is waited for a little.
///
/// # Errors
/// `own-approval`: whoever asked does not decide; `approval-settled`: the other verdict was given
/// before; `invalid-request`, naming the field.
pub async fn decide(
    app: &Arc<App>,
    staff: &Staff,
    id: &str,
    said: SettleApproval,
) -> Result<ApprovalDetail, ApiError> {
    staff.may(Act::Approve)?;
    let found = find(app, staff, id).await?;
    let approve = match said.verdict.as_str() {
        "approve" => true,
        "decline" => false,
        _ => return Err(ApiError::invalid("verdict: choose one of approve, decline".to_owned())),
    };
    let note = said.note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
    if note.as_ref().is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
        return Err(ApiError::invalid(format!("note: at most {LONGEST_NOTE} characters")));
    }
    if !approve && note.is_none() {
        return Err(ApiError::invalid("note: say why it is declined".to_owned()));
    }
    let settlement = settlement(app, staff, &found, approve, note);
    let settled = match approvals::settle(&app.database, settlement).await? {
        Settled::Now(settled) => settled,
        // The same again: it is said how it stands.
        Settled::Before(settled) if (settled.state == approvals::State::Approved) == approve => {
            settled
        }
        Settled::Before(_) => return Err(ApiError::new("approval-settled", StatusCode::CONFLICT)),
        Settled::Own => return Err(ApiError::new("own-approval", StatusCode::FORBIDDEN)),
        Settled::NotFound => return Err(ApiError::not_found()),
    };
    if settled.due_at.is_some() {
        acts::begin(app, staff.shop(app)?, &settled, PATIENCE).await?;
    }
    detail(app, staff, id).await
}

fn settlement(
    app: &App,
    staff: &Staff,
    of: &Approval,
    approve: bool,
    note: Option<String>,
) -> Settlement {
    let now = app.now();
    let entry = audit::Entry {
        id: ids::flow(now),
        shop: of.shop.clone(),
        at: now,
        by: staff.actor(),
        role: Some(staff.role()),
        act: if approve { "approval.approve" } else { "approval.decline" },
        subject: of.name.clone(),
        detail: serde_json::json!({
            "approval": of.id.to_string(), "asked_by": of.asked_name, "worth": of.worth,
        }),
        reason: None,
        note: note.clone(),
        origin: staff.origin.clone(),
        flow: None,
    };
    Settlement {
        id: of.id,
        staff: staff.account.id,
        staff_name: staff.account.name.clone(),
        approve,
        note,
        entry,
    }
}
