//! `/admin/customers/{id}/merge`: this customer goes on as another; what would move is shown first.

use super::{Page, customer::place, customers, page::Said, show};
use crate::{
    app::App,
    web::{
        api::{
            customer::{self, CustomerQuery},
            merge::{self, MergeBody, MergeRequest},
        },
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

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Sent {
    #[serde(default)]
    into: String,
    #[serde(default)]
    reason: String,
    /// `yes` once what would move was seen.
    #[serde(default)]
    seen: String,
}

#[derive(Template)]
#[template(path = "admin/merge.html")]
struct MergePage {
    page: Page,
    name: String,
    id: String,
    back: String,
    sent: Sent,
    /// What would move, and the name of whoever is kept.
    preview: Option<(MergeBody, String)>,
    problem: Option<Said>,
}

async fn form(
    app: &App,
    page: Page,
    id: &str,
    sent: Sent,
    tried: Option<Result<MergeBody, ApiError>>,
) -> Result<Response, ApiError> {
    let detail = customer::read(app, &page.staff, id, CustomerQuery::default()).await?;
    let (preview, error) = match tried {
        None => (None, None),
        Some(Ok(body)) => (Some(body), None),
        Some(Err(error)) => (None, Some(error.in_language(page.language))),
    };
    let status = error.as_ref().map(|error| error.status);
    let mut shown = show(&MergePage {
        name: customers::name(&page, &detail.customer),
        preview: preview.map(|body| {
            let kept = customers::name(&page, &body.into.customer);
            (body, kept)
        }),
        problem: error.map(|error| page.problem(&error)),
        back: place(&detail.customer.id),
        id: detail.customer.id,
        sent,
        page,
    })?;
    if let Some(status) = status {
        *shown.status_mut() = status;
    }
    Ok(shown)
}

pub async fn ask(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::People)?;
    form(&app, page, &id, Sent::default(), None).await
}

/// First what would move; then, once that was seen, it is done.
pub async fn merge(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::People)?;
    let wanted = MergeRequest {
        into: sent.into.trim().to_owned(),
        reason: sent.reason.clone(),
        dry_run: sent.seen != "yes",
    };
    match merge::join(&app, &page.staff, &id, &wanted).await {
        Ok(done) if done.merged => {
            let to = format!("{}?done=merged", place(&done.into.customer.id));
            Ok(Redirect::to(&to).into_response())
        }
        tried => form(&app, page, &id, sent, Some(tried)).await,
    }
}
