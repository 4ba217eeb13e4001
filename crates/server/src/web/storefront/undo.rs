//! `POST /storefront/v1/coupons/{code}/cancel`: the owner takes an unused coupon back, within the
//! minutes that the shop grants; `GET` tells how that stands.

use crate::{
    acts,
    app::App,
    store::coupons::{self, Found},
    web::{
        auth::Customer,
        cancellation::{self, CancellationBody},
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
use domain::{Actor, At, Cancellation, Flow, FlowId, cancellation::Why, coupon::Status};
use engine::store::Request;
use std::{sync::Arc, time::Duration};

/// A browser waits for an answer at most so long; then it is told to ask again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Until when the owner may take the coupon back; `None`: not any more, or never.
pub fn until(created_at: At, minutes: u16, now: At) -> Option<At> {
    let end = created_at.plus(Duration::from_secs(60 * u64::from(minutes)));
    (minutes > 0 && now < end).then_some(end)
}

#[utoipa::path(post, path = "/storefront/v1/coupons/{code}/cancel", tag = "customer",
    security(("customer" = [])),
    params(("code" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 200, body = CancellationBody), (status = 202, body = CancellationBody),
        (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 503, body = ProblemBody)))]
pub async fn create(
    State(app): State<Arc<App>>,
    customer: Customer,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Response {
    let language = customer.language;
    match undo(&app, &customer, &code, &headers).await {
        Ok((id, flow)) => {
            let code = &flow.terms.coupon.terms.code;
            let place = format!("/storefront/v1/coupons/{code}/cancel");
            cancellation::answer(id, &flow, &place, language)
        }
        Err(error) => error.in_language(language).into_response(),
    }
}

async fn undo(
    app: &Arc<App>,
    customer: &Customer,
    code: &str,
    headers: &HeaderMap,
) -> Result<(FlowId, Cancellation), ApiError> {
    let shop = customer.shop(app)?;
    let found = own(app, customer, code).await?;
    let Request { key, fingerprint } =
        idempotency::request(headers, found.terms.code.as_str().as_bytes())?;
    let request = Request { key: format!("undo {key}"), fingerprint };
    let late = until(found.terms.created_at, shop.rules.undo_minutes, app.now()).is_none();
    if late && app.engine.store.by_key(&shop.id, customer.id, &request).await?.is_none() {
        return Err(ApiError::new("undo-too-late", StatusCode::CONFLICT));
    }
    let order = acts::Cancel {
        by: Actor::Customer,
        reason: Why::CustomerRequest,
        note: None,
        notify: true,
        refund: true,
        from: Status::Active,
        request: Some(request),
    };
    let begun = acts::cancel(app, shop, code, order).await?;
    let row = begun.see_through(app, PATIENCE).await;
    match row.flow {
        Flow::Cancellation(flow) => Ok((row.id, flow)),
        _ => Err(ApiError::not_found()),
    }
}

async fn own(app: &App, customer: &Customer, code: &str) -> Result<Found, ApiError> {
    let found = coupons::find(&app.database, &customer.shop, code, app.now()).await?;
    found.filter(|found| found.terms.customer == customer.id).ok_or_else(ApiError::not_found)
}

#[utoipa::path(get, path = "/storefront/v1/coupons/{code}/cancel", tag = "customer",
    security(("customer" = [])), params(("code" = String, Path)),
    responses((status = 200, body = CancellationBody), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody)))]
pub async fn show(
    State(app): State<Arc<App>>,
    customer: Customer,
    Path(code): Path<String>,
) -> Result<Json<CancellationBody>, ApiError> {
    let language = customer.language;
    let find = async {
        let found = own(&app, &customer, &code).await?;
        let act = found.act.ok_or_else(ApiError::not_found)?;
        let row = app.engine.store.load(act).await?.ok_or_else(ApiError::not_found)?;
        match &row.flow {
            Flow::Cancellation(flow) => Ok(Json(cancellation::body(row.id, flow, language))),
            _ => Err(ApiError::not_found()),
        }
    };
    find.await.map_err(|error: ApiError| error.in_language(language))
}
