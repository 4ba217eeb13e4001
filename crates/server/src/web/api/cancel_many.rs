//! `POST /admin/api/v1/coupons/cancel`: a job that takes many coupons back, or a dry run of it.

use super::{
    cancel::CancelRequest,
    jobs::{JobDetail, RowQuery, detail},
};
use crate::{
    app::App,
    bell::Due,
    ids,
    jobs::{
        cancel_coupons::{KIND, Wanted},
        codes,
    },
    store::{
        audit,
        jobs::{self, Begun, Job, New, Subject},
    },
    web::{
        auth_staff::Staff,
        body::Body,
        error::{ApiError, ProblemBody},
        idempotency,
    },
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
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

/// 202 with the job and its place, or the problem.
pub async fn accepted(app: &Arc<App>, staff: &Staff, begun: Result<Job, ApiError>) -> Response {
    let shown = match begun {
        Ok(job) => detail(app, staff, job, &RowQuery::default()).await,
        Err(error) => Err(error),
    };
    match shown {
        Ok(job) => {
            let place = HeaderValue::from_str(&format!("/admin/api/v1/jobs/{}", job.job.id));
            let mut response = (StatusCode::ACCEPTED, Json(job)).into_response();
            response.headers_mut().extend(place.ok().map(|place| (header::LOCATION, place)));
            response
        }
        Err(error) => error.in_language(staff.language).into_response(),
    }
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
    let now = app.now();
    let id = ids::flow(now);
    let entry = audit::Entry {
        id,
        shop: staff.shop_id().clone(),
        at: now,
        by: staff.actor(),
        role: Some(staff.role()),
        act: if dry_run { "job.dry_run" } else { "job.begin" },
        subject: id.to_string(),
        detail: serde_json::json!({"kind": KIND, "rows": subjects.len()}),
        reason: Some(reason.as_str().to_owned()),
        note,
        origin: staff.origin.clone(),
        flow: None,
    };
    let new = New {
        kind: KIND,
        dry_run,
        body,
        staff: staff.account.id,
        staff_name: staff.account.name.clone(),
        request,
        subjects,
        entry,
    };
    match jobs::begin(&app.database, new).await? {
        Begun::Started(job) | Begun::Known(job) => {
            app.bell.ring(Due::Jobs);
            Ok(job)
        }
        Begun::KeyReused => {
            Err(ApiError::new("idempotency-key-reused", StatusCode::UNPROCESSABLE_ENTITY))
        }
    }
}
