//! How a run over many rows begins, whatever is done with each.

use super::jobs::{RowQuery, detail};
use crate::{
    app::App,
    bell::Due,
    ids,
    store::{
        audit,
        jobs::{self, Begun, Job, New, Subject},
    },
    web::{auth_staff::Staff, error::ApiError},
};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use engine::store::Request;
use std::sync::Arc;

/// A run as staff ask for it.
pub struct Run {
    /// [`Job::kind`].
    pub kind: &'static str,
    pub dry_run: bool,
    /// JSON: what is done with each row.
    pub body: String,
    pub subjects: Vec<Subject>,
    /// For the audit log.
    pub reason: Option<&'static str>,
    pub note: Option<String>,
}

/// Begins the job, or finds the one that the key began.
///
/// # Errors
/// `idempotency-key-reused`.
pub async fn open(app: &App, staff: &Staff, run: Run, request: Request) -> Result<Job, ApiError> {
    let Run { kind, dry_run, body, subjects, reason, note } = run;
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
        detail: serde_json::json!({"kind": kind, "rows": subjects.len()}),
        reason: reason.map(str::to_owned),
        note,
        origin: staff.origin.clone(),
        flow: None,
    };
    let (staff, staff_name) = (staff.account.id, staff.account.name.clone());
    let new = New { kind, dry_run, body, staff, staff_name, request, subjects, entry };
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
