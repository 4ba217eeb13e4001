//! `/admin/customers`: everybody whom Kaeru has met, found by number or name.

use super::{Page, forms, show};
use crate::{
    app::App,
    web::{
        api::customers::{self, CustomerItem, CustomersQuery},
        error::ApiError,
    },
};
use askama::Template;
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use std::sync::Arc;

const PLACE: &str = "/admin/customers";

#[derive(Template)]
#[template(path = "admin/customers.html")]
struct CustomersPage {
    page: Page,
    q: String,
    rows: Vec<Row>,
    next: Option<String>,
    /// The first page of the same list, where this is a later one.
    first: Option<String>,
}

struct Row {
    item: CustomerItem,
    name: String,
    /// Gone, or gone on as another.
    standing: Option<String>,
}

/// The name, or where there is none what stands for it.
pub fn name(page: &Page, item: &CustomerItem) -> String {
    let unnamed = || page.with("customer-unnamed", &[("id", &item.id)]);
    item.name.clone().unwrap_or_else(unnamed)
}

/// What became of a customer who is not one any more.
pub fn standing(page: &Page, item: &CustomerItem) -> Option<String> {
    let erased = item.erased_at.as_ref().map(|_| page.t("customers-erased"));
    let merged = |id: &String| page.with("customers-merged", &[("id", id)]);
    erased.or_else(|| item.merged_into.as_ref().map(merged))
}

pub async fn list(
    State(app): State<Arc<App>>,
    page: Page,
    query: Result<Query<CustomersQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(asked) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let q = asked.q.clone().unwrap_or_default();
    let later = asked.cursor.is_some();
    let found = customers::read(&app, &page.staff, asked).await?;
    let place = |cursor: &str| forms::address(PLACE, &[("q", &q), ("cursor", cursor)]);
    let (next, first) = (found.next_cursor.as_deref().map(place), later.then(|| place("")));
    let row = |item: CustomerItem| Row {
        name: name(&page, &item),
        standing: standing(&page, &item),
        item,
    };
    let rows = found.items.into_iter().map(row).collect();
    show(&CustomersPage { page, q, rows, next, first })
}
