//! `/admin/customers/{id}/grant` and `/erase`: points given or taken by hand; the person taken out
//! of the books.

use super::{Page, customer::place, customers, forms, page::Said, show};
use crate::{
    app::App,
    web::{
        api::{
            customer::{self, CustomerQuery},
            grants::{self, GrantRequest},
            person,
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
    points: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    expires_at: String,
}

#[derive(Template)]
#[template(path = "admin/person.html")]
struct PersonPage {
    page: Page,
    /// `grant` or `erase`: the address's last part, and its texts' names.
    act: &'static str,
    name: String,
    id: String,
    balance: Option<i64>,
    back: String,
    sent: Sent,
    problem: Option<Said>,
}

async fn form(
    app: &App,
    page: Page,
    act: &'static str,
    id: &str,
    sent: Sent,
    error: Option<ApiError>,
) -> Result<Response, ApiError> {
    let detail = customer::read(app, &page.staff, id, CustomerQuery::default()).await?;
    let status = error.as_ref().map(|error| error.status);
    let mut shown = show(&PersonPage {
        name: customers::name(&page, &detail.customer),
        problem: error.map(|error| page.problem(&error)),
        back: place(&detail.customer.id),
        id: detail.customer.id,
        balance: detail.balance,
        act,
        sent,
        page,
    })?;
    if let Some(status) = status {
        *shown.status_mut() = status;
    }
    Ok(shown)
}

fn done(id: &str, name: &str) -> Response {
    Redirect::to(&format!("{}?done={name}", place(id))).into_response()
}

pub async fn ask_grant(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Grant)?;
    grants::book(page.staff.shop(&app)?)?;
    let sent = Sent { key: page.key.clone(), ..Sent::default() };
    form(&app, page, "grant", &id, sent, None).await
}

pub async fn grant(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Grant)?;
    let Sent { key, points, reason, expires_at } = sent.clone();
    let request = forms::request(&key, &id, &[&points, &reason, &expires_at])?;
    let granted = async {
        let points = points.trim().replace([',', '+'], "").replace('−', "-");
        let no_number = |_| ApiError::invalid(page.t("grant-no-number"));
        let wanted = GrantRequest {
            points: points.parse().map_err(no_number)?,
            reason,
            note: None,
            expires_at: Some(expires_at).filter(|day| !day.is_empty()),
            funding: None,
        };
        grants::grant(&app, &page.staff, &id, &wanted, &request).await
    };
    match granted.await {
        Ok(_) => Ok(done(&id, "granted")),
        Err(error) => form(&app, page, "grant", &id, sent, Some(error)).await,
    }
}

pub async fn ask_erase(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::People)?;
    form(&app, page, "erase", &id, Sent::default(), None).await
}

pub async fn erase(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::People)?;
    match person::forget(&app, &page.staff, &id, &sent.reason).await {
        Ok(()) => Ok(done(&id, "erased")),
        Err(error) => form(&app, page, "erase", &id, sent, Some(error)).await,
    }
}
