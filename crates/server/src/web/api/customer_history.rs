//! `GET /admin/api/v1/customers/{id}/history`: «where did my points go?»

use super::{customer, grants};
use crate::{
    app::{App, Shop},
    store::{
        ledger::{self, History},
        person::Person,
        reads::MovementRow,
    },
    web::{
        auth_staff::Staff,
        error::{ApiError, ProblemBody},
        storefront::page::{Page, PageQuery},
    },
};
use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
};
use domain::{Act, At, PosId};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HistoryItem {
    pub at: String,
    /// Signed: −500 for a conversion.
    #[schema(example = -500)]
    pub points: i64,
    /// After it, where the points book told.
    pub balance: Option<i64>,
    pub reason: String,
    #[schema(example = "COUPON-70934-AC37DE-500")]
    pub reference: String,
    /// The reference of its counterpart, once there is one.
    pub linked_to: Option<String>,
    /// Where Kaeru holds the points: `granted`, `opening`, `redeemed`, `expired` or `corrected`.
    pub kind: Option<String>,
    /// Until when the points that it brought are good.
    pub expires_at: Option<String>,
    /// The staff member who made it.
    pub by: Option<String>,
}

#[utoipa::path(get, path = "/admin/api/v1/customers/{id}/history", tag = "staff",
    security(("staff" = [])), params(("id" = String, Path), PageQuery),
    responses((status = 200, body = Page<HistoryItem>), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub async fn list(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<Page<HistoryItem>>, ApiError> {
    let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let found = read(&app, &staff, &id, query).await;
    found.map(Json).map_err(|error| error.in_language(staff.language))
}

/// Newest first: all movements where Kaeru holds the points, else those that Kaeru made.
pub async fn read(
    app: &App,
    staff: &Staff,
    id: &str,
    query: PageQuery,
) -> Result<Page<HistoryItem>, ApiError> {
    staff.may(Act::See)?;
    let shop = staff.shop(app)?;
    let person = customer::find(app, shop, grants::customer(id)?).await?;
    of(app, shop, &person, &query).await
}

/// A page of somebody's movements.
pub async fn of(
    app: &App,
    shop: &Shop,
    person: &Person,
    query: &PageQuery,
) -> Result<Page<HistoryItem>, ApiError> {
    let (limit, before) = (query.limit(), query.before()?);
    let Some(book) = &shop.builtin else {
        let rows = app.reads.history(&shop.id, person.id, before, limit + 1).await?;
        return Ok(Page::of(rows, limit, |row| (row.at, &row.reference), made));
    };
    let page = History { before: before.map(|place| place.at.0), most: limit + 1 };
    let holder = book.holder(&PosId(person.pos_id.clone()));
    let rows = ledger::history(&app.database, &holder, page).await?;
    // The movement's number in its account is the place, where other lists have a moment.
    Ok(Page::of(rows, limit, |row| (At(row.seq), ""), held))
}

fn made(row: MovementRow) -> HistoryItem {
    HistoryItem {
        at: row.at.rfc3339(),
        points: row.points,
        balance: row.balance,
        reason: row.reason,
        reference: row.reference,
        linked_to: row.linked_to,
        kind: None,
        expires_at: row.good_until.map(At::rfc3339),
        by: None,
    }
}

fn held(row: ledger::MovementRow) -> HistoryItem {
    HistoryItem {
        at: row.at.rfc3339(),
        points: row.amount,
        balance: Some(row.balance),
        reason: row.reason,
        reference: row.reference,
        linked_to: row.linked_to,
        kind: Some(row.counter),
        expires_at: row.expires_at.map(At::rfc3339),
        by: row.actor,
    }
}
