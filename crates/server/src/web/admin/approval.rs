//! `/admin/approvals/{id}`: what was asked for, what would come back of it now, and the second
//! person's word.

use super::{Page, approvals::what, orders, page::Said, show};
use crate::{
    app::App,
    web::{
        api::approvals::{self, ApprovalDetail, SettleApproval},
        error::ApiError,
    },
};
use askama::Template;
use axum::{
    extract::{Form, Path, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::Act;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "admin/approval.html")]
struct ApprovalPage {
    page: Page,
    detail: ApprovalDetail,
    what: String,
    order: String,
    status: String,
    reason: Option<String>,
    /// What has changed since.
    changes: Vec<String>,
    problem: Option<Said>,
    note: String,
    recorded: String,
    /// This one may decide.
    may: bool,
    waiting: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Sent {
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    note: String,
}

async fn shown(
    app: &App,
    page: Page,
    id: &str,
    note: String,
    problem: Option<Said>,
) -> Result<Response, ApiError> {
    let detail = approvals::detail(app, &page.staff, id).await?;
    let body = &detail.approval;
    let waiting = body.status == "waiting";
    let changes = detail.now.iter().flat_map(|now| &now.changes);
    show(&ApprovalPage {
        what: what(&page, body),
        order: orders::place(&body.order),
        status: page.t(&format!("approval-{}", body.status)),
        reason: body.reason.map(|reason| page.t(&format!("order-reason-{reason}"))),
        changes: changes.map(|change| page.t(&format!("approval-{change}"))).collect(),
        may: waiting && !detail.own && page.may(Act::Approve),
        problem,
        note,
        recorded: page.with("act-recorded", &[("name", &page.name)]),
        waiting,
        detail,
        page,
    })
}

pub async fn see(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::See)?;
    shown(&app, page, &id, String::new(), None).await
}

pub async fn settle(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
    Form(Sent { verdict, note }): Form<Sent>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Approve)?;
    let done = if verdict == "approve" { "approval-approved" } else { "approval-declined" };
    let said = SettleApproval { verdict, note: Some(note.clone()) };
    match approvals::decide(&app, &page.staff, &id, said).await {
        Ok(_) => Ok(Redirect::to(&format!("/admin/approvals/{id}?done={done}")).into_response()),
        Err(error) => {
            let (status, said) = (error.status, page.problem(&error));
            Ok((status, shown(&app, page, &id, note, Some(said)).await?).into_response())
        }
    }
}
