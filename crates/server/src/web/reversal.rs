//! What a reversal is answered with.

use super::{
    error::{ApiError, ProblemBody},
    language::Language,
    storefront::{conversions::BalanceBody, points::MoneyBody},
};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    At, FlowId, Money, Points, Reference, Reversal,
    flow::Told,
    reversal::{Item, Outcome, State},
};
use serde::Serialize;
use utoipa::ToSchema;

/// One thing that comes back, and what became of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReversalItem {
    /// `points`, `replacement` for a new coupon instead of them, `credit`, `earned` for what the
    /// order had earned and loses; `points_again` and `credit_again` for what had come back and is
    /// taken again.
    #[schema(example = "points")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "70934-AC37DE-500")]
    pub code: Option<String>,
    /// Signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<i64>,
    /// The payment's number at Shopify.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<MoneyBody>,
    #[schema(example = "ORDER-6100000000001-70934-AC37DE-500")]
    pub reference: String,
    /// `pending`, `confirming`, `returned`, `taken`, `by_shopify`, `lapsed`, `short`, or
    /// `replacing`: a flow of its own makes the new coupon, and the order tells how it stands.
    #[schema(example = "returned")]
    pub outcome: &'static str,
    /// Until when it was asked to be good.
    pub expires_at: Option<String>,
    /// Until when it is, where its holder told.
    pub good_until: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReversalBody {
    pub id: String,
    /// `processing`, `confirming`, `completed` or `failed`.
    #[schema(example = "completed")]
    pub status: &'static str,
    /// The order's id and name.
    pub order: String,
    pub name: String,
    /// Whether it cancels the order.
    pub cancels: bool,
    /// What has come back so far.
    #[schema(example = 500)]
    pub points_returned: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit_returned: Option<MoneyBody>,
    pub items: Vec<ReversalItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<BalanceBody>,
    /// Who decided: a name, or `system`.
    #[schema(example = "Sato Keiko")]
    pub by: String,
    pub at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemBody>,
}

/// How it stands, in the API's word.
const fn status(told: Told) -> &'static str {
    match told {
        Told::Processing => "processing",
        Told::Confirming => "confirming",
        Told::Done => "completed",
        Told::Failed => "failed",
    }
}

pub fn body(id: FlowId, flow: &Reversal, language: Language) -> ReversalBody {
    let terms = &flow.terms;
    let done = flow.done();
    let problem = match &flow.state {
        State::Failed { problem } => Some(ApiError::of(*problem).in_language(language).body()),
        _ => None,
    };
    let balance = done.iter().rev().find_map(|outcome| match outcome {
        Outcome::Moved(moved) => Some(BalanceBody {
            before: moved.before.map(Points::get),
            after: moved.after.map(Points::get),
        }),
        _ => None,
    });
    let (points, credit) = came(flow);
    ReversalBody {
        id: id.to_string(),
        status: status(domain::Flow::Reversal(Box::new(flow.clone())).told()),
        order: terms.order.to_string(),
        name: terms.name.clone(),
        cancels: terms.cancel.is_some(),
        points_returned: points,
        credit_returned: credit.map(MoneyBody::from),
        items: terms
            .items
            .iter()
            .enumerate()
            .map(|(place, item)| ReversalItem {
                good_until: done.get(place).and_then(honoured).map(At::rfc3339),
                ..shown(flow, item, outcome(flow, place))
            })
            .collect(),
        balance,
        by: terms.by.name().unwrap_or_else(|| terms.by.kind()).to_owned(),
        at: terms.at.rfc3339(),
        problem,
    }
}

const fn honoured(outcome: &Outcome) -> Option<At> {
    match outcome {
        Outcome::Moved(moved) => moved.honoured,
        Outcome::Credited { honoured, .. } => *honoured,
        Outcome::ByShopify | Outcome::Lapsed | Outcome::Short | Outcome::Replacing => None,
    }
}

/// Points, and credit that Kaeru gave.
fn came(flow: &Reversal) -> (i64, Option<Money>) {
    let (mut points, mut credit) = (0, None::<Money>);
    for (item, outcome) in flow.terms.items.iter().zip(flow.done()) {
        match (item, outcome) {
            (Item::Points { points: of, .. }, Outcome::Moved(_)) => points += of.get(),
            (
                Item::Credit { amount, .. } | Item::OwnCredit { amount, .. },
                Outcome::Credited { minor, .. },
            ) => {
                let before = credit.map_or(0, |credit| credit.minor);
                credit = Some(Money { minor: before + minor, ..*amount });
            }
            _ => {}
        }
    }
    (points, credit)
}

fn outcome(flow: &Reversal, place: usize) -> &'static str {
    let goes = flow.terms.items.get(place).is_some_and(Item::goes);
    match flow.done().get(place) {
        Some(Outcome::Moved(_) | Outcome::Credited { .. }) if goes => "taken",
        Some(Outcome::Moved(_) | Outcome::Credited { .. }) => "returned",
        Some(Outcome::ByShopify) => "by_shopify",
        Some(Outcome::Lapsed) => "lapsed",
        Some(Outcome::Short) => "short",
        Some(Outcome::Replacing) => "replacing",
        None if place == flow.done().len() => match &flow.state {
            State::Confirming { .. } | State::InReview { .. } | State::Owing { .. } => "confirming",
            _ => "pending",
        },
        None => "pending",
    }
}

fn shown(flow: &Reversal, item: &Item, outcome: &'static str) -> ReversalItem {
    let base = |kind, expires_at: Option<At>| ReversalItem {
        kind,
        code: None,
        points: None,
        payment: None,
        amount: None,
        reference: item.reference(&flow.terms.order).0,
        outcome,
        expires_at: expires_at.map(At::rfc3339),
        good_until: None,
    };
    match item {
        Item::Points { code, points, expiry, .. } => ReversalItem {
            code: Some(code.to_string()),
            points: Some(points.get()),
            ..base("points", expiry.requested)
        },
        Item::Replacement { code, terms, .. } => ReversalItem {
            code: Some(code.to_string()),
            points: Some(terms.points.get()),
            amount: Some(terms.amount.into()),
            // It has no movement of its own.
            reference: Reference::of_conversion(terms.paid_by()).0,
            ..base("replacement", Some(terms.expires_at))
        },
        Item::Credit { payment, amount, expiry } => ReversalItem {
            payment: Some(payment.to_string()),
            amount: Some((*amount).into()),
            ..base("credit", expiry.requested)
        },
        Item::OwnCredit { amount, expiry, .. } => {
            ReversalItem { amount: Some((*amount).into()), ..base("credit", expiry.requested) }
        }
        Item::Earned { points, .. } => {
            ReversalItem { points: Some(-points.get()), ..base("earned", None) }
        }
        Item::PointsAgain { code, points, .. } => ReversalItem {
            code: Some(code.to_string()),
            points: Some(-points.get()),
            ..base("points_again", None)
        },
        Item::CreditAgain { amount, .. } => {
            let amount = Money { minor: -amount.minor, ..*amount };
            ReversalItem { amount: Some(amount.into()), ..base("credit_again", None) }
        }
    }
}

/// 200, 202 with the order's place to ask, or the problem.
pub fn answer(id: FlowId, flow: &Reversal, language: Language) -> Response {
    let body = body(id, flow, language);
    if let State::Failed { problem } = &flow.state {
        return ApiError::of(*problem).in_language(language).into_response();
    }
    if body.status == "completed" {
        return Json(body).into_response();
    }
    let place = format!("/admin/api/v1/orders/{}", flow.terms.order);
    let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    response
}
