//! `POST /admin/api/v1/coupons/{code}/cancel`: an unused coupon becomes points again.

use crate::{
    acts,
    app::App,
    web::{
        auth_staff::Staff,
        body::Body,
        cancellation::{self, CancellationBody},
        error::{ApiError, ProblemBody},
        idempotency,
    },
};
use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use domain::{Act, Cancellation, Flow, FlowId, cancellation::Why, coupon::Status};
use engine::store::Request;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use utoipa::ToSchema;

/// A browser waits for an answer at most so long; then it is told to ask again.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// A note may be so long.
const LONGEST_NOTE: usize = 1_000;

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// `customer_request`, `order_cancelled`, `issued_in_error` or `other`.
    #[schema(example = "customer_request")]
    pub reason: String,
    /// Required with `other`.
    #[serde(default)]
    pub note: Option<String>,
    /// Whether the customer is written to.
    #[serde(default = "yes")]
    pub notify: bool,
}

const fn yes() -> bool {
    true
}

impl CancelRequest {
    /// The reason and the note, checked.
    ///
    /// # Errors
    /// `invalid-request`, naming the field.
    pub fn check(&self) -> Result<(Why, Option<String>), ApiError> {
        let reason = Why::ALL.into_iter().find(|why| why.as_str() == self.reason);
        let reason = reason.ok_or_else(|| {
            let all = Why::ALL.map(Why::as_str).join(", ");
            ApiError::invalid(format!("reason: choose one of {all}"))
        })?;
        let note = self.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
        if reason == Why::Other && note.is_none() {
            return Err(ApiError::invalid("note: say why, where the reason is other".to_owned()));
        }
        if note.is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
            return Err(ApiError::invalid(format!("note: at most {LONGEST_NOTE} characters")));
        }
        Ok((reason, note.map(str::to_owned)))
    }
}

/// The key in a room of its own, so that it never meets a customer's.
pub fn key(request: Request, code: &str) -> Request {
    let Request { key, fingerprint } = request;
    Request { key: format!("staff {key}"), fingerprint: format!("{code} {fingerprint}") }
}

#[utoipa::path(post, path = "/admin/api/v1/coupons/{code}/cancel", tag = "staff",
    security(("staff" = [])), request_body = CancelRequest,
    params(("code" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 200, body = CancellationBody), (status = 202, body = CancellationBody),
        (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 503, body = ProblemBody)))]
pub async fn create(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(code): Path<String>,
    headers: HeaderMap,
    body: Body<CancelRequest>,
) -> Response {
    let begin = async {
        staff.may(Act::Cancel)?;
        let request = key(idempotency::request(&headers, &body.bytes)?, &code);
        cancel(&app, &staff, &code, &body.said, Status::Active, true, Some(request)).await
    };
    match begin.await {
        Ok((id, flow)) => answer(id, &flow, &staff),
        Err(error) => error.in_language(staff.language).into_response(),
    }
}

/// 200, 202 with the coupon's own place to ask, or the problem.
pub fn answer(id: FlowId, flow: &Cancellation, staff: &Staff) -> Response {
    let place = format!("/admin/api/v1/coupons/{}", flow.terms.coupon.terms.code);
    cancellation::answer(id, flow, &place, staff.language)
}

/// Takes the coupon back, and waits until people can be told how it stands.
pub async fn cancel(
    app: &Arc<App>,
    staff: &Staff,
    code: &str,
    wanted: &CancelRequest,
    from: Status,
    refund: bool,
    request: Option<Request>,
) -> Result<(FlowId, Cancellation), ApiError> {
    let (reason, note) = wanted.check()?;
    let order = acts::Cancel {
        by: staff.actor(),
        reason,
        note,
        notify: wanted.notify,
        refund,
        from,
        request,
    };
    let begun = acts::cancel(app, staff.shop(app)?, code, order).await?;
    let row = begun.see_through(app, PATIENCE).await;
    match row.flow {
        Flow::Cancellation(flow) => Ok((row.id, flow)),
        // The key was given to something else.
        _ => Err(acts::Declined::KeyReused.into()),
    }
}
