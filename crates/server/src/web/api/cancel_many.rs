//! `POST /admin/api/v1/coupons/cancel`: a job that takes many coupons back, or a dry run of it.

use super::{
    cancel::CancelRequest,
    job_begin::{Run, accepted, open},
    jobs::JobDetail,
};
use crate::{
    app::App,
    jobs::{
        cancel_coupons::{KIND, Wanted},
        codes,
    },
    store::jobs::{Job, Subject},
    web::{
        auth_staff::Staff,
        body::Body,
        error::{ApiError, ProblemBody},
        idempotency,
    },
};
use axum::{extract::State, http::HeaderMap, response::Response};
use domain::Act;
use engine::store::Request;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// As many codes as a job takes, with room to spare. Bytes.
pub const LARGEST: usize = 1024 * 1024;

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelManyRequest {
    /// At most 10,000; one that is named twice counts once.
    #[serde(default)]
    #[schema(example = json!(["70934-AC37DE-500", "70934-XY34ZW-1000"]))]
    pub codes: Vec<String>,
    /// Instead of `codes`, a file's text: its column `code`, else its first one.
    #[serde(default)]
    pub csv: Option<String>,
    /// `customer_request`, `order_cancelled`, `issued_in_error` or `other`.
    #[schema(example = "issued_in_error")]
    pub reason: String,
    /// Required with `other`.
    #[serde(default)]
    pub note: Option<String>,
    /// Whether the owners are written to.
    #[serde(default = "yes")]
    pub notify: bool,
    /// Nothing is changed; each row says whether it could be.
    #[serde(default)]
    pub dry_run: bool,
}

const fn yes() -> bool {
    true
}

#[utoipa::path(post, path = "/admin/api/v1/coupons/cancel", tag = "staff",
    security(("staff" = [])), request_body = CancelManyRequest,
    params(("Idempotency-Key" = String, Header)),
    responses((status = 202, body = JobDetail), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 413, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn create(
    State(app): State<Arc<App>>,
    staff: Staff,
    headers: HeaderMap,
    body: Body<CancelManyRequest>,
) -> Response {
    let begin = async {
        staff.may(Act::Bulk)?;
        let request = idempotency::request(&headers, &body.bytes)?;
        begin(&app, &staff, body.said, request).await
    };
    accepted(&app, &staff, begin.await).await
}

/// Begins the job, or finds the one that the key began.
///
/// # Errors
/// `invalid-request`, naming the field; `idempotency-key-reused`.
pub async fn begin(
    app: &Arc<App>,
    staff: &Staff,
    wanted: CancelManyRequest,
    request: Request,
) -> Result<Job, ApiError> {
    let subjects = match &wanted.csv {
        Some(_) if !wanted.codes.is_empty() => Err("csv: give either codes or csv".to_owned()),
        Some(text) => codes::from_csv(text),
        None => codes::check(wanted.codes.iter().map(String::as_str)),
    };
    let subjects = subjects.map_err(ApiError::invalid)?.into_iter().map(Subject::from);
    let subjects: Vec<Subject> = subjects.collect();
    let CancelManyRequest { reason, note, notify, dry_run, .. } = wanted;
    let (reason, note) = CancelRequest { reason, note, notify }.check()?;
    let body = Wanted { reason, note: note.clone(), notify };
    let body = serde_json::to_string(&body).map_err(|_| ApiError::internal())?;
    let run = Run { kind: KIND, dry_run, body, subjects, reason: Some(reason.as_str()), note };
    open(app, staff, run, request).await
}
