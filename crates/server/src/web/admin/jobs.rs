//! `/admin/jobs`: runs over many coupons or orders; `/admin/jobs/new`: a new one over coupons. Each
//! is tried out first; what the trial says is possible is then done for real.

use super::{Page, forms, orders_bulk, page::Said, show};
use crate::{
    app::App,
    jobs::orders::KINDS,
    store::jobs::{self as store, Job, Status},
    web::{
        api::{
            cancel_many::{self, CancelManyRequest},
            jobs::{self, JobBody},
            orders_many,
        },
        error::ApiError,
        storefront::page::PageQuery,
    },
};
use askama::Template;
use axum::{
    extract::{Form, Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{Act, cancellation::Why};
use engine::store::Request;
use serde::Deserialize;
use std::sync::Arc;

const PLACE: &str = "/admin/jobs";

#[derive(Template)]
#[template(path = "admin/jobs.html")]
struct JobsPage {
    page: Page,
    rows: Vec<JobBody>,
    next: Option<String>,
    first: Option<String>,
    bulk: bool,
}

#[derive(Template)]
#[template(path = "admin/job_new.html")]
struct NewPage {
    page: Page,
    sent: Sent,
    reasons: Vec<(&'static str, String, bool)>,
    problem: Option<Said>,
}

#[derive(Clone, Default, Deserialize)]
pub struct Sent {
    #[serde(default)]
    key: String,
    /// One a line, or a CSV file's text.
    #[serde(default)]
    codes: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    notify: String,
    /// The trial whose possible rows are to be done for real.
    #[serde(default)]
    trial: String,
}

/// What the trial was asked for.
#[derive(Deserialize)]
struct Asked {
    reason: Why,
    note: Option<String>,
    notify: bool,
}

pub async fn list(
    State(app): State<Arc<App>>,
    page: Page,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::See)?;
    let Query(asked) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let found = jobs::read(&app, &page.staff, &asked).await?;
    show(&JobsPage {
        rows: found.items,
        next: found.next_cursor.map(|cursor| forms::address(PLACE, &[("cursor", &cursor)])),
        first: asked.cursor.map(|_| PLACE.to_owned()),
        bulk: page.may(Act::Bulk),
        page,
    })
}

fn form(page: Page, sent: Sent, problem: Option<Said>) -> Result<Response, ApiError> {
    let reason = |why: Why| {
        let name = why.as_str();
        (name, page.t(&format!("reason-{name}")), sent.reason == name)
    };
    show(&NewPage { reasons: Why::ALL.map(reason).to_vec(), sent, problem, page })
}

/// The codes that were chosen in the list stand in the form already: `?code=A&code=B`.
pub async fn ask(
    page: Page,
    Query(chosen): Query<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Bulk)?;
    let codes = chosen.into_iter().filter(|(name, _)| name == "code").map(|(_, code)| code);
    let codes = codes.collect::<Vec<_>>().join("\n");
    let sent = Sent { codes, key: page.key.clone(), notify: "on".to_owned(), ..Sent::default() };
    form(page, sent, None)
}

/// What is asked for: a trial of what was typed, or for real what a trial found possible.
async fn wanted(app: &App, page: &Page, sent: &Sent) -> Result<CancelManyRequest, ApiError> {
    if sent.trial.is_empty() {
        return Ok(CancelManyRequest {
            codes: vec![],
            csv: Some(sent.codes.clone()),
            reason: sent.reason.clone(),
            note: Some(sent.note.clone()),
            notify: sent.notify == "on",
            dry_run: true,
        });
    }
    let trial = jobs::look(app, &page.staff, &sent.trial).await?;
    let asked: Asked = serde_json::from_str(&trial.body).map_err(|_| ApiError::internal())?;
    let possible = Some(Status::Possible);
    let rows = store::rows(&app.database, trial.id, possible, 0, usize::MAX).await?;
    Ok(CancelManyRequest {
        codes: rows.into_iter().map(|row| row.subject).collect(),
        csv: None,
        reason: asked.reason.as_str().to_owned(),
        note: asked.note,
        notify: asked.notify,
        dry_run: false,
    })
}

async fn start(
    app: &Arc<App>,
    page: &Page,
    sent: &Sent,
    request: Request,
) -> Result<Job, ApiError> {
    if !sent.trial.is_empty() {
        let trial = jobs::look(app, &page.staff, &sent.trial).await?;
        if KINDS.contains(&trial.kind.as_str()) {
            let asked = orders_bulk::for_real(app, &trial).await?;
            return orders_many::begin(app, &page.staff, asked, request).await;
        }
    }
    let wanted = wanted(app, page, sent).await?;
    cancel_many::begin(app, &page.staff, wanted, request).await
}

/// What is missing in the form: the name of a text.
fn missing(sent: &Sent) -> Option<&'static str> {
    let known = Why::ALL.iter().any(|why| why.as_str() == sent.reason);
    let other = sent.reason == Why::Other.as_str();
    match () {
        () if !sent.trial.is_empty() => None,
        () if sent.codes.trim().is_empty() => Some("jobs-codes-missing"),
        () if !known => Some("act-reason-missing"),
        () if other && sent.note.trim().is_empty() => Some("act-note-missing-other"),
        () => None,
    }
}

pub async fn begin(
    State(app): State<Arc<App>>,
    page: Page,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Bulk)?;
    if let Some(text) = missing(&sent) {
        let said = Said { title: page.t(text), detail: String::new() };
        return Ok(
            (StatusCode::UNPROCESSABLE_ENTITY, form(page, sent, Some(said))?).into_response()
        );
    }
    let said = [&sent.codes, &sent.reason, &sent.note, &sent.notify, &sent.trial];
    let request = forms::request(&sent.key, "job", &said.map(String::as_str))?;
    match start(&app, &page, &sent, request).await {
        Ok(job) => Ok(Redirect::to(&format!("{PLACE}/{}", job.id)).into_response()),
        Err(error) if sent.trial.is_empty() => {
            let (status, said) = (error.status, page.problem(&error));
            Ok((status, form(page, sent, Some(said))?).into_response())
        }
        Err(error) => Err(error),
    }
}
