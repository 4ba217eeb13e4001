//! `/admin/approvals`: what one staff member asked for and another must decide.

use super::{Page, forms, orders, show};
use crate::{
    app::App,
    web::{
        api::approvals::{self, ApprovalBody, ApprovalQuery},
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

const PLACE: &str = "/admin/approvals";

#[derive(Template)]
#[template(path = "admin/approvals.html")]
struct ApprovalsPage {
    page: Page,
    waiting: bool,
    rows: Vec<Row>,
    next: Option<String>,
    first: Option<String>,
}

struct Row {
    body: ApprovalBody,
    href: String,
    order: String,
    what: String,
    status: String,
}

/// What is asked for, in a word.
pub fn what(page: &Page, body: &ApprovalBody) -> String {
    page.t(if body.cancels { "order-cancel" } else { "order-revert" })
}

pub async fn list(
    State(app): State<Arc<App>>,
    page: Page,
    query: Result<Query<ApprovalQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::See)?;
    let Query(asked) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let found = approvals::read(&app, &page.staff, asked.clone()).await?;
    let waiting = asked.status.as_deref() != Some("settled");
    let status = if waiting { "" } else { "settled" };
    let row = |body: ApprovalBody| Row {
        href: format!("{PLACE}/{}", body.id),
        order: orders::place(&body.order),
        what: what(&page, &body),
        status: page.t(&format!("approval-{}", body.status)),
        body,
    };
    let place = |cursor: &str| forms::address(PLACE, &[("status", status), ("cursor", cursor)]);
    show(&ApprovalsPage {
        rows: found.items.into_iter().map(row).collect(),
        next: found.next_cursor.as_deref().map(place),
        first: asked.cursor.as_ref().map(|_| place("")),
        waiting,
        page,
    })
}
