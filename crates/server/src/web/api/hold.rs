//! `POST …/hold`, `/release`, `/confirm`: a suspected coupon is dead at once and its points stay;
//! an investigator brings it back, or takes it away.

use super::cancel::{self, CancelRequest, PATIENCE};
use crate::{
    acts,
    app::App,
    web::{
        auth_staff::Staff,
        body::Body,
        cancellation::CancellationBody,
        error::{ApiError, ProblemBody},
        idempotency,
    },
};
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use domain::{Act, Flow, coupon::Status, hold};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldRequest {
    /// What is suspected, or why it is released: one of the two is needed.
    #[serde(default)]
    #[schema(example = "fraud")]
    pub reason: Option<String>,
    #[serde(default)]
    #[schema(example = "five conversions in a minute")]
    pub note: Option<String>,
}

impl HoldRequest {
    /// Both as one text, as it is kept.
    fn why(&self) -> String {
        let said = [&self.reason, &self.note].into_iter().flatten().map(|text| text.trim());
        said.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ")
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct HoldBody {
    pub id: String,
    pub code: String,
    /// `held` or `unused`; `in_doubt` while Shopify has not confirmed it.
    pub status: &'static str,
    pub by: String,
    pub at: String,
}

#[utoipa::path(post, path = "/admin/api/v1/coupons/{code}/hold", tag = "staff",
    security(("staff" = [])), request_body = HoldRequest,
    params(("code" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 200, body = HoldBody), (status = 202, body = HoldBody),
        (status = 400, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
pub async fn hold(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(code): Path<String>,
    headers: HeaderMap,
    body: Body<HoldRequest>,
) -> Response {
    act(&app, &staff, &code, &headers, &body, hold::Act::Hold).await
}

#[utoipa::path(post, path = "/admin/api/v1/coupons/{code}/release", tag = "staff",
    security(("staff" = [])), request_body = HoldRequest,
    params(("code" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 200, body = HoldBody), (status = 202, body = HoldBody),
        (status = 400, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
pub async fn release(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(code): Path<String>,
    headers: HeaderMap,
    body: Body<HoldRequest>,
) -> Response {
    act(&app, &staff, &code, &headers, &body, hold::Act::Release).await
}

async fn act(
    app: &Arc<App>,
    staff: &Staff,
    code: &str,
    headers: &HeaderMap,
    body: &Body<HoldRequest>,
    act: hold::Act,
) -> Response {
    let begin = async {
        staff.may(Act::Cancel)?;
        let request = cancel::key(idempotency::request(headers, &body.bytes)?, code);
        carry_out(app, staff, code, act, &body.said.why(), Some(request)).await
    };
    match begin.await {
        Ok(body) => {
            let waits = body.status == "in_doubt";
            let status = if waits { StatusCode::ACCEPTED } else { StatusCode::OK };
            (status, Json(body)).into_response()
        }
        Err(error) => error.in_language(staff.language).into_response(),
    }
}

/// Holds or releases, and waits until Shopify has confirmed it, or a while.
pub async fn carry_out(
    app: &Arc<App>,
    staff: &Staff,
    code: &str,
    act: hold::Act,
    note: &str,
    request: Option<engine::store::Request>,
) -> Result<HoldBody, ApiError> {
    let note = note.trim();
    if note.is_empty() {
        return Err(ApiError::invalid("note: say what is suspected".to_owned()));
    }
    let (shop, by) = (staff.shop_id(), staff.actor());
    let begun = acts::hold(app, shop, code, act, by, note.to_owned(), request).await?;
    let row = begun.see_through(app, PATIENCE).await;
    let Flow::Hold(flow) = &row.flow else { return Err(acts::Declined::KeyReused.into()) };
    Ok(HoldBody {
        id: row.id.to_string(),
        code: flow.terms.coupon.terms.code.to_string(),
        status: match (flow.done(), flow.terms.act) {
            (false, _) => "in_doubt",
            (true, hold::Act::Hold) => "held",
            (true, hold::Act::Release) => "unused",
        },
        by: flow.terms.by.name().unwrap_or_default().to_owned(),
        at: flow.terms.at.rfc3339(),
    })
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRequest {
    /// Whether the points go back to the customer.
    pub refund: bool,
    #[schema(example = "issued_in_error")]
    pub reason: String,
    #[serde(default)]
    pub note: Option<String>,
    #[serde(default)]
    pub notify: bool,
}

#[utoipa::path(post, path = "/admin/api/v1/coupons/{code}/confirm", tag = "staff",
    security(("staff" = [])), request_body = ConfirmRequest,
    params(("code" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 200, body = CancellationBody), (status = 202, body = CancellationBody),
        (status = 400, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
pub async fn confirm(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(code): Path<String>,
    headers: HeaderMap,
    body: Body<ConfirmRequest>,
) -> Response {
    let begin = async {
        let ConfirmRequest { refund, reason, note, notify } = body.said.clone();
        staff.may(if refund { Act::ReleaseWithRefund } else { Act::Cancel })?;
        let request = cancel::key(idempotency::request(&headers, &body.bytes)?, &code);
        let wanted = CancelRequest { reason, note, notify };
        cancel::cancel(&app, &staff, &code, &wanted, Status::Held, refund, Some(request)).await
    };
    match begin.await {
        Ok((id, flow)) => cancel::answer(id, &flow, &staff),
        Err(error) => error.in_language(staff.language).into_response(),
    }
}
