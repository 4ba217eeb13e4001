//! `/admin/orders/{id}/take-back`: what came back of an order that was re-opened is taken again.

use super::{Page, forms, orders, page::Said, show};
use crate::{
    app::App,
    store::order_lists,
    web::{
        api::{
            order::{self, OrderDetail},
            orders::money,
            revert_preview,
            take_back::{self, TakeBackRequest},
        },
        error::ApiError,
        storefront::points::MoneyBody,
    },
};
use askama::Template;
use axum::{
    extract::{Form, Path, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Act,
    flow::Told,
    reversal::{Outcome, State as Standing},
};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sent {
    key: String,
    /// `on` where they are ticked.
    points: String,
    credits: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "admin/take_back.html")]
struct TakeBackPage {
    page: Page,
    detail: OrderDetail,
    back: String,
    customer: String,
    recorded: String,
    /// What each choice takes, and what the balance would be.
    points: Option<(String, String)>,
    credit: Option<(String, String)>,
    open: bool,
    sent: Sent,
    problem: Option<Said>,
}

async fn form(
    app: &App,
    page: Page,
    id: &str,
    sent: Sent,
    problem: Option<Said>,
) -> Result<Response, ApiError> {
    let detail = order::read(app, &page.staff, id).await?;
    let shop = page.staff.shop(app)?;
    let found = order_lists::find(&app.database, &shop.id, &detail.order.id).await?;
    let found = found.ok_or_else(ApiError::not_found)?;
    let (points, credit) = revert_preview::now(app, shop, &found).await;
    let after = |name, before: Option<(String, Option<String>)>| match before {
        Some((before, Some(after))) => {
            page.with(name, &[("before", before.as_str()), ("after", after.as_str())])
        }
        Some((before, None)) => page.with("take-back-short", &[("before", before.as_str())]),
        None => page.t("order-balance-unread"),
    };
    let some = detail.take_back.points;
    let points = (some > 0).then(|| {
        let left = |left: i64| (left >= 0).then(|| page.points(&left));
        let told = points.map(|points| (page.points(&points), left(points - some)));
        (page.points(&some), after("order-balance-points", told))
    });
    let minor = found.credits.iter().map(|credit| credit.returned).sum::<i64>();
    let credit = detail.take_back.credit.as_ref().map(|amount| {
        let body = |minor| page.money(&MoneyBody::from(money(minor, amount.currency)));
        let left = |left: i64| (left >= 0).then(|| body(left));
        let told = credit.map(|credit| (body(credit), left(credit - minor)));
        (page.money(amount), after("order-balance-credit-kaeru", told))
    });
    let objection = detail.actions.take_back.problem.map(|code| {
        let (title, detail) = page.language.problem(code);
        Said { title: title.to_owned(), detail: detail.to_owned() }
    });
    show(&TakeBackPage {
        back: orders::place(&detail.order.id),
        customer: orders::buyer(&page, &detail.order),
        recorded: page.with("act-recorded", &[("name", &page.name)]),
        points,
        credit,
        open: detail.actions.take_back.allowed,
        problem: problem.or(objection),
        sent,
        detail,
        page,
    })
}

pub async fn ask(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Cancel)?;
    let on = || "on".to_owned();
    let key = page.key.clone();
    form(&app, page, &id, Sent { key, points: on(), credits: on(), ..Sent::default() }, None).await
}

pub async fn take(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Cancel)?;
    let request =
        forms::request(&sent.key, &id, &["take-back", &sent.points, &sent.credits, &sent.reason])?;
    let wanted = TakeBackRequest {
        points: sent.points == "on",
        credits: sent.credits == "on",
        reason: sent.reason.clone(),
    };
    match take_back::carry_out(&app, &page.staff, &id, &wanted, request).await {
        Ok((_, flow)) => {
            let partly = matches!(&flow.state, Standing::Ended { done }
                if done.contains(&Outcome::Short));
            let done = match domain::Flow::Reversal(flow).told() {
                Told::Done if partly => "order-taken-partly",
                Told::Done => "order-taken-back",
                _ => "order-under-way",
            };
            let place = format!("{}?done={done}", orders::place(&id));
            Ok(Redirect::to(&place).into_response())
        }
        Err(error) => {
            let problem = page.problem(&error);
            let shown = form(&app, page, &id, sent, Some(problem)).await?;
            Ok((error.status, shown).into_response())
        }
    }
}
