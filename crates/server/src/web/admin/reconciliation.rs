//! `/admin/reconciliation`: the books of Kaeru, Shopify and the points book compared, and what
//! differs, with where to look.

use super::{Page, coupon, customer, forms, show};
use crate::{
    app::App,
    reconcile::Phase,
    web::{
        api::reconciliation::{self, FindingBody, ReconcileRequest, ReconciliationQuery, RunBody},
        error::ApiError,
    },
};
use askama::Template;
use axum::{
    extract::{Form, Query, State, rejection::QueryRejection},
    response::{IntoResponse, Redirect, Response},
};
use domain::Act;
use serde::Deserialize;
use std::sync::Arc;

const PLACE: &str = "/admin/reconciliation";
/// How far back may be looked, in days; 0: everything.
const SPANS: [u16; 4] = [7, 30, 365, 0];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    kind: Option<String>,
    cursor: Option<String>,
    /// What was done just now; the page reads it itself.
    #[serde(rename = "done")]
    _done: Option<String>,
}

#[derive(Deserialize)]
pub struct Sent {
    #[serde(default)]
    days: u16,
}

#[derive(Template)]
#[template(path = "admin/reconciliation.html")]
struct ReconciliationPage {
    page: Page,
    run: Option<RunBody>,
    running: bool,
    failed: bool,
    /// Which of how many steps it is at, and what it is called.
    step: (usize, usize, String),
    why: Option<String>,
    tabs: Vec<(String, String, i64, bool)>,
    rows: Vec<Row>,
    spans: Vec<(u16, String)>,
    next: Option<String>,
    first: Option<String>,
    start: bool,
}

struct Row {
    body: FindingBody,
    what: String,
    book: String,
    here: String,
    there: String,
    /// The coupon's page, where the finding is about one that Kaeru knows.
    href: Option<String>,
    customer: Option<String>,
}

/// A status in this language; numbers and whatever else as they are.
fn said(page: &Page, text: Option<&String>) -> String {
    let text = text.map_or("", String::as_str);
    let name = format!("reconciliation-says-{}", text.replace([' ', '_'], "-"));
    page.language.known(&name).unwrap_or_else(|| text.to_owned())
}

/// The coupon that the finding is about: by its code, or by a reference that holds it.
fn code(body: &FindingBody) -> Option<String> {
    match body.kind {
        "sum" | "unasked" | "unknown_coupon" => None,
        "movement" | "unknown_movement" => {
            let reference = domain::Reference(body.subject.clone());
            let paid = reference.gives_back().unwrap_or(reference);
            paid.0.strip_prefix("COUPON-").map(str::to_owned)
        }
        "metafield" if body.here.as_deref() == Some("not known") => None,
        _ => Some(body.subject.clone()),
    }
}

fn row(page: &Page, body: FindingBody) -> Row {
    Row {
        what: page.t(&format!("reconciliation-{}", body.kind.replace('_', "-"))),
        book: page.t(&format!("reconciliation-book-{}", body.book)),
        here: said(page, body.here.as_ref()),
        there: said(page, body.there.as_ref()),
        href: code(&body).map(|code| coupon::place(&code)),
        customer: body.customer.as_deref().map(customer::place),
        body,
    }
}

pub async fn see(
    State(app): State<Arc<App>>,
    page: Page,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(asked) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let kind = asked.kind.unwrap_or_default();
    let query = ReconciliationQuery {
        kind: Some(kind.clone()).filter(|kind| !kind.is_empty()),
        limit: None,
        cursor: asked.cursor.clone(),
    };
    let found = reconciliation::read(&app, &page.staff, &query).await?;
    let place =
        |kind: &str, cursor: &str| forms::address(PLACE, &[("kind", kind), ("cursor", cursor)]);
    let run = found.run;
    let status = run.as_ref().map_or("", |run| run.status.as_str());
    let phase = run.as_ref().and_then(|run| Phase::parse(run.phase)).unwrap_or(Phase::Coupons);
    let at = Phase::ALL.iter().position(|of| *of == phase).unwrap_or_default();
    let text = page.t(&format!("reconciliation-phase-{}", phase.as_str()));
    let tab = |(kind_of, count): (&&'static str, &i64)| {
        let text = page.t(&format!("reconciliation-{}", kind_of.replace('_', "-")));
        (place(kind_of, ""), text, *count, *kind_of == kind)
    };
    let all = run
        .as_ref()
        .map(|run| (place("", ""), page.t("reconciliation-all"), run.findings, kind.is_empty()));
    let kinds = run.iter().flat_map(|run| run.by_kind.iter()).map(tab);
    let span = |days: u16| match days {
        0 => (0, page.t("reconciliation-everything")),
        days => (days, page.with("reconciliation-days", &[("days", &days.to_string())])),
    };
    let problem = run.as_ref().and_then(|run| run.problem.clone());
    show(&ReconciliationPage {
        running: status == "running",
        failed: status == "failed",
        step: (at + 1, Phase::ALL.len(), text),
        why: problem.map(|code| page.language.problem(&code).1.to_owned()),
        tabs: all.into_iter().chain(kinds).collect(),
        rows: found.items.into_iter().map(|item| row(&page, item)).collect(),
        spans: SPANS.map(span).to_vec(),
        next: found.next_cursor.map(|cursor| place(&kind, &cursor)),
        first: asked.cursor.map(|_| place(&kind, "")),
        start: page.may(Act::Settle),
        run,
        page,
    })
}

pub async fn start(
    State(app): State<Arc<App>>,
    page: Page,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let wanted = ReconcileRequest { days: Some(sent.days).filter(|days| *days > 0) };
    reconciliation::begin(&app, &page.staff, &wanted).await?;
    Ok(Redirect::to(&format!("{PLACE}?done=reconciliation")).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{i18n::Language, reconcile::Kind};

    #[test]
    fn every_finding_has_its_words() {
        let kinds = Kind::ALL.map(|kind| kind.as_str().replace('_', "-"));
        let phases = Phase::ALL.map(|phase| format!("phase-{}", phase.as_str()));
        let books = ["shopify", "points", "kaeru"].map(|book| format!("book-{book}"));
        for name in kinds.iter().chain(&phases).chain(&books) {
            for language in Language::ALL {
                let name = format!("reconciliation-{name}");
                assert!(language.known(&name).is_some(), "{name} in {language:?}");
            }
        }
    }

    #[test]
    fn a_finding_leads_to_its_coupon() {
        for (kind, subject, here, expected) in [
            ("alive", "A-B-5", "cancelled", Some("A-B-5")),
            ("movement", "COUPON-A-B-5", "-5", Some("A-B-5")),
            ("unknown_movement", "CANCEL-A-B-5", "not", Some("A-B-5")),
            ("movement", "ORDER-1-A-B-5/2", "5", Some("A-B-5")),
            ("metafield", "A-B-5", "not known", None),
            ("unknown_coupon", "A-B-5", "not known", None),
            ("sum", "account 1", "", None),
        ] {
            let body = FindingBody {
                book: "shopify".to_owned(),
                kind,
                subject: subject.to_owned(),
                customer: None,
                here: Some(here.to_owned()),
                there: None,
            };
            assert_eq!(code(&body).as_deref(), expected, "{kind} {subject}");
        }
    }
}
