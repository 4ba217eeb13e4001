//! `POST /storefront/v1/conversions` and `GET /storefront/v1/conversions/{id}`.

use super::points::MoneyBody;
use crate::{
    account,
    app::{App, CustomerCard, Shop},
    i18n::grouped,
    ids,
    web::{auth::Customer, error::ApiError, error::ProblemBody, idempotency},
};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    Conversion, CustomerId, Flow, FlowId, Points, Problem, Terms, conversion::View, coupon,
    flow::Told,
};
use engine::{
    LEASE,
    store::{Begun, Guard, Request, Row, Start},
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use utoipa::ToSchema;

/// A browser waits for an answer at most so long; then it is told to ask again.
const PATIENCE: Duration = Duration::from_secs(30);
/// So many codes are drawn before the coincidence is called an error.
const DRAWS: u32 = 5;

/// What a customer sends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversionRequest {
    #[schema(example = 500)]
    pub points: i64,
    /// Optional; must be the token's own.
    #[serde(default)]
    pub customer_id: Option<CustomerIdBody>,
}

/// A Shopify customer id, as a number or as text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum CustomerIdBody {
    Number(u64),
    Text(String),
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ConversionBody {
    pub id: String,
    /// `processing`, `confirming`, `completed` or `failed`.
    #[schema(example = "completed")]
    pub status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coupon: Option<CouponBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<BalanceBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemBody>,
    /// The steps so far; only where one conversion is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CouponBody {
    #[schema(example = "70934-AC37DE-500")]
    pub code: String,
    pub amount: MoneyBody,
    pub points_used: i64,
    pub created_at: String,
    pub expires_at: String,
    /// `active`, `used`, `expired`, `cancelled` or `held`.
    pub status: String,
    /// Until when the owner may take it back; absent where they may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo_until: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BalanceBody {
    pub before: Option<i64>,
    pub after: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct EventBody {
    pub at: String,
    pub event: String,
}

#[utoipa::path(post, path = "/storefront/v1/conversions", tag = "customer",
    security(("customer" = [])), request_body = ConversionRequest,
    params(("Idempotency-Key" = String, Header, description = "new for each new wish, the same \
        when the request is repeated")),
    responses((status = 201, body = ConversionBody), (status = 202, body = ConversionBody),
        (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody),
        (status = 503, body = ProblemBody)))]
pub async fn create(
    State(app): State<Arc<App>>,
    customer: Customer,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match convert(&app, &customer, &headers, body).await {
        Ok(row) => match &row.flow {
            Flow::Conversion(flow) => answer(&row, flow, &customer),
            // The key was given to something else.
            _ => key_reused().in_language(customer.language).into_response(),
        },
        Err(error) => within(&app, &customer, error).into_response(),
    }
}

/// The problem in the customer's language; where a number was wrong, with the shop's number.
fn within(app: &App, customer: &Customer, error: ApiError) -> ApiError {
    let mut error = error.in_language(customer.language);
    let Ok(shop) = customer.shop(app) else { return error };
    let (name, points) = match error.code {
        "below-minimum" => ("rule-minimum", shop.rules.minimum),
        "not-a-multiple" => ("rule-unit", shop.rules.unit),
        "daily-limit-exceeded" => ("rule-daily-limit", shop.rules.daily_limit),
        _ => return error,
    };
    let points = grouped(&points.get().to_string());
    error.detail = Some(customer.language.text_with(name, &[("points", &points)]));
    error
}

async fn convert(
    app: &Arc<App>,
    customer: &Customer,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Row, ApiError> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::too_large(),
        _ => ApiError::invalid("the body could not be read".to_owned()),
    })?;
    let points = parse(headers, &body, customer.id)?;
    let request = idempotency::request(headers, &body)?;
    let shop = customer.shop(app)?;
    let begun = match shop.rules.admit(points) {
        Ok(()) => begin(app, shop, customer.id, points, request).await?,
        // Rules change: what the key began before is answered as it stands.
        Err(problem) => {
            known(app, shop, customer.id, &request).await?.unwrap_or(Begun::Refused(problem))
        }
    };
    match begun {
        Begun::Started(row) => Ok(app.see_through(row, PATIENCE).await),
        Begun::Known { same_request: false, .. } => Err(key_reused()),
        Begun::Known { row, .. } => match row.flow.told() {
            Told::Processing => {
                let mut error = ApiError::new("idempotency-in-progress", StatusCode::CONFLICT);
                error.retry_after = Some(1);
                Err(error)
            }
            _ => Ok(row),
        },
        Begun::Refused(problem) => Err(ApiError::of(problem)),
        Begun::DrawAgain => Err(ApiError::of(Problem::ShopifyUnavailable)),
    }
}

fn key_reused() -> ApiError {
    ApiError::new("idempotency-key-reused", StatusCode::UNPROCESSABLE_ENTITY)
}

fn parse(headers: &HeaderMap, body: &[u8], own: CustomerId) -> Result<Points, ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(ApiError::new("unsupported-media-type", status));
    }
    let request: ConversionRequest =
        serde_json::from_slice(body).map_err(|error| ApiError::invalid(error.to_string()))?;
    let named = match &request.customer_id {
        None => Some(own),
        Some(CustomerIdBody::Number(number)) => Some(CustomerId(*number)),
        Some(CustomerIdBody::Text(text)) => CustomerId::parse(text),
    };
    if named != Some(own) {
        return Err(ApiError::new("not-your-account", StatusCode::FORBIDDEN));
    }
    Points::new(request.points).ok_or_else(|| ApiError::of(Problem::BelowMinimum))
}

/// What the key began before.
async fn known(
    app: &App,
    shop: &Shop,
    customer: CustomerId,
    request: &Request,
) -> Result<Option<Begun>, ApiError> {
    let found = app.engine.store.by_key(&shop.id, customer, request).await?;
    Ok(found.map(|(row, same_request)| Begun::Known { row, same_request }))
}

/// Begins the conversion, or finds the one that the key began. Where a recent balance says that
/// it will do, the balance is read anew beside the coupon's creation instead of before it.
async fn begin(
    app: &Arc<App>,
    shop: &Shop,
    customer: CustomerId,
    points: Points,
    request: Request,
) -> Result<Begun, ApiError> {
    let card = account::card(app, shop, customer).await?;
    if let Some(recent) = app.memory.balance(&shop.id, customer, app.now())
        && recent >= points
    {
        let begun = draw(app, shop, customer, &card, points, recent, &request, true).await?;
        if begun != Begun::Refused(Problem::InsufficientPoints) {
            return Ok(begun);
        }
    } else if let Some(begun) = known(app, shop, customer, &request).await? {
        return Ok(begun);
    }
    let balance = account::balance(app, shop, customer, &card).await?;
    draw(app, shop, customer, &card, points, balance, &request, false).await
}

#[expect(clippy::too_many_arguments, reason = "each is named where it is used, once")]
async fn draw(
    app: &App,
    shop: &Shop,
    customer: CustomerId,
    card: &CustomerCard,
    points: Points,
    balance: Points,
    request: &Request,
    check: bool,
) -> Result<Begun, ApiError> {
    let rules = &shop.rules;
    let amount = rules.rate.worth(points).ok_or_else(|| ApiError::of(Problem::NotAMultiple))?;
    for _ in 0..DRAWS {
        let now = app.now();
        let terms = Terms {
            shop: shop.id.clone(),
            customer,
            pos_id: card.pos_id.clone(),
            member_no: card.member_no.clone(),
            points,
            amount,
            code: coupon::code(&card.member_no, amount, ids::random()),
            day: account::today(app, shop),
            created_at: now,
            expires_at: coupon::expires_at(now, &shop.zone, rules.valid_days),
            receipt: shop.mail.receipt,
            replaces: None,
        };
        let start = Start {
            id: ids::flow(now),
            flow: Flow::Conversion(Conversion::accept(terms, check)),
            request: Some(request.clone()),
            guard: Guard::Reserve { daily_limit: rules.daily_limit, balance },
            now,
            lease_until: now.plus(LEASE),
        };
        match app.engine.start(start).await? {
            Begun::DrawAgain => {}
            begun => return Ok(begun),
        }
    }
    Ok(Begun::DrawAgain)
}

fn answer(row: &Row, flow: &Conversion, customer: &Customer) -> Response {
    let body = body_of(row.id, flow, customer, vec![]);
    match flow.view() {
        View::Completed { .. } => (StatusCode::CREATED, Json(body)).into_response(),
        View::Failed { problem } => {
            ApiError::of(problem).in_language(customer.language).into_response()
        }
        View::Processing | View::Confirming => {
            let body = ConversionBody { status: "confirming", ..body };
            let location = format!("/storefront/v1/conversions/{}", row.id);
            let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
            let headers = response.headers_mut();
            if let Ok(location) = HeaderValue::from_str(&location) {
                headers.insert(header::LOCATION, location);
            }
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
    }
}

fn body_of(
    id: FlowId,
    flow: &Conversion,
    customer: &Customer,
    events: Vec<EventBody>,
) -> ConversionBody {
    let terms = &flow.terms;
    let mut body = ConversionBody {
        id: id.to_string(),
        status: "processing",
        points: None,
        coupon: None,
        balance: None,
        problem: None,
        events,
    };
    match flow.view() {
        View::Processing => {}
        View::Confirming => body.status = "confirming",
        View::Failed { problem } => {
            body.status = "failed";
            body.problem = Some(ApiError::of(problem).in_language(customer.language).body());
        }
        View::Completed { paid } => {
            body.status = "completed";
            body.points = Some(terms.points.get());
            body.coupon = Some(CouponBody {
                code: terms.code.to_string(),
                amount: MoneyBody::from(terms.amount),
                points_used: terms.points.get(),
                created_at: terms.created_at.rfc3339(),
                expires_at: terms.expires_at.rfc3339(),
                status: flow.coupon_status().as_str().to_owned(),
                undo_until: None,
            });
            body.balance = Some(BalanceBody {
                before: paid.before.map(Points::get),
                after: paid.after.map(Points::get),
            });
        }
    }
    body
}

#[utoipa::path(get, path = "/storefront/v1/conversions/{id}", tag = "customer",
    security(("customer" = [])), params(("id" = String, Path)),
    responses((status = 200, body = ConversionBody), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody)))]
pub async fn show(
    State(app): State<Arc<App>>,
    customer: Customer,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let found = find(&app, &customer, &id).await;
    found.map_err(|error| error.in_language(customer.language))
}

async fn find(app: &App, customer: &Customer, id: &str) -> Result<Response, ApiError> {
    let id = FlowId::parse(id).ok_or_else(ApiError::not_found)?;
    let row = app.engine.store.load(id).await?.ok_or_else(ApiError::not_found)?;
    if *row.shop() != customer.shop || row.customer() != customer.id {
        return Err(ApiError::not_found());
    }
    let Flow::Conversion(flow) = &row.flow else { return Err(ApiError::not_found()) };
    let lines = app.reads.timeline(id).await?;
    let events = lines
        .into_iter()
        .map(|line| EventBody { at: line.at.timestamp().to_string(), event: line.name })
        .collect();
    let mut response = Json(body_of(id, flow, customer, events)).into_response();
    if matches!(flow.view(), View::Processing | View::Confirming) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    Ok(response)
}
