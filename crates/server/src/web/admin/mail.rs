//! `/admin/mail`: what was mailed, what it said, and what became of it; a mail can be sent again.

use super::{Page, forms, page::Said, show};
use crate::{
    app::App,
    store::outbox::Standing,
    web::{
        api::mails::{self, MailBody, MailDetail, MailQuery},
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

#[derive(Template)]
#[template(path = "admin/mails.html")]
struct MailsPage {
    page: Page,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    first: String,
    older: Option<String>,
    /// Where mails go: nowhere, where none is set up.
    off: bool,
}

struct Tab {
    text: String,
    href: String,
    here: bool,
}

struct Row {
    body: MailBody,
    href: String,
    kind: String,
    about: String,
    standing: String,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "admin/mail.html")]
struct MailPage {
    page: Page,
    row: Row,
    detail: MailDetail,
    error: Option<String>,
    /// It may be sent again, and by whom is looking at it.
    may_resend: bool,
    coupon: Option<String>,
    problem: Option<Said>,
}

fn row(page: &Page, body: MailBody) -> Row {
    let known = |prefix: &str, name: &str| {
        page.language.known(&format!("{prefix}-{name}")).unwrap_or_else(|| name.to_owned())
    };
    let about = body.about.clone().unwrap_or_default();
    Row {
        href: format!("/admin/mail/{}", body.id),
        kind: known("mails-kind", &body.kind),
        about: if body.kind == "alert" {
            known("mail-alert", &about.replace('_', "-"))
        } else {
            about
        },
        standing: known("mails", body.status),
        tone: match body.status {
            "sent" => "good",
            "dead" => "critical",
            _ => "info",
        },
        body,
    }
}

pub async fn list(
    State(app): State<Arc<App>>,
    page: Page,
    query: Result<Query<MailQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::See)?;
    let Query(asked) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let status = asked.status.clone().unwrap_or_default();
    let found = mails::read(&app, &page.staff, asked).await?;
    let address =
        |cursor: &str| forms::address("/admin/mail", &[("status", &status), ("cursor", cursor)]);
    let names = [""].into_iter().chain(Standing::ALL.map(Standing::as_str));
    let tabs = names.map(|name| Tab {
        text: page.t(if name.is_empty() {
            "mails-all".to_owned()
        } else {
            format!("mails-{name}")
        }
        .as_str()),
        href: forms::address("/admin/mail", &[("status", name)]),
        here: name == status,
    });
    let tabs = tabs.collect();
    let (first, older) = (address(""), found.next_cursor.as_deref().map(address));
    let rows = found.items.into_iter().map(|body| row(&page, body)).collect();
    show(&MailsPage { page, tabs, rows, first, older, off: app.mailer.is_none() })
}

fn one(page: Page, detail: MailDetail, problem: Option<Said>) -> Result<Response, ApiError> {
    let row = row(&page, detail.mail.clone());
    let error = detail.mail.last_error.as_deref().map(|code| {
        let known = page.language.known(&format!("mails-error-{code}"));
        known.unwrap_or_else(|| code.to_owned())
    });
    let under_way = detail.mail.due_at.is_some();
    let may_resend = !under_way && page.may(Act::Cancel);
    let of_coupon = detail.mail.kind.starts_with("coupon_");
    let coupon = detail.mail.about.as_ref().filter(|_| of_coupon);
    let coupon = coupon.map(|code| format!("/admin/coupons/{code}"));
    show(&MailPage { page, row, detail, error, may_resend, coupon, problem })
}

pub async fn see(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let detail = mails::detail(&app, &page.staff, &id).await?;
    one(page, detail, None)
}

pub async fn resend(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    match mails::again(&app, &page.staff, &id).await {
        Ok(_) => Ok(Redirect::to(&format!("/admin/mail/{id}?done=resent")).into_response()),
        Err(error) if error.code == "mail-under-way" => {
            let problem = page.problem(&error);
            let detail = mails::detail(&app, &page.staff, &id).await?;
            one(page, detail, Some(problem))
        }
        Err(error) => Err(error),
    }
}
