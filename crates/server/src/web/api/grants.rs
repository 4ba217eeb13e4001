//! `POST /admin/api/v1/customers/{id}/grants`: staff give points, or take some by hand. Only where
//! Kaeru holds the points itself.

use crate::{
    account,
    app::{App, Shop},
    book::Book,
    ids,
    store::{
        audit,
        ledger::{self, Asked, Done, Outcome},
    },
    web::{
        auth_staff::Staff,
        body::Body,
        error::{ApiError, ProblemBody},
        idempotency, moments,
    },
};
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use domain::{
    Act, At, CustomerId, PosId, Problem, Reference,
    ledger::{Counter, Declined, Funding, Unit},
};
use engine::store::Request;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use utoipa::ToSchema;

/// What staff give or take at once.
const MOST_POINTS: i64 = 100_000_000;
const LONGEST_TEXT: usize = 200;

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantRequest {
    /// Below zero: taken away.
    #[schema(example = 500)]
    pub points: i64,
    /// The customer reads it in the history.
    #[schema(example = "An apology for the late delivery")]
    pub reason: String,
    /// For the audit log only.
    #[serde(default)]
    pub note: Option<String>,
    /// A day in the shop's time zone, or a moment. Left out: as the shop's rule says.
    #[serde(default)]
    pub expires_at: Option<String>,
    /// `free` (default), or `paid` where the customer paid for the points.
    #[serde(default)]
    pub funding: Option<String>,
}

/// A movement that staff made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GrantBody {
    #[schema(example = "GRANT-0b9c2f7d31a84e56")]
    pub reference: String,
    /// Signed.
    pub points: i64,
    pub balance: i64,
    /// Until when the points are good.
    pub expires_at: Option<String>,
}

#[utoipa::path(post, path = "/admin/api/v1/customers/{id}/grants", tag = "staff",
    security(("staff" = [])), request_body = GrantRequest,
    params(("id" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 200, body = GrantBody), (status = 400, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn create(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<GrantRequest>,
) -> Result<Json<GrantBody>, ApiError> {
    let done = async {
        staff.may(Act::Grant)?;
        let request = idempotency::request(&headers, &body.bytes)?;
        grant(&app, &staff, &id, &body.said, &request).await
    };
    done.await.map(Json).map_err(|error| error.in_language(staff.language))
}

/// Gives or takes the points, once by the request's key.
pub async fn grant(
    app: &App,
    staff: &Staff,
    id: &str,
    wanted: &GrantRequest,
    request: &Request,
) -> Result<GrantBody, ApiError> {
    let shop = staff.shop(app)?;
    let (book, customer) = (book(shop)?, customer(id)?);
    let reason = text("reason", &wanted.reason)?;
    let end = (wanted.expires_at.as_deref(), wanted.funding.as_deref());
    let asked = asked(book, shop, wanted.points, end, app.now())?;
    let act = if wanted.points > 0 { "points.grant" } else { "points.take" };
    let detail = json!({
        "points": wanted.points,
        "expires_at": wanted.expires_at,
        "funding": wanted.funding,
    });
    let entry = Said { act, customer, detail, reason, note: wanted.note.clone() };
    let reference = reference("GRANT", request);
    let holder = account::pos_id(app, shop, customer).await?;
    let done = carry_out(app, staff, book, &holder, reference.clone(), asked, entry).await?;
    Ok(GrantBody {
        reference: reference.0,
        points: done.amount,
        balance: done.balance,
        expires_at: done.expires_at.map(At::rfc3339),
    })
}

/// `end`: the day that is wished, and the funding.
///
/// # Errors
/// `invalid-request`, naming the field.
pub fn asked(
    book: &Book,
    shop: &Shop,
    amount: i64,
    (end, funding): (Option<&str>, Option<&str>),
    now: At,
) -> Result<Asked, ApiError> {
    let funding = funding.map_or(Some(Funding::Free), Funding::parse);
    let funding = funding.ok_or_else(|| ApiError::invalid("funding: free or paid".to_owned()))?;
    let until = end.filter(|text| !text.is_empty());
    let until = until.map(|text| moments::end("expires_at", text, &shop.zone)).transpose()?;
    match amount {
        amount @ 1..=MOST_POINTS => Ok(Asked::Grant {
            amount,
            from: Counter::Granted,
            issued_at: None,
            expires_at: until.or_else(|| book.end_of_new(now)),
            funding,
        }),
        less if (-MOST_POINTS..0).contains(&less) && until.is_none() => {
            Ok(Asked::Spend { amount: -less, to: Counter::Corrected })
        }
        less if less < 0 && until.is_some() => {
            Err(ApiError::invalid("expires_at: points that are taken have no end".to_owned()))
        }
        _ => Err(ApiError::invalid(match book.unit {
            Unit::Points => format!("points: 1 to {MOST_POINTS}, or below zero"),
            Unit::Credit(_) => "amount: not zero, and not so much at once".to_owned(),
        })),
    }
}

/// What the audit log says of an act on points.
pub struct Said {
    pub act: &'static str,
    pub customer: CustomerId,
    pub detail: serde_json::Value,
    pub reason: String,
    pub note: Option<String>,
}

/// Makes the movement together with its line in the audit log.
pub async fn carry_out(
    app: &App,
    staff: &Staff,
    book: &Book,
    holder: &PosId,
    reference: Reference,
    asked: Asked,
    said: Said,
) -> Result<Done, ApiError> {
    let now = app.now();
    let entry = audit::Entry {
        id: ids::flow(now),
        shop: staff.shop_id().clone(),
        at: now,
        by: staff.actor(),
        role: Some(staff.role()),
        act: said.act,
        subject: said.customer.to_string(),
        detail: said.detail,
        reason: Some(said.reason),
        note: said.note,
        origin: staff.origin.clone(),
        flow: None,
    };
    let order = book.by_staff(holder, reference, asked, entry);
    match ledger::post(&app.database, order).await? {
        Outcome::Posted(done) | Outcome::Known(done) => {
            app.memory.forget_balance(staff.shop_id(), said.customer);
            Ok(done)
        }
        Outcome::Declined(Declined::Short { .. }) if book.unit != Unit::Points => {
            Err(ApiError::of(Problem::InsufficientCredit))
        }
        Outcome::Declined(why) => Err(declined(why)),
        _ => Err(ApiError::new("idempotency-key-reused", StatusCode::UNPROCESSABLE_ENTITY)),
    }
}

fn declined(why: Declined) -> ApiError {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    match why {
        Declined::Short { .. } => ApiError::of(Problem::InsufficientPoints),
        Declined::PaidTooLong => ApiError::new("paid-lot-too-long", status),
        Declined::NoSuchLot => ApiError::not_found(),
        other => ApiError::invalid(other.to_string()),
    }
}

/// The points book, where it is Kaeru's own.
pub fn book(shop: &Shop) -> Result<&Arc<Book>, ApiError> {
    let elsewhere = || ApiError::new("points-held-elsewhere", StatusCode::CONFLICT);
    shop.builtin.as_ref().ok_or_else(elsewhere)
}

/// The customer that the path names.
pub fn customer(id: &str) -> Result<CustomerId, ApiError> {
    CustomerId::parse(id).ok_or_else(ApiError::not_found)
}

/// A sentence that somebody reads.
pub fn text(field: &str, said: &str) -> Result<String, ApiError> {
    let said = said.trim();
    if said.is_empty() || said.chars().count() > LONGEST_TEXT {
        return Err(ApiError::invalid(format!("{field}: 1 to {LONGEST_TEXT} characters")));
    }
    Ok(said.to_owned())
}

/// The same for the same key.
pub fn reference(kind: &str, request: &Request) -> Reference {
    let digest = Sha256::digest(request.key.as_bytes());
    let hex: String = digest[..10].iter().map(|byte| format!("{byte:02x}")).collect();
    Reference(format!("{kind}-{hex}"))
}
