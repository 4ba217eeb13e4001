//! `/admin/customers/{id}/credits`: a customer's store credit, where it went, and some given or
//! taken by hand.

use super::{Page, customer::place, customers, forms, page::Said, show};
use crate::{
    app::App,
    web::{
        api::{
            credits::{self, CreditChange, CreditRequest, CreditsBody, OwnCredit},
            customer::{self, CustomerQuery},
        },
        error::ApiError,
    },
};
use askama::Template;
use axum::{
    extract::{Form, Path, Query, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::Act;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    on: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sent {
    key: String,
    amount: String,
    expires_at: String,
    funding: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "admin/credits.html")]
struct CreditsPage {
    page: Page,
    name: String,
    back: String,
    own: Option<OwnCredit>,
    /// Each with why it is.
    history: Vec<(CreditChange, String)>,
    on: String,
    /// Whether the caller may give or take some, and Kaeru holds it.
    gives: bool,
    sent: Sent,
    problem: Option<Said>,
}

async fn shown(
    app: &App,
    page: Page,
    id: &str,
    on: String,
    sent: Sent,
    error: Option<&ApiError>,
) -> Result<Response, ApiError> {
    let customer = customer::read(app, &page.staff, id, CustomerQuery::default()).await?.customer;
    let asked = CustomerQuery { on: Some(on.clone()).filter(|day| !day.is_empty()) };
    let CreditsBody { own, history } = credits::read(app, &page.staff, id, &asked).await?;
    let why = |of: CreditChange| {
        let why = page.t(&format!("credit-{}", of.kind.replace('_', "-")));
        (of, why)
    };
    let mut shown = show(&CreditsPage {
        name: customers::name(&page, &customer),
        back: place(&customer.id),
        gives: page.may(Act::Grant) && own.is_some(),
        history: history.into_iter().map(why).collect(),
        problem: error.map(|error| page.problem(error)),
        own,
        on,
        sent,
        page,
    })?;
    if let Some(error) = error {
        *shown.status_mut() = error.status;
    }
    Ok(shown)
}

pub async fn see(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
    Query(Asked { on }): Query<Asked>,
) -> Result<Response, ApiError> {
    let sent = Sent { key: page.key.clone(), ..Sent::default() };
    shown(&app, page, &id, on, sent, None).await
}

pub async fn grant(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Grant)?;
    let Sent { key, amount, expires_at, funding, reason } = sent.clone();
    let request = forms::request(&key, &id, &[&amount, &expires_at, &funding, &reason])?;
    let wanted = CreditRequest {
        amount: amount.trim().replace([',', '+'], "").replace('−', "-"),
        reason,
        note: None,
        expires_at: Some(expires_at).filter(|day| !day.is_empty()),
        funding: Some(funding).filter(|funding| !funding.is_empty()),
    };
    match credits::grant(&app, &page.staff, &id, &wanted, &request).await {
        Ok(_) => {
            let place = format!("{}/credits?done=credit-booked", place(&id));
            Ok(Redirect::to(&place).into_response())
        }
        Err(error) => shown(&app, page, &id, String::new(), sent, Some(&error)).await,
    }
}
