//! `/admin/orders/new`: an order of another channel is written down, with what pays for it.
//! `/admin/orders/{id}/status`: how such an order stands.

use super::{Page, forms, orders, page::Said, show};
use crate::{
    app::App,
    store::orders::Status,
    web::{
        api::{
            order_new::{self, AmountRequest, PlaceRequest},
            order_status::{self, StatusRequest},
        },
        error::ApiError,
    },
};
use askama::Template;
use axum::{
    extract::{Form, Path, Query, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::{Act, Flow, flow::Told};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sent {
    key: String,
    channel: String,
    number: String,
    customer: String,
    status: String,
    total: String,
    codes: String,
    credit: String,
    placed_at: String,
    note: String,
}

#[derive(Template)]
#[template(path = "admin/order_new.html")]
struct NewPage {
    page: Page,
    currency: &'static str,
    /// Whether Kaeru holds store credit that may pay.
    credits: bool,
    statuses: Vec<(&'static str, String, bool)>,
    sent: Sent,
    problem: Option<Said>,
}

fn form(app: &App, page: Page, sent: Sent, error: Option<&ApiError>) -> Result<Response, ApiError> {
    let shop = page.staff.shop(app)?;
    let chosen = Some(sent.status.as_str()).filter(|status| !status.is_empty());
    let chosen = chosen.unwrap_or(Status::Completed.as_str());
    let option = |of: Status| {
        let name = of.as_str();
        (name, page.t(&format!("order-status-{name}")), name == chosen)
    };
    let mut shown = show(&NewPage {
        currency: shop.rules.rate.currency().code(),
        credits: shop.credits.is_some(),
        statuses: [Status::Pending, Status::Confirmed, Status::Completed].map(option).to_vec(),
        problem: error.map(|error| page.problem(error)),
        sent,
        page,
    })?;
    if let Some(error) = error {
        *shown.status_mut() = error.status;
    }
    Ok(shown)
}

/// The form; `customer` may be known already.
pub async fn ask(
    State(app): State<Arc<App>>,
    page: Page,
    Query(mut sent): Query<Sent>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::PlaceOrder)?;
    sent.key.clone_from(&page.key);
    form(&app, page, sent, None)
}

pub async fn place(
    State(app): State<Arc<App>>,
    page: Page,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::PlaceOrder)?;
    match carry_out(&app, &page, &sent).await {
        Ok((order, done)) => {
            Ok(Redirect::to(&format!("{}?done={done}", orders::place(&order))).into_response())
        }
        Err(error) => form(&app, page, sent, Some(&error)),
    }
}

async fn carry_out(
    app: &Arc<App>,
    page: &Page,
    sent: &Sent,
) -> Result<(String, &'static str), ApiError> {
    let Sent { key, channel, number, customer, status, total, codes, credit, placed_at, note } =
        sent;
    let said = [channel, number, status, total, codes, credit, placed_at, note].map(String::as_str);
    let request = forms::request(key, customer, &said)?;
    let some = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let amount = |amount: String| AmountRequest { amount: plain(&amount), currency: None };
    let codes = codes.split(|c: char| c.is_whitespace() || c == ',');
    let wanted = PlaceRequest {
        id: None,
        number: some(number),
        channel: channel.trim().to_owned(),
        customer: customer.trim().to_owned(),
        status: some(status),
        total: amount(total.clone()),
        coupons: codes.filter(|code| !code.is_empty()).map(str::to_owned).collect(),
        credits: some(credit).map(amount),
        placed_at: some(placed_at),
        note: some(note),
    };
    let (_, flow) = order_new::place(app, &page.staff, &wanted, request).await?;
    let order = flow.terms.order.to_string();
    let done = match Flow::Placing(Box::new(flow)).told() {
        Told::Done => "order-placed",
        _ => "order-under-way",
    };
    Ok((order, done))
}

/// Without what people put between digits.
fn plain(amount: &str) -> String {
    amount.trim().replace([',', '¥', ' '], "")
}

#[derive(Debug, Deserialize)]
pub struct Standing {
    status: String,
}

/// Sets the status. «Cancelled» opens the dialog in which staff choose what comes back.
pub async fn status(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
    Form(Standing { status }): Form<Standing>,
) -> Result<Response, ApiError> {
    let said = StatusRequest { status, note: None };
    let detail = order_status::change(&app, &page.staff, &id, said).await?;
    let place = orders::place(&detail.order.id);
    let place = match detail.actions.revert.allowed {
        true => format!("{place}/revert"),
        false => format!("{place}?done=order-status"),
    };
    Ok(Redirect::to(&place).into_response())
}
