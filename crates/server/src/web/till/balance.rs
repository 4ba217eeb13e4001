//! `GET /pos/{shop}/customers/{id}/points`: what may be spent now.

use super::{Till, TillError};
use crate::store::ledger;
use axum::{Json, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct TillBalance {
    #[schema(example = 1250)]
    balance: i64,
}

#[utoipa::path(get, path = "/pos/{shop}/customers/{id}/points", tag = "till",
    security(("till" = [])), params(("shop" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = TillBalance), (status = 401, body = TillError),
        (status = 404, body = TillError)))]
pub async fn show(till: Till) -> Result<Json<TillBalance>, TillError> {
    let holder = till.book.holder(&till.customer);
    let found = ledger::balance(&till.book.database, &holder, till.book.now()).await?;
    if !found.known && !ledger::is_known(&till.book.database, &holder).await? {
        return Err(TillError::new(StatusCode::NOT_FOUND, "unknown_customer"));
    }
    Ok(Json(TillBalance { balance: found.amount }))
}
