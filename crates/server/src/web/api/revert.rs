//! `POST /admin/api/v1/orders/{id}/revert` gives back what was applied to a cancelled order;
//! `POST /orders/{id}/cancel` cancels it first.

use super::cancel::{PATIENCE, key};
use crate::{
    acts,
    app::App,
    approvals::{self, Met, Who},
    reversals::{Coupons, Wish},
    store::{approvals::Approval, order_lists},
    web::{
        auth_staff::Staff,
        body::Body,
        error::{ApiError, ProblemBody},
        idempotency, moments,
        reversal::{self, ReversalBody},
    },
};
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    Act, At, Flow, FlowId, Reversal,
    reversal::{Cancel, Why},
};
use engine::store::Request;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};
use utoipa::ToSchema;

/// A note may be so long; Shopify keeps the first 255 characters.
const LONGEST_NOTE: usize = 1_000;

const fn yes() -> bool {
    true
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevertRequest {
    /// Whether the coupons' points come back.
    #[serde(default = "yes")]
    pub points: bool,
    /// Whether store credit comes back.
    #[serde(default = "yes")]
    pub credits: bool,
    /// As what used coupons come back, where their points do: `points`, or `replacement` for a new
    /// coupon of the same worth, good until `extend_to` or as long as any new one. What has come
    /// back in part already comes back as points.
    #[serde(default)]
    pub coupons: Coupons,
    /// What the order earned stays with the customer, where the shop's policy would take it back.
    #[serde(default)]
    pub keep_earned: bool,
    /// Until when what comes back is to be good: a day in the shop's time zone, or a moment.
    #[serde(default)]
    #[schema(example = "2027-03-31")]
    pub extend_to: Option<String>,
    /// The same lot by lot, before that: by a coupon's code, or a payment's number.
    #[serde(default)]
    pub extend: BTreeMap<String, String>,
    /// Whether the customer is written to.
    #[serde(default)]
    pub notify: bool,
}

/// What comes back with a cancellation.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevertChoice {
    #[serde(default)]
    pub points: bool,
    #[serde(default)]
    pub credits: bool,
    #[serde(default)]
    pub coupons: Coupons,
    #[serde(default)]
    pub keep_earned: bool,
    #[serde(default)]
    pub extend_to: Option<String>,
    #[serde(default)]
    pub extend: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelOrderRequest {
    /// `customer`, `inventory`, `fraud`, `declined`, `staff` or `other`.
    #[schema(example = "customer")]
    pub reason: String,
    #[serde(default)]
    pub note: Option<String>,
    /// Whether the goods go back to the stock.
    #[serde(default)]
    pub restock: bool,
    /// Left out, nothing comes back now: the order waits as `not_reverted`.
    #[serde(default)]
    pub revert: RevertChoice,
    #[serde(default)]
    pub notify: bool,
}

impl CancelOrderRequest {
    /// # Errors
    /// `invalid-request`, naming the field.
    pub fn check(&self) -> Result<Cancel, ApiError> {
        let reason = Why::parse(&self.reason).ok_or_else(|| {
            let all = Why::ALL.map(Why::as_str).join(", ");
            ApiError::invalid(format!("reason: choose one of {all}"))
        })?;
        let note = self.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
        if note.is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
            return Err(ApiError::invalid(format!("note: at most {LONGEST_NOTE} characters")));
        }
        let note = note.map(str::to_owned);
        Ok(Cancel { reason, restock: self.restock, note, here: false })
    }
}

/// A day or a moment to come.
///
/// # Errors
/// `invalid-request`, naming the field.
pub fn extended(app: &App, staff: &Staff, text: Option<&String>) -> Result<Option<At>, ApiError> {
    let text = text.map(|text| text.trim()).filter(|text| !text.is_empty());
    let Some(text) = text else { return Ok(None) };
    let end = moments::end("extend_to", text, &staff.shop(app)?.zone)?;
    if end <= app.now() {
        return Err(ApiError::invalid("extend_to: this date is past".to_owned()));
    }
    Ok(Some(end))
}

/// The same of each lot; blank ones keep their own date.
fn extended_each(
    app: &App,
    staff: &Staff,
    lots: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, At>, ApiError> {
    let mut each = BTreeMap::new();
    for (lot, text) in lots {
        if let Some(end) = extended(app, staff, Some(text))? {
            each.insert(lot.clone(), end);
        }
    }
    Ok(each)
}

#[utoipa::path(post, path = "/admin/api/v1/orders/{id}/revert", tag = "staff",
    security(("staff" = [])), request_body = RevertRequest,
    params(("id" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 200, body = ReversalBody), (status = 202, body = AwaitingBody),
        (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 503, body = ProblemBody)))]
pub async fn revert(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<RevertRequest>,
) -> Response {
    let begin = async {
        staff.may(Act::Cancel)?;
        let request = key(idempotency::request(&headers, &body.bytes)?, &id);
        let wish = revert_wish(&app, &staff, &body.said, Some(request))?;
        carry_out(&app, &staff, &id, wish).await
    };
    respond(begin.await, &staff)
}

#[utoipa::path(post, path = "/admin/api/v1/orders/{id}/cancel", tag = "staff",
    security(("staff" = [])), request_body = CancelOrderRequest,
    params(("id" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 200, body = ReversalBody), (status = 202, body = AwaitingBody),
        (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 503, body = ProblemBody)))]
pub async fn cancel(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<CancelOrderRequest>,
) -> Response {
    let begin = async {
        staff.may(Act::Cancel)?;
        let request: Request = key(idempotency::request(&headers, &body.bytes)?, &id);
        let wish = cancel_wish(&app, &staff, &body.said, Some(request))?;
        carry_out(&app, &staff, &id, wish).await
    };
    respond(begin.await, &staff)
}

/// A new coupon stands for the points: without them nothing comes back.
fn chosen(points: bool, coupons: Coupons) -> Result<Coupons, ApiError> {
    if !points && coupons == Coupons::Replacement {
        return Err(ApiError::invalid("coupons: a replacement needs points: true".to_owned()));
    }
    Ok(coupons)
}

/// What is to come back of a cancelled order, checked.
///
/// # Errors
/// `invalid-request`, naming the field.
pub fn revert_wish(
    app: &App,
    staff: &Staff,
    said: &RevertRequest,
    request: Option<Request>,
) -> Result<Wish, ApiError> {
    Ok(Wish {
        points: said.points,
        credits: said.credits,
        coupons: chosen(said.points, said.coupons)?,
        keep_earned: said.keep_earned,
        extend_to: extended(app, staff, said.extend_to.as_ref())?,
        extend: extended_each(app, staff, &said.extend)?,
        notify: said.notify,
        request,
        ..Wish::of(staff.actor())
    })
}

/// The same with the order's cancellation.
///
/// # Errors
/// `invalid-request`, naming the field.
pub fn cancel_wish(
    app: &App,
    staff: &Staff,
    said: &CancelOrderRequest,
    request: Option<Request>,
) -> Result<Wish, ApiError> {
    let RevertChoice { points, credits, coupons, keep_earned, extend_to, extend } = &said.revert;
    Ok(Wish {
        points: *points,
        credits: *credits,
        coupons: chosen(*points, *coupons)?,
        keep_earned: *keep_earned,
        extend_to: extended(app, staff, extend_to.as_ref())?,
        extend: extended_each(app, staff, extend)?,
        notify: said.notify,
        cancel: Some(said.check()?),
        request,
        ..Wish::of(staff.actor())
    })
}

/// How a wish was met.
#[derive(Debug)]
pub enum Came {
    Begun(FlowId, Box<Reversal>),
    /// Somebody else must say yes first.
    Waits(Box<Approval>),
}

/// Begins it, and waits until people can be told how it stands; or asks for a second person.
pub async fn carry_out(
    app: &Arc<App>,
    staff: &Staff,
    order: &str,
    wish: Wish,
) -> Result<Came, ApiError> {
    let shop = staff.shop(app)?;
    if !wish.extend.is_empty() {
        let found = order_lists::find(&app.database, &shop.id, order).await?;
        let found = found.ok_or_else(ApiError::not_found)?;
        let has = |lot: &&String| {
            found.coupons.iter().any(|of| of.code == **lot)
                || found.credits.iter().any(|of| of.payment.to_string() == **lot)
        };
        if let Some(lot) = wish.extend.keys().find(|lot| !has(lot)) {
            return Err(ApiError::invalid(format!("extend: {lot} did not pay for this order")));
        }
    }
    let who = Who { role: Some(staff.role()), origin: staff.origin.clone() };
    let begun = match approvals::meet(app, shop, order, wish, who).await? {
        Met::Begun(begun) => begun,
        Met::Waits(approval) => return Ok(Came::Waits(approval)),
    };
    let row = begun.see_through(app, PATIENCE).await;
    match row.flow {
        Flow::Reversal(flow) => Ok(Came::Begun(row.id, flow)),
        // The key was given to something else.
        _ => Err(acts::Declined::KeyReused.into()),
    }
}

/// What waits for a second person.
#[derive(Debug, Serialize, ToSchema)]
pub struct AwaitingBody {
    /// `awaiting_approval`.
    #[schema(example = "awaiting_approval")]
    pub status: &'static str,
    pub approval: String,
    /// The order's id and name.
    pub order: String,
    pub name: String,
    /// In points, and the shop's threshold.
    pub worth: i64,
    pub threshold: i64,
    pub asked_by: String,
}

fn awaiting(approval: Approval) -> Response {
    let id = approval.id.to_string();
    let place = HeaderValue::from_str(&format!("/admin/api/v1/approvals/{id}"));
    let body = AwaitingBody {
        status: "awaiting_approval",
        approval: id,
        order: approval.order.0,
        name: approval.name,
        worth: approval.worth,
        threshold: approval.threshold,
        asked_by: approval.asked_name,
    };
    let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
    response.headers_mut().extend(place.ok().map(|place| (header::LOCATION, place)));
    response
}

fn respond(came: Result<Came, ApiError>, staff: &Staff) -> Response {
    match came {
        Ok(Came::Begun(id, flow)) => reversal::answer(id, &flow, staff.language),
        Ok(Came::Waits(approval)) => awaiting(*approval),
        Err(error) => error.in_language(staff.language).into_response(),
    }
}
