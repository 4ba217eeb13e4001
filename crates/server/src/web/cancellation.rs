//! What a cancellation is answered with, to staff and to the coupon's owner alike.

use super::{
    error::{ApiError, ProblemBody},
    language::Language,
    storefront::conversions::BalanceBody,
};
use crate::acts::Declined;
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Actor, Cancellation, FlowId, Points, cancellation::View};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct CancellationBody {
    pub id: String,
    /// `processing`, `confirming`, `completed` or `failed`.
    #[schema(example = "completed")]
    pub status: &'static str,
    #[schema(example = "70934-AC37DE-500")]
    pub code: String,
    /// Only where it is completed: 0 where it was decided that the points stay away.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 500)]
    pub points_refunded: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<BalanceBody>,
    /// What the points book's history says.
    #[schema(example = "CANCEL-70934-AC37DE-500")]
    pub reference: String,
    #[schema(example = "customer_request")]
    pub reason: &'static str,
    /// Who decided: a name, `customer` or `system`.
    #[schema(example = "Sato Keiko")]
    pub cancelled_by: String,
    pub cancelled_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemBody>,
}

fn name(by: &Actor) -> String {
    by.name().unwrap_or_else(|| by.kind()).to_owned()
}

pub fn body(id: FlowId, flow: &Cancellation, language: Language) -> CancellationBody {
    let terms = &flow.terms;
    let view = flow.view();
    let (mut points, mut balance) = (None, None);
    if let View::Completed { moved } = view {
        points = Some(moved.map_or(0, |_| terms.coupon.terms.points.get()));
        balance = moved.map(|moved| BalanceBody {
            before: moved.before.map(Points::get),
            after: moved.after.map(Points::get),
        });
    }
    let problem = match view {
        View::Failed { problem } => Some(ApiError::of(problem).in_language(language).body()),
        _ => None,
    };
    CancellationBody {
        id: id.to_string(),
        status: match view {
            View::Processing => "processing",
            View::Confirming => "confirming",
            View::Completed { .. } => "completed",
            View::Failed { .. } => "failed",
        },
        code: terms.coupon.terms.code.to_string(),
        points_refunded: points,
        balance,
        reference: terms.reference().to_string(),
        reason: terms.reason.as_str(),
        cancelled_by: name(&terms.by),
        cancelled_at: terms.at.rfc3339(),
        problem,
    }
}

/// 200 where it is done, 202 with a place to ask where it goes on, else its problem.
pub fn answer(id: FlowId, flow: &Cancellation, place: &str, language: Language) -> Response {
    let mut body = body(id, flow, language);
    match flow.view() {
        View::Completed { .. } => (StatusCode::OK, Json(body)).into_response(),
        View::Failed { problem } => ApiError::of(problem).in_language(language).into_response(),
        View::Processing | View::Confirming => {
            body.status = "confirming";
            let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
            if let Ok(place) = HeaderValue::from_str(place) {
                response.headers_mut().insert(header::LOCATION, place);
            }
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
    }
}

impl From<Declined> for ApiError {
    fn from(declined: Declined) -> Self {
        match declined {
            Declined::NotFound => ApiError::not_found(),
            Declined::Problem(problem) => ApiError::of(problem),
            Declined::KeyReused => {
                ApiError::new("idempotency-key-reused", StatusCode::UNPROCESSABLE_ENTITY)
            }
            Declined::Store(error) => error.into(),
        }
    }
}
