//! `/admin/reviews/{id}`: one case with its evidence, and the verdict.

use super::{
    Page, coupon,
    page::Said,
    reviews::{customer, title, verdict},
    show,
    timeline::{self, Step},
};
use crate::{
    app::App,
    store::reads::MovementRow,
    web::{
        api::{
            coupon as coupon_api,
            reviews::{self, ReviewBody, SettleRequest},
        },
        error::ApiError,
    },
};
use askama::Template;
use axum::{
    extract::{Form, Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{Act, Code, CustomerId};
use serde::Deserialize;
use std::sync::Arc;

/// So many movements stand beside a case.
const MOVEMENTS: usize = 8;

#[derive(Template)]
#[template(path = "admin/review.html")]
struct ReviewPage {
    page: Page,
    body: ReviewBody,
    what: String,
    why: String,
    customer: String,
    coupon: String,
    asked: Option<String>,
    balance: Option<i64>,
    hint: Option<String>,
    movements: Vec<Movement>,
    steps: Vec<Step>,
    verdicts: Vec<(&'static str, String)>,
    said: Option<String>,
    settle: bool,
    note: String,
    problem: Option<Said>,
    note_problem: bool,
}

struct Movement {
    moment: String,
    points: String,
    out: bool,
    reference: String,
    balance: Option<String>,
    own: bool,
}

#[derive(Clone, Default, Deserialize)]
pub struct Sent {
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    note: String,
    /// The case as it was shown.
    version: Option<i64>,
}

/// Why a person is needed; a signal says what it rests on.
fn why(page: &Page, body: &ReviewBody) -> String {
    let name = format!("review-{}-why", body.reason.replace('_', "-"));
    let Some(evidence) = &body.evidence else {
        return page.language.known(&name).unwrap_or_default();
    };
    let value = |key: &str| match &evidence[key] {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let keys = ["staff", "count", "minutes", "days", "time", "open", "close", "same"];
    let values = keys.map(|key| (key, value(key)));
    page.with(&name, &values.each_ref().map(|(key, value)| (*key, value.as_str())))
}

/// What the balance suggests. A hint, never a proof: anything may have moved it.
fn hint(page: &Page, body: &ReviewBody, known: &[MovementRow], now: Option<i64>) -> Option<String> {
    let (points, now) = (body.points?, now?);
    let other = |row: &&MovementRow| Some(&row.reference) != body.reference.as_ref();
    let before = known.iter().filter(other).find_map(|row| row.balance)?;
    let name = match now - before {
        moved if moved == points => "review-hint-moved",
        0 => "review-hint-same",
        _ => "review-hint-other",
    };
    let (before, now) = (page.number(&before), page.number(&now));
    Some(page.with(name, &[("before", &before), ("now", &now), ("points", &page.signed(&points))]))
}

fn movement(page: &Page, body: &ReviewBody, row: MovementRow) -> Movement {
    Movement {
        moment: page.moment(&row.at),
        points: page.signed(&row.points),
        out: row.points < 0,
        own: body.reference.as_ref() == Some(&row.reference),
        balance: row.balance.map(|balance| page.number(&balance)),
        reference: row.reference,
    }
}

async fn form(
    app: &App,
    page: Page,
    id: &str,
    sent: Sent,
    problem: Option<ApiError>,
) -> Result<Response, ApiError> {
    let body = reviews::one(app, &page.staff, id).await?;
    let shop = page.staff.shop(app)?;
    let (history, _) = coupon_api::history(app, shop, &Code(body.code.clone())).await?;
    let owner = CustomerId::parse(&body.customer).ok_or_else(ApiError::not_found)?;
    let balance = coupon_api::balance(app, shop, owner).await;
    let known = app.reads.history(page.staff.shop_id(), owner, None, MOVEMENTS).await?;
    let why = why(&page, &body);
    let verdicts = body.verdicts.iter().map(|said| (*said, verdict(&page, &body, said)));
    show(&ReviewPage {
        what: title(&page, &body),
        why,
        customer: customer(&page, &body),
        coupon: coupon::place(&body.code),
        asked: body.points.map(|points| page.signed(&points)),
        hint: hint(&page, &body, &known, balance).filter(|_| body.verdicts.len() > 1),
        movements: known.into_iter().map(|row| movement(&page, &body, row)).collect(),
        balance,
        steps: history.into_iter().map(|step| timeline::step(&page, step)).collect(),
        verdicts: verdicts.collect(),
        said: body.verdict.as_ref().map(|said| verdict(&page, &body, said)),
        settle: page.may(Act::Settle),
        note_problem: problem.as_ref().is_some_and(|error| error.code == "invalid-request"),
        problem: problem.map(|error| page.problem(&error)),
        note: sent.note,
        body,
        page,
    })
}

pub async fn see(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::See)?;
    form(&app, page, &id, Sent::default(), None).await
}

pub async fn settle(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Settle)?;
    let Sent { verdict, note, version } = sent.clone();
    if note.trim().is_empty() {
        let mut missing = ApiError::new("invalid-request", StatusCode::UNPROCESSABLE_ENTITY);
        missing.detail = Some(page.t("review-note-missing"));
        let again = form(&app, page, &id, sent, Some(missing)).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, again).into_response());
    }
    match reviews::decide(&app, &page.staff, &id, SettleRequest { verdict, note, version }).await {
        Ok(_) => Ok(Redirect::to(&format!("/admin/reviews/{id}?done=settled")).into_response()),
        Err(error) if error.status == StatusCode::NOT_FOUND => Err(error),
        Err(error) => {
            let status = error.status;
            let again = form(&app, page, &id, sent, Some(error)).await?;
            Ok((status, again).into_response())
        }
    }
}
