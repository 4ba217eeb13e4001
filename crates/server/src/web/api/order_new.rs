//! `POST /admin/api/v1/orders`: an order of another channel, with the coupons and the store credit
//! that pay for it. They are used up before the order counts.

use super::{cancel::PATIENCE, grants};
use crate::{
    app::{App, Shop},
    own_orders::{self, Wish},
    store::orders::{SHOPIFY, Status},
    web::{
        auth_staff::Staff,
        body::Body,
        error::{ApiError, ProblemBody},
        idempotency, moments,
        storefront::points::MoneyBody,
    },
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Act, Flow, Money, OrderId, Placing, flow::Told, placing};
use engine::store::Request;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

const MOST_COUPONS: usize = 20;
const LONGEST_ID: usize = 64;
const LONGEST_NAME: usize = 64;
const LONGEST_NOTE: usize = 1_000;

/// An amount in the shop's currency.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AmountRequest {
    #[schema(example = "3000")]
    pub amount: String,
    /// The shop's own, where it is named.
    #[serde(default)]
    #[schema(example = "JPY")]
    pub currency: Option<String>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceRequest {
    /// The order's id for ever: letters, digits, `.` and `_`, at least one letter. Left out, it is
    /// made of the channel and the number, or drawn.
    #[serde(default)]
    #[schema(example = "ginza.1001")]
    pub id: Option<String>,
    /// As people call it.
    #[serde(default)]
    #[schema(example = "1001")]
    pub number: Option<String>,
    /// Where it was placed: a name in lower case, not `shopify`.
    #[schema(example = "ginza")]
    pub channel: String,
    /// The customer's Shopify id.
    #[schema(example = "12345")]
    pub customer: String,
    /// `pending`, `confirmed` or `completed`, which it is where nothing is said.
    #[serde(default)]
    pub status: Option<String>,
    /// What was paid, after discounts.
    pub total: AmountRequest,
    /// Codes of the customer's coupons.
    #[serde(default)]
    pub coupons: Vec<String>,
    /// What store credit that Kaeru holds pays of it.
    #[serde(default)]
    pub credits: Option<AmountRequest>,
    /// Left out: now.
    #[serde(default)]
    pub placed_at: Option<String>,
    #[serde(default)]
    pub note: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PlacingBody {
    /// Of the act: the correlation id of everything that is logged about it.
    pub id: String,
    /// `processing`, `confirming` or `completed`.
    #[schema(example = "completed")]
    pub status: &'static str,
    /// The order's id and name.
    #[schema(example = "ginza.1001")]
    pub order: String,
    #[schema(example = "#1001")]
    pub name: String,
    pub channel: String,
    pub total: MoneyBody,
    pub coupons: Vec<String>,
    pub credits: Option<MoneyBody>,
}

#[utoipa::path(post, path = "/admin/api/v1/orders", tag = "staff",
    security(("staff" = [])), request_body = PlaceRequest,
    params(("Idempotency-Key" = String, Header)),
    responses((status = 201, body = PlacingBody), (status = 202, body = PlacingBody),
        (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody),
        (status = 503, body = ProblemBody)))]
pub async fn create(
    State(app): State<Arc<App>>,
    staff: Staff,
    headers: HeaderMap,
    body: Body<PlaceRequest>,
) -> Response {
    let done = async {
        staff.may(Act::PlaceOrder)?;
        let request = idempotency::request(&headers, &body.bytes)?;
        place(&app, &staff, &body.said, request).await
    };
    match done.await {
        Ok((id, flow)) => answer(id, &flow),
        Err(error) => error.in_language(staff.language).into_response(),
    }
}

/// Places it, once by the request's key, and waits until people can be told how it stands.
///
/// # Errors
/// Where it is refused, or failed: nothing was changed then.
pub async fn place(
    app: &Arc<App>,
    staff: &Staff,
    said: &PlaceRequest,
    request: Request,
) -> Result<(domain::FlowId, Placing), ApiError> {
    staff.may(Act::PlaceOrder)?;
    let shop = staff.shop(app)?;
    let wish = wish(app, shop, staff.actor(), said, request)?;
    carry_out(app, shop, wish).await
}

/// The same for whoever has checked who asks.
pub async fn carry_out(
    app: &Arc<App>,
    shop: &Shop,
    wish: Wish,
) -> Result<(domain::FlowId, Placing), ApiError> {
    let begun = own_orders::begin(app, shop, wish).await?;
    let row = begun.see_through(app, PATIENCE).await;
    match row.flow {
        Flow::Placing(flow) => match flow.state {
            placing::State::Telling { problem, .. }
            | placing::State::Clearing { problem, .. }
            | placing::State::Failed { problem } => Err(problem.into()),
            _ => Ok((row.id, *flow)),
        },
        // The key was given to something else.
        _ => Err(crate::acts::Declined::KeyReused.into()),
    }
}

fn answer(id: domain::FlowId, flow: &Placing) -> Response {
    let terms = &flow.terms;
    let told = Flow::Placing(Box::new(flow.clone())).told();
    let (code, status) = match told {
        Told::Done => (StatusCode::CREATED, "completed"),
        Told::Confirming => (StatusCode::ACCEPTED, "confirming"),
        Told::Processing | Told::Failed => (StatusCode::ACCEPTED, "processing"),
    };
    let body = PlacingBody {
        id: id.to_string(),
        status,
        order: terms.order.to_string(),
        name: terms.name.clone(),
        channel: terms.channel.clone(),
        total: terms.total.into(),
        coupons: terms.coupons.iter().map(|coupon| coupon.terms.code.to_string()).collect(),
        credits: terms.credit.map(MoneyBody::from),
    };
    let mut response = (code, Json(body)).into_response();
    let place = format!("/admin/api/v1/orders/{}", terms.order);
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    if code == StatusCode::ACCEPTED {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

/// What is said, checked.
///
/// # Errors
/// `invalid-request`, naming the field.
pub fn wish(
    app: &App,
    shop: &Shop,
    by: domain::Actor,
    said: &PlaceRequest,
    request: Request,
) -> Result<Wish, ApiError> {
    let invalid = |text: &str| ApiError::invalid(text.to_owned());
    let channel = said.channel.trim();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if channel.is_empty() || channel.len() > 32 || !channel.chars().all(plain) {
        return Err(invalid("channel: 1 to 32 lower-case letters, digits or _"));
    }
    if channel == SHOPIFY {
        return Err(invalid("channel: Shopify tells its orders itself"));
    }
    let status = match said.status.as_deref() {
        None => Status::Completed,
        Some(text) => Status::parse(text)
            .filter(|status| *status != Status::Cancelled)
            .ok_or_else(|| invalid("status: pending, confirmed or completed"))?,
    };
    if said.coupons.len() > MOST_COUPONS {
        return Err(ApiError::invalid(format!("coupons: at most {MOST_COUPONS}")));
    }
    let now = app.now();
    let placed_at = match said.placed_at.as_deref().filter(|text| !text.is_empty()) {
        None => now,
        Some(text) => moments::end("placed_at", text, &shop.zone)?,
    };
    let note = said.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
    if note.is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
        return Err(ApiError::invalid(format!("note: at most {LONGEST_NOTE} characters")));
    }
    let (order, name) = named(channel, said, &request)?;
    let credit = said.credits.as_ref().map(|of| money(shop, "credits", of)).transpose()?;
    Ok(Wish {
        by,
        customer: grants::customer(&said.customer)?,
        order,
        name,
        channel: channel.to_owned(),
        status: status.as_str(),
        total: money(shop, "total", &said.total)?,
        codes: said.coupons.iter().filter(|code| !code.trim().is_empty()).cloned().collect(),
        credit: credit.filter(|credit| credit.minor > 0),
        placed_at: placed_at.min(now),
        note: note.map(str::to_owned),
        request: Some(request),
    })
}

/// The order's id, and what people call it.
fn named(
    channel: &str,
    said: &PlaceRequest,
    request: &Request,
) -> Result<(OrderId, String), ApiError> {
    let given = |text: &Option<String>| {
        text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let (id, number) = (given(&said.id), given(&said.number));
    if number.as_ref().is_some_and(|number| number.chars().count() > LONGEST_NAME) {
        return Err(ApiError::invalid(format!("number: at most {LONGEST_NAME} characters")));
    }
    let id = id.unwrap_or_else(|| match &number {
        Some(number) => {
            let kept = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
            format!("{channel}.{}", number.chars().filter(kept).collect::<String>())
        }
        // The same for the same request, so that its repetition is the same order.
        None => grants::reference(channel, request).0.replace('-', "."),
    });
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
    let letters = id.chars().any(|c| c.is_ascii_alphabetic());
    if id.is_empty() || id.len() > LONGEST_ID || !id.chars().all(plain) || !letters {
        return Err(ApiError::invalid(format!(
            "id: 1 to {LONGEST_ID} letters, digits, . or _, with a letter among them"
        )));
    }
    let name = match number {
        Some(number) => format!("#{}", number.trim_start_matches('#')),
        None => format!("#{id}"),
    };
    Ok((OrderId(id), name))
}

fn money(shop: &Shop, field: &str, said: &AmountRequest) -> Result<Money, ApiError> {
    let currency = shop.rules.rate.currency();
    if said.currency.as_deref().is_some_and(|code| code != currency.code()) {
        return Err(ApiError::invalid(format!("{field}.currency: is {}", currency.code())));
    }
    let amount = said.amount.trim().parse::<Decimal>().ok();
    let money = amount.and_then(|amount| Money::exact(amount.normalize(), currency));
    money.filter(|money| money.minor >= 0).ok_or_else(|| {
        ApiError::invalid(format!("{field}.amount: an amount in {} is needed", currency.code()))
    })
}
