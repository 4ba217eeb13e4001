//! `/admin/customers/{id}/lots/{no}/extend`: what is left of a lot becomes good for longer.

use super::{Page, customer::place, customers, forms, page::Said, show};
use crate::{
    app::App,
    web::{
        api::{
            customer::{self, CustomerQuery, LotBody},
            lots::{self, ExtendRequest},
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
    key: String,
    #[serde(default)]
    expires_at: String,
    #[serde(default)]
    reason: String,
}

#[derive(Template)]
#[template(path = "admin/lot.html")]
struct LotPage {
    page: Page,
    name: String,
    lot: LotBody,
    back: String,
    sent: Sent,
    problem: Option<Said>,
}

async fn form(
    app: &App,
    page: Page,
    (id, no): (&str, &str),
    sent: Sent,
    error: Option<ApiError>,
) -> Result<Response, ApiError> {
    let mut detail = customer::read(app, &page.staff, id, CustomerQuery::default()).await?;
    let lot = detail.lots.iter().position(|lot| lot.no.to_string() == no);
    let lot = detail.lots.swap_remove(lot.ok_or_else(ApiError::not_found)?);
    let status = error.as_ref().map(|error| error.status);
    let mut shown = show(&LotPage {
        name: customers::name(&page, &detail.customer),
        problem: error.map(|error| page.problem(&error)),
        back: place(&detail.customer.id),
        lot,
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
    Path((id, no)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Grant)?;
    let sent = Sent { key: page.key.clone(), ..Sent::default() };
    form(&app, page, (&id, &no), sent, None).await
}

pub async fn extend(
    State(app): State<Arc<App>>,
    page: Page,
    Path((id, no)): Path<(String, String)>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Grant)?;
    let said = [no.as_str(), &sent.expires_at, &sent.reason];
    let request = forms::request(&sent.key, &id, &said)?;
    let wanted = ExtendRequest { expires_at: sent.expires_at.clone(), reason: sent.reason.clone() };
    match lots::longer(&app, &page.staff, (&id, &no), &wanted, &request).await {
        Ok(_) => Ok(Redirect::to(&format!("{}?done=extended", place(&id))).into_response()),
        Err(error) => {
            let error = error.in_language(page.language);
            form(&app, page, (&id, &no), sent, Some(error)).await
        }
    }
}
