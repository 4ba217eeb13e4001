//! `POST /admin/api/v1/orders/{id}/take-back`: what came back of a cancelled order is taken again,
//! once the order was re-opened. Nothing does that by itself.

use super::{
    cancel::{PATIENCE, key},
    grants,
};
use crate::{
    acts,
    app::App,
    reversals::again::{self, Choice},
    web::{
        auth_staff::Staff,
        body::Body,
        error::{ApiError, ProblemBody},
        idempotency,
        reversal::{self, ReversalBody},
    },
};
use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use domain::{
    Act, Flow, FlowId, Problem, Reversal,
    reversal::{Outcome, State as Standing},
};
use engine::store::Request;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

const fn yes() -> bool {
    true
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeBackRequest {
    /// Whether the points that came back are taken.
    #[serde(default = "yes")]
    pub points: bool,
    /// Whether Kaeru's own store credit that came back is taken.
    #[serde(default = "yes")]
    pub credits: bool,
    /// For the audit log.
    #[schema(example = "Paid after all")]
    pub reason: String,
}

#[utoipa::path(post, path = "/admin/api/v1/orders/{id}/take-back", tag = "staff",
    security(("staff" = [])), request_body = TakeBackRequest,
    params(("id" = String, Path, description = "Id or name"),
        ("Idempotency-Key" = String, Header)),
    responses((status = 200, body = ReversalBody), (status = 202, body = ReversalBody),
        (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn create(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<TakeBackRequest>,
) -> Response {
    let begin = async {
        staff.may(Act::Cancel)?;
        let request = key(idempotency::request(&headers, &body.bytes)?, &id);
        carry_out(&app, &staff, &id, &body.said, request).await
    };
    match begin.await {
        Ok((id, flow)) => reversal::answer(id, &flow, staff.language),
        Err(error) => error.in_language(staff.language).into_response(),
    }
}

/// Takes it, once by the request's key, and waits until people can be told how it stands.
///
/// # Errors
/// Where nothing was taken: `insufficient-points` where no balance holds what was to go.
pub async fn carry_out(
    app: &Arc<App>,
    staff: &Staff,
    order: &str,
    said: &TakeBackRequest,
    request: Request,
) -> Result<(FlowId, Box<Reversal>), ApiError> {
    let TakeBackRequest { points, credits, reason } = said;
    let reason = grants::text("reason", reason)?;
    let choice = Choice { by: staff.actor(), points: *points, credits: *credits, reason };
    let begun = again::begin(app, staff.shop(app)?, order, choice, request).await?;
    let row = begun.see_through(app, PATIENCE).await;
    let flow = match row.flow {
        Flow::Reversal(flow) if flow.terms.again.is_some() => flow,
        // The key was given to something else.
        _ => return Err(acts::Declined::KeyReused.into()),
    };
    match &flow.state {
        Standing::Ended { done } if done.iter().all(|of| *of == Outcome::Short) => {
            Err(Problem::InsufficientPoints.into())
        }
        _ => Ok((row.id, flow)),
    }
}
