//! `/admin/jobs/{id}`: how far a run is, and what came of each row.

use super::{Page, forms, show};
use crate::{
    app::App,
    jobs::orders::KINDS,
    store::jobs::{State as Standing, Status},
    web::{
        api::jobs::{self, JobDetail, RowQuery},
        error::ApiError,
    },
};
use askama::Template;
use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    response::{IntoResponse, Redirect, Response},
};
use domain::Act;
use std::sync::Arc;

/// So many rows stand on a page.
const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "admin/job.html")]
struct JobPage {
    page: Page,
    detail: JobDetail,
    place: String,
    tabs: Vec<(String, String, i64, bool)>,
    next: Option<String>,
    reason: Option<String>,
    note: Option<String>,
    running: bool,
    paused: bool,
    /// How many rows of a finished trial can be done for real.
    possible: i64,
    bulk: bool,
    export: bool,
    /// Its rows are orders.
    of_orders: bool,
    /// `job-do-cancel-orders` and the like: what can be done for real.
    what: String,
}

impl JobPage {
    fn status(&self, status: &str) -> String {
        row_status(&self.page, self.of_orders, status)
    }

    fn deed(&self, part: &str) -> String {
        self.page.with_count(&format!("{}{part}", self.what), &self.possible)
    }

    fn tone(&self, status: &str) -> &'static str {
        match status {
            "completed" => "good",
            "possible" => "info",
            "confirming" => "warning",
            "failed" => "critical",
            _ => "",
        }
    }
}

fn row_status(page: &Page, of_orders: bool, status: &str) -> String {
    match (of_orders, status) {
        (true, "completed") => page.t("row-done"),
        _ => page.t(&format!("row-{status}")),
    }
}

pub async fn see(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
    query: Result<Query<RowQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::See)?;
    let Query(mut asked) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    asked.limit = asked.limit.or(Some(ROWS));
    asked.status = asked.status.filter(|status| !status.is_empty());
    let job = jobs::look(&app, &page.staff, &id).await?;
    let detail = jobs::detail(&app, &page.staff, job, &asked).await?;
    let place = format!("/admin/jobs/{id}");
    let of_orders = KINDS.contains(&detail.job.kind.as_str());
    let count = |status: &str| detail.counts.get(status).copied().unwrap_or(0);
    let chosen = asked.status.as_deref();
    let mut tabs = vec![(place.clone(), page.t("status-all"), detail.job.total, chosen.is_none())];
    for status in Status::ALL.map(Status::as_str) {
        if count(status) > 0 || chosen == Some(status) {
            let text = row_status(&page, of_orders, status);
            let href = forms::address(&place, &[("status", status)]);
            tabs.push((href, text, count(status), chosen == Some(status)));
        }
    }
    let said = |name: &str| detail.job.request[name].as_str().map(str::to_owned);
    let whose = if of_orders { "order-reason" } else { "reason" };
    let reason = said("reason").map(|reason| page.t(&format!("{whose}-{reason}")));
    let next = detail.next_cursor.as_ref().map(|cursor| {
        forms::address(&place, &[("status", chosen.unwrap_or_default()), ("cursor", cursor)])
    });
    let finished_trial = detail.job.dry_run && detail.job.status == "completed";
    show(&JobPage {
        tabs,
        next,
        reason,
        what: format!("job-do-{}", detail.job.kind.replace('_', "-")),
        of_orders,
        note: said("note"),
        running: detail.job.status == "running",
        paused: detail.job.status == "paused",
        possible: if finished_trial { count("possible") } else { 0 },
        bulk: page.may(Act::Bulk),
        export: page.may(Act::Export),
        place,
        detail,
        page,
    })
}

async fn turn(app: &Arc<App>, page: &Page, id: &str, to: Standing) -> Result<Response, ApiError> {
    match jobs::turn(app, &page.staff, id, to).await {
        // Done meanwhile: the page says so.
        Err(error) if error.code != "job-completed" => Err(error),
        _ => Ok(Redirect::to(&format!("/admin/jobs/{id}")).into_response()),
    }
}

pub async fn pause(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    turn(&app, &page, &id, Standing::Paused).await
}

pub async fn resume(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    turn(&app, &page, &id, Standing::Running).await
}
