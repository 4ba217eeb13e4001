//! `/admin/customers/{id}/credits`: a customer's store credit, where it went, and some given or
//! taken by hand.

use super::{Page, customer::place, customers, forms, page::Said, show};
use crate::{
    app::App,
    web::{
        api::{
            credits::{self, CreditChange, CreditRequest, CreditsBody, CreditsQuery, OwnCredit},
            customer::{self, CustomerQuery},
        },
        error::ApiError,
        storefront::points::MoneyBody,
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
    cursor: String,
}

/// So many changes are on one page.
const CHANGES: usize = 50;

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
    /// What Shopify holds, where it answers.
    shopify: Option<Vec<MoneyBody>>,
    first: Option<String>,
    next: Option<String>,
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
    Asked { on, cursor }: Asked,
    sent: Sent,
    error: Option<&ApiError>,
) -> Result<Response, ApiError> {
    let customer = customer::read(app, &page.staff, id, CustomerQuery::default()).await?.customer;
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let asked = CreditsQuery { on: some(&on), limit: Some(CHANGES), cursor: some(&cursor) };
    let CreditsBody { own, shopify, history, next_cursor } =
        credits::read(app, &page.staff, id, &asked).await?;
    let here = format!("{}/credits", place(&customer.id));
    let at = |cursor: &str| forms::address(&here, &[("on", &on), ("cursor", cursor)]);
    let why = |of: CreditChange| {
        let why = page.t(&format!("credit-{}", of.kind.replace('_', "-")));
        (of, why)
    };
    let mut shown = show(&CreditsPage {
        name: customers::name(&page, &customer),
        back: place(&customer.id),
        gives: page.may(Act::Grant) && own.is_some(),
        history: history.into_iter().map(why).collect(),
        first: some(&cursor).map(|_| at("")),
        next: next_cursor.as_deref().map(at),
        shopify,
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
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let sent = Sent { key: page.key.clone(), ..Sent::default() };
    shown(&app, page, &id, asked, sent, None).await
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
        Err(error) => shown(&app, page, &id, Asked::default(), sent, Some(&error)).await,
    }
}
