//! `/admin/reviews`: what a person must decide, and what was decided.

use super::{Page, forms, show};
use crate::{
    app::App,
    web::{
        api::reviews::{self, ReviewBody, ReviewQuery},
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

const PLACE: &str = "/admin/reviews";

#[derive(Template)]
#[template(path = "admin/reviews.html")]
struct ReviewsPage {
    page: Page,
    open: bool,
    rows: Vec<Row>,
    next: Option<String>,
    first: Option<String>,
    settle: bool,
}

struct Row {
    body: ReviewBody,
    what: String,
    customer: String,
    verdict: Option<String>,
}

/// What a case is called.
pub fn title(page: &Page, body: &ReviewBody) -> String {
    let name = format!("review-{}", body.reason.replace('_', "-"));
    page.language.known(&name).unwrap_or_else(|| body.reason.clone())
}

/// The name, or where there is none what stands for it.
pub fn customer(page: &Page, body: &ReviewBody) -> String {
    let unnamed = || page.with("customer-unnamed", &[("id", &body.customer)]);
    body.customer_name.clone().unwrap_or_else(unnamed)
}

/// What a verdict means for the flow that waits for it.
pub fn verdict(page: &Page, body: &ReviewBody, verdict: &str) -> String {
    let name = format!("verdict-{}-{}", body.kind, verdict.replace('_', "-"));
    page.language.known(&name).unwrap_or_else(|| page.t("verdict-noted"))
}

pub async fn list(
    State(app): State<Arc<App>>,
    page: Page,
    query: Result<Query<ReviewQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::See)?;
    let Query(asked) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let found = reviews::read(&app, &page.staff, asked.clone()).await?;
    let open = asked.status.as_deref() != Some("settled");
    let status = if open { "" } else { "settled" };
    let row = |body: ReviewBody| Row {
        what: title(&page, &body),
        customer: customer(&page, &body),
        verdict: body.verdict.as_ref().map(|said| verdict(&page, &body, said)),
        body,
    };
    let place = |cursor: &str| forms::address(PLACE, &[("status", status), ("cursor", cursor)]);
    show(&ReviewsPage {
        rows: found.items.into_iter().map(row).collect(),
        next: found.next_cursor.as_deref().map(place),
        first: asked.cursor.as_ref().map(|_| place("")),
        settle: page.may(Act::Settle),
        open,
        page,
    })
}

#[cfg(test)]
mod tests {
    use crate::i18n::Language;
    use domain::effect::Reason;

    #[test]
    fn every_case_and_every_verdict_has_its_words() {
        let reasons = Reason::ALL.map(|reason| reason.as_str().replace('_', "-"));
        let cases = reasons.iter().flat_map(|r| [format!("review-{r}"), format!("review-{r}-why")]);
        let kinds = ["conversion", "cancellation", "reversal"];
        let verdicts = kinds.iter().flat_map(|kind| {
            [format!("verdict-{kind}-applied"), format!("verdict-{kind}-not-applied")]
        });
        for name in cases.chain(verdicts) {
            for language in Language::ALL {
                assert!(language.known(&name).is_some(), "{name} in {language:?}");
            }
        }
    }
}
