//! `GET /storefront/v1/coupons`: the customer's own, newest first.

use super::{
    conversions::CouponBody,
    page::{Page, PageQuery},
    points::MoneyBody,
};
use crate::{
    app::App,
    store::reads::CouponRow,
    web::{auth::Customer, error::ApiError, error::ProblemBody},
};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use domain::{At, Money};
use iso_currency::Currency;
use std::sync::Arc;

#[utoipa::path(get, path = "/storefront/v1/coupons", tag = "customer",
    security(("customer" = [])), params(PageQuery),
    responses((status = 200, body = Page<CouponBody>), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody)))]
pub async fn list(
    State(app): State<Arc<App>>,
    customer: Customer,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<Page<CouponBody>>, ApiError> {
    let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let limit = query.limit();
    let before = query.before()?;
    let rows = app.reads.coupons(&customer.shop, customer.id, before, limit + 1).await?;
    let now = app.now();
    let minutes = customer.shop(&app)?.rules.undo_minutes;
    let item = |row: CouponRow| {
        let currency = Currency::from_code(&row.currency).unwrap_or(Currency::XXX);
        let expired = row.status == "active" && row.expires_at < now;
        let alive = row.status == "active" && !expired;
        let until = super::undo::until(row.created_at, minutes, now).filter(|_| alive);
        CouponBody {
            undo_until: until.map(At::rfc3339),
            code: row.code,
            amount: MoneyBody::from(Money { minor: row.amount, currency }),
            points_used: row.points,
            created_at: row.created_at.rfc3339(),
            expires_at: row.expires_at.rfc3339(),
            status: match row.status.as_str() {
                _ if expired => "expired".to_owned(),
                // It cannot be used any more, and whether it is over is not known yet.
                "cancelling" => "held".to_owned(),
                _ => row.status,
            },
        }
    };
    Ok(Json(Page::of(rows, limit, |row| (row.created_at, &row.code), item)))
}
