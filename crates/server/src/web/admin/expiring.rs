//! `/admin/expiring`: unused coupons that end soon, the earliest first.

use super::{Page, forms, show};
use crate::{
    app::App,
    web::{
        api::expiring::{self, ExpiringItem, ExpiringQuery},
        error::ApiError,
    },
};
use askama::Template;
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use domain::Act;
use std::sync::Arc;

/// What can be chosen: within so many days.
const SPANS: [u16; 3] = [7, 30, 90];
const PLACE: &str = "/admin/expiring";

#[derive(Template)]
#[template(path = "admin/expiring.html")]
struct ExpiringPage {
    page: Page,
    tabs: Vec<(String, String, bool)>,
    rows: Vec<Row>,
    next: Option<String>,
    first: Option<String>,
}

struct Row {
    item: ExpiringItem,
    customer: String,
    left: String,
    soon: bool,
}

/// How many days are left, counted in the shop's calendar.
fn left(app: &App, page: &Page, item: &ExpiringItem) -> i64 {
    let day = |at: jiff::Timestamp| at.to_zoned(page.zone.clone()).date();
    let Ok(end) = item.expires_at.parse() else { return 0 };
    let span = day(end).since(day(app.now().timestamp())).unwrap_or_default();
    i64::from(span.get_days())
}

fn row(app: &App, page: &Page, item: ExpiringItem) -> Row {
    let days = left(app, page, &item);
    let unnamed = || page.with("customer-unnamed", &[("id", &item.customer.id)]);
    Row {
        customer: item.customer.name.clone().unwrap_or_else(unnamed),
        left: match days {
            0 => page.t("expiring-today"),
            1 => page.t("expiring-tomorrow"),
            _ => page.with("expiring-left", &[("days", &page.number(&days))]),
        },
        soon: days <= 7,
        item,
    }
}

pub async fn list(
    State(app): State<Arc<App>>,
    page: Page,
    query: Result<Query<ExpiringQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::See)?;
    let Query(mut asked) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let days = *asked.days.get_or_insert(SPANS[1]);
    let found = expiring::read(&app, &page.staff, asked.clone()).await?;
    let place = |days: u16, cursor: &str| {
        forms::address(PLACE, &[("days", &days.to_string()), ("cursor", cursor)])
    };
    let tab = |span: u16| {
        let text = page.with("expiring-within", &[("days", &span.to_string())]);
        (place(span, ""), text, span == days)
    };
    show(&ExpiringPage {
        tabs: SPANS.map(tab).to_vec(),
        next: found.next_cursor.map(|cursor| place(days, &cursor)),
        first: asked.cursor.map(|_| place(days, "")),
        rows: found.items.into_iter().map(|item| row(&app, &page, item)).collect(),
        page,
    })
}
