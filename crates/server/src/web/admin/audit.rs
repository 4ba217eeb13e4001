//! `/admin/audit`: who did what, to what, when and why.

use super::{Page, forms, show};
use crate::{
    app::App,
    web::{
        api::audit::{self, AuditBody, AuditQuery},
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

/// What can be chosen in the filter; each has its text, with `-` for the full stop.
const ACTS: &[&str] = &[
    "coupon.convert",
    "coupon.cancel",
    "coupon.hold",
    "coupon.release",
    "coupon.used",
    "coupon.expire",
    "review.settle",
    "job.begin",
    "job.dry_run",
    "job.pause",
    "job.resume",
    "mail.resend",
    "session.begin",
    "session.refuse",
    "session.end",
    "staff.add",
    "staff.disable",
    "staff.enable",
    "staff.reset_password",
    "staff.token",
    "staff.token_removed",
    "staff.change_password",
    "staff.role",
    "staff.second_factor",
    "staff.second_factor_removed",
    "session.end_all",
];

#[derive(Template)]
#[template(path = "admin/audit.html")]
struct AuditPage {
    page: Page,
    asked: AuditQuery,
    acts: Vec<(&'static str, String, bool)>,
    rows: Vec<Row>,
    older: Option<String>,
    filtered: bool,
}

struct Row {
    body: AuditBody,
    act: String,
    actor: String,
    role: String,
    why: Option<String>,
    moment: String,
    /// The same filter on this row's subject.
    same_subject: String,
}

/// What an act is called; its own name where it has no text.
fn act_text(page: &Page, act: &str) -> String {
    let name = format!("act-{}", act.replace(['.', '_'], "-"));
    page.language.known(&name).unwrap_or_else(|| act.to_owned())
}

/// The same filter, further back.
fn place(asked: &AuditQuery, cursor: &str) -> String {
    let text = |field: &'_ Option<String>| field.clone().unwrap_or_default();
    forms::address(
        "/admin/audit",
        &[
            ("act", &text(&asked.act)),
            ("subject", &text(&asked.subject)),
            ("actor", &text(&asked.actor)),
            ("from", &text(&asked.from)),
            ("to", &text(&asked.to)),
            ("cursor", cursor),
        ],
    )
}

fn row(page: &Page, body: AuditBody) -> Row {
    let kind = page.t(&format!("actor-{}", body.actor.kind));
    let role = body.actor.role.as_ref().map(|role| page.t(&format!("role-{role}")));
    let reason = body.reason.as_ref().map(|reason| {
        page.language.known(&format!("reason-{reason}")).unwrap_or_else(|| reason.clone())
    });
    let why: Vec<String> = reason.into_iter().chain(body.note.clone()).collect();
    Row {
        why: (!why.is_empty()).then(|| why.join(" — ")),
        same_subject: forms::address("/admin/audit", &[("subject", &body.subject)]),
        act: act_text(page, &body.act),
        actor: body.actor.name.clone().unwrap_or(kind),
        role: role.unwrap_or_default(),
        moment: page.moment_of(&body.at),
        body,
    }
}

pub async fn list(
    State(app): State<Arc<App>>,
    page: Page,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::See)?;
    let Query(asked) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let found = audit::read(&app, &page.staff, asked.clone()).await?;
    let chosen = asked.act.as_deref();
    let acts = ACTS.iter().map(|act| (*act, act_text(&page, act), chosen == Some(*act))).collect();
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let filtered = [&asked.act, &asked.subject, &asked.actor, &asked.from, &asked.to];
    let filtered = filtered.into_iter().any(given);
    let rows = found.items.into_iter().map(|body| row(&page, body)).collect();
    let older = found.next_cursor.map(|cursor| place(&asked, &cursor));
    show(&AuditPage { page, asked, acts, rows, older, filtered })
}
