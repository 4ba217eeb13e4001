//! `POST /admin/api/v1/customers/{id}/lots/{no}/extend`: what is left of a lot becomes good for
//! longer.

use crate::{
    account,
    app::{App, Shop},
    store::ledger::Asked,
    web::{
        api::grants::{self, GrantBody, Said},
        auth_staff::Staff,
        body::Body,
        error::{ApiError, ProblemBody},
        idempotency, moments,
    },
};
use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
};
use domain::{Act, At, CustomerId};
use engine::store::Request;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtendRequest {
    /// A day in the shop's time zone, or a moment. A paid lot: at most six months from its issue.
    #[schema(example = "2027-03-31")]
    pub expires_at: String,
    #[schema(example = "The shop was closed for a month")]
    pub reason: String,
}

impl ExtendRequest {
    /// What is asked of that lot of the customer's, and what is said of it.
    ///
    /// # Errors
    /// Where there is no such number, or a field is no good.
    pub fn of(
        &self,
        shop: &Shop,
        customer: CustomerId,
        no: &str,
        act: &'static str,
    ) -> Result<(Asked, Said), ApiError> {
        let lot: i64 = no.parse().map_err(|_| ApiError::not_found())?;
        let until = moments::end("expires_at", &self.expires_at, &shop.zone)?;
        let detail = json!({"lot": lot, "expires_at": until.rfc3339()});
        let reason = grants::text("reason", &self.reason)?;
        Ok((Asked::Extend { lot, until }, Said { act, customer, detail, reason, note: None }))
    }
}

#[utoipa::path(post, path = "/admin/api/v1/customers/{id}/lots/{no}/extend", tag = "staff",
    security(("staff" = [])), request_body = ExtendRequest,
    params(("id" = String, Path), ("no" = i64, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 200, body = GrantBody), (status = 400, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn extend(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path((id, no)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body<ExtendRequest>,
) -> Result<Json<GrantBody>, ApiError> {
    let done = async {
        staff.may(Act::Grant)?;
        let request = idempotency::request(&headers, &body.bytes)?;
        longer(&app, &staff, (&id, &no), &body.said, &request).await
    };
    done.await.map(Json).map_err(|error| error.in_language(staff.language))
}

/// Moves what is left of the lot to one with a later end, once by the request's key.
pub async fn longer(
    app: &App,
    staff: &Staff,
    (id, no): (&str, &str),
    wanted: &ExtendRequest,
    request: &Request,
) -> Result<GrantBody, ApiError> {
    let shop = staff.shop(app)?;
    let (book, customer) = (grants::book(shop)?, grants::customer(id)?);
    let (asked, said) = wanted.of(shop, customer, no, "points.extend")?;
    let reference = grants::reference("EXTEND", request);
    let holder = account::pos_id(app, shop, customer).await?;
    let done = grants::carry_out(app, staff, book, &holder, reference.clone(), asked, said).await?;
    Ok(GrantBody {
        reference: reference.0,
        points: done.amount,
        balance: done.balance,
        expires_at: done.expires_at.map(At::rfc3339),
    })
}
