//! `GET /storefront/v1/history`: every movement of the customer's points that Kaeru made;
//! where Kaeru holds them, every one.

use super::page::{Page, PageQuery};
use crate::{
    account,
    app::App,
    store::{
        ledger::{self, History},
        reads::MovementRow,
    },
    web::{auth::Customer, error::ApiError, error::ProblemBody},
};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use domain::At;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct MovementBody {
    pub at: String,
    /// Signed: −500 for a conversion.
    #[schema(example = -500)]
    pub points: i64,
    /// The balance after it, where the points book told.
    pub balance: Option<i64>,
    #[schema(example = "conversion")]
    pub reason: String,
    #[schema(example = "COUPON-70934-AC37DE-500")]
    pub reference: String,
    /// The reference of its counterpart, once there is one.
    pub linked_to: Option<String>,
    /// Until when the points that it brought are good, where that is known.
    pub expires_at: Option<String>,
}

#[utoipa::path(get, path = "/storefront/v1/history", tag = "customer",
    security(("customer" = [])), params(PageQuery),
    responses((status = 200, body = Page<MovementBody>), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody)))]
pub async fn list(
    State(app): State<Arc<App>>,
    customer: Customer,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<Page<MovementBody>>, ApiError> {
    let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let limit = query.limit();
    let before = query.before()?;
    let shop = customer.shop(&app)?;
    if let Some(book) = &shop.builtin {
        let card = account::card(&app, shop, customer.id).await?;
        let page = History { before: before.map(|place| place.at.0), most: limit + 1 };
        let rows = ledger::history(&app.database, &book.holder(&card.pos_id), page).await?;
        // The movement's number in its account is the place, where other books have a moment.
        return Ok(Json(Page::of(rows, limit, |row| (At(row.seq), ""), held)));
    }
    let rows = app.reads.history(&customer.shop, customer.id, before, limit + 1).await?;
    let item = |row: MovementRow| MovementBody {
        at: row.at.rfc3339(),
        points: row.points,
        balance: row.balance,
        reason: row.reason,
        reference: row.reference,
        linked_to: row.linked_to,
        expires_at: row.good_until.map(At::rfc3339),
    };
    Ok(Json(Page::of(rows, limit, |row| (row.at, &row.reference), item)))
}

fn held(row: ledger::MovementRow) -> MovementBody {
    MovementBody {
        at: row.at.rfc3339(),
        points: row.amount,
        balance: Some(row.balance),
        reason: row.reason,
        reference: row.reference,
        linked_to: row.linked_to,
        expires_at: row.expires_at.map(At::rfc3339),
    }
}
