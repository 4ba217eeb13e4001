//! `GET /admin/api/v1/customers/{id}/credits`: a customer's store credit, Kaeru's own and
//! Shopify's, with where it went. `POST`: staff give some of Kaeru's own, or take some by hand.

use super::{
    customer,
    grants::{self, Said},
    lots::ExtendRequest,
};
use crate::{
    account,
    app::{App, Shop},
    book::Book,
    own_credit,
    store::{
        credits::{self, Change, Place},
        ledger::{self, Asked, Done, History, LotRow, MovementRow},
    },
    web::{
        auth_staff::Staff,
        body::Body,
        error::{ApiError, ProblemBody},
        idempotency, moments,
        storefront::{
            page::{Page, PageQuery},
            points::MoneyBody,
        },
    },
};
use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
};
use domain::{Act, At, CustomerId, Money, Reference};
use engine::store::Request;
use iso_currency::Currency;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use utoipa::{IntoParams, ToSchema};

/// Nobody waits longer for what Shopify holds.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is left of credit that was given together.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CreditLot {
    pub no: i64,
    pub amount: MoneyBody,
    pub granted: MoneyBody,
    pub issued_at: String,
    pub expires_at: Option<String>,
    /// `free` or `paid`.
    pub funding: &'static str,
    /// The lot whose rest it continues.
    pub renews: Option<i64>,
}

/// Credit that Kaeru holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OwnCredit {
    pub balance: MoneyBody,
    /// The soonest to end first.
    pub lots: Vec<CreditLot>,
    /// What it was at the end of the day that was asked for.
    pub balance_on: Option<MoneyBody>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CreditChange {
    pub at: String,
    /// `kaeru` or `shopify`: who holds it.
    pub holder: &'static str,
    /// Signed.
    pub amount: MoneyBody,
    /// After it, where Kaeru holds it.
    pub balance: Option<MoneyBody>,
    /// `granted`, `redeemed`, `expired`, `corrected`; at Shopify `paid`, `given_back` by Kaeru,
    /// `by_shopify` by itself.
    pub kind: String,
    pub reason: Option<String>,
    pub reference: Option<String>,
    pub linked_to: Option<String>,
    /// The order that it paid for.
    pub order: Option<String>,
    pub expires_at: Option<String>,
    /// The staff member who made it.
    pub by: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CreditsBody {
    /// Absent where Kaeru holds none for this shop.
    pub own: Option<OwnCredit>,
    /// What Shopify holds now, a sum for each currency; absent where it does not answer.
    pub shopify: Option<Vec<MoneyBody>>,
    /// Of both holders, newest first.
    pub history: Vec<CreditChange>,
    /// Null on the last page.
    pub next_cursor: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CreditsQuery {
    /// Also the balance at the end of this day in the shop's time zone, where Kaeru holds credit.
    pub on: Option<String>,
    /// 1 to 100 changes; 20 where it is left out.
    pub limit: Option<usize>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditRequest {
    /// In the shop's currency; below zero: taken away.
    #[schema(example = "500")]
    pub amount: String,
    /// The customer reads it in the history.
    #[schema(example = "An apology for the late delivery")]
    pub reason: String,
    /// For the audit log only.
    #[serde(default)]
    pub note: Option<String>,
    /// A day in the shop's time zone, or a moment. Left out: as the shop's rule says.
    #[serde(default)]
    pub expires_at: Option<String>,
    /// `free` (default), or `paid` where the customer paid for it.
    #[serde(default)]
    pub funding: Option<String>,
}

/// A movement that staff made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CreditBody {
    #[schema(example = "GRANT-0b9c2f7d31a84e56")]
    pub reference: String,
    /// Signed.
    pub amount: MoneyBody,
    pub balance: MoneyBody,
    pub expires_at: Option<String>,
}

#[utoipa::path(get, path = "/admin/api/v1/customers/{id}/credits", tag = "staff",
    security(("staff" = [])), params(("id" = String, Path), CreditsQuery),
    responses((status = 200, body = CreditsBody), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub async fn show(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
    query: Result<Query<CreditsQuery>, QueryRejection>,
) -> Result<Json<CreditsBody>, ApiError> {
    let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let found = read(&app, &staff, &id, &query).await;
    found.map(Json).map_err(|error| error.in_language(staff.language))
}

/// What the customer has, and where it went.
///
/// # Errors
/// Where there is no such customer.
pub async fn read(
    app: &App,
    staff: &Staff,
    id: &str,
    query: &CreditsQuery,
) -> Result<CreditsBody, ApiError> {
    staff.may(Act::See)?;
    let shop = staff.shop(app)?;
    let person = customer::find(app, shop, grants::customer(id)?).await?;
    let page = PageQuery { limit: query.limit, cursor: query.cursor.clone() };
    let Page { items, next_cursor } = history(app, shop, person.id, &page).await?;
    let on = query.on.as_deref();
    let (own, shopify) = futures::join!(
        own(app, shop, person.id, on),
        tokio::time::timeout(PATIENCE, account::store_credit(shop, person.id))
    );
    let shopify = shopify.ok().and_then(Result::ok);
    let shopify = shopify.map(|all| all.into_iter().map(MoneyBody::from).collect());
    Ok(CreditsBody { own: own?, shopify, history: items, next_cursor })
}

/// What Kaeru itself holds of the customer's, where it holds any for the shop. `on`: a day.
///
/// # Errors
/// Where that is no day, or the database does not answer.
pub async fn own(
    app: &App,
    shop: &Shop,
    customer: CustomerId,
    on: Option<&str>,
) -> Result<Option<OwnCredit>, ApiError> {
    match &shop.credits {
        Some(book) => held(app, shop, book, customer, on).await.map(Some),
        None => Ok(None),
    }
}

/// A change, and how far both holders' changes have been told with it.
struct Told {
    change: CreditChange,
    seq: At,
    others: String,
}

/// Both holders' changes as one list. Its place is a movement's number in the own book, and a
/// place among Shopify's.
async fn history(
    app: &App,
    shop: &Shop,
    customer: CustomerId,
    page: &PageQuery,
) -> Result<Page<CreditChange>, ApiError> {
    let (limit, before) = (page.limit(), page.before()?);
    let seq = before.as_ref().map_or(At(i64::MAX), |before| before.at);
    let place = before.map_or_else(|| Ok(Place::end()), |before| among_others(&before.key))?;
    let mut own = vec![];
    if let Some(book) = &shop.credits {
        let page = History { before: Some(seq.0), most: limit + 1 };
        let holder = book.holder(&own_credit::holder(customer));
        own = ledger::history(&app.database, &holder, page).await?;
    }
    let others =
        credits::at_shopify(&app.database, &shop.id, customer, place.clone(), limit + 1).await?;
    let (mut own, mut others) = (own.into_iter().peekable(), others.into_iter().peekable());
    let (mut seq, mut place) = (seq, written(&place));
    let mut told = Vec::with_capacity(limit + 1);
    while told.len() <= limit {
        let ours = match (own.peek(), others.peek()) {
            (None, None) => break,
            (Some(own), Some(other)) => own.at >= other.at,
            (own, _) => own.is_some(),
        };
        let change = if ours {
            own.next().map(|row| {
                seq = At(row.seq);
                moved(row, shop.rules.rate.currency())
            })
        } else {
            others.next().map(|of| {
                place = written(&of.place);
                changed(of)
            })
        };
        told.extend(change.map(|change| Told { change, seq, others: place.clone() }));
    }
    Ok(Page::of(told, limit, |row| (row.seq, &row.others), |row| row.change))
}

fn written(place: &Place) -> String {
    format!("{} {} {} {}", place.at.0, place.place, place.order, place.sub)
}

fn among_others(text: &str) -> Result<Place, ApiError> {
    let parts: Vec<&str> = text.splitn(4, ' ').collect();
    let read = || match parts.as_slice() {
        [at, place, order, sub] => Some(Place {
            at: At(at.parse().ok()?),
            place: place.parse().ok()?,
            order: (*order).to_owned(),
            sub: (*sub).to_owned(),
        }),
        _ => None,
    };
    read().ok_or_else(|| {
        ApiError::invalid("cursor: send next_cursor of the page before, unchanged".to_owned())
    })
}

async fn held(
    app: &App,
    shop: &Shop,
    book: &Book,
    customer: CustomerId,
    on: Option<&str>,
) -> Result<OwnCredit, ApiError> {
    let currency = shop.rules.rate.currency();
    let money = |minor| MoneyBody::from(Money { minor, currency });
    let holder = book.holder(&own_credit::holder(customer));
    let now = app.now();
    let lots = ledger::lots(&app.database, &holder, now).await?;
    let balance_on = match on.filter(|day| !day.is_empty()) {
        None => None,
        Some(day) => {
            let at = moments::end("on", day, &shop.zone)?;
            Some(money(ledger::balance_as_of(&app.database, &holder, at).await?))
        }
    };
    let lot = |of: LotRow| CreditLot {
        no: of.no,
        amount: money(of.left),
        granted: money(of.granted),
        issued_at: of.issued_at.rfc3339(),
        expires_at: of.expires_at.map(At::rfc3339),
        funding: of.funding.as_str(),
        renews: of.renews,
    };
    let balance = money(lots.iter().map(|lot| lot.left).sum());
    Ok(OwnCredit { balance, lots: lots.into_iter().map(lot).collect(), balance_on })
}

fn moved(row: MovementRow, currency: Currency) -> CreditChange {
    let money = |minor| MoneyBody::from(Money { minor, currency });
    CreditChange {
        at: row.at.rfc3339(),
        holder: "kaeru",
        amount: money(row.amount),
        balance: Some(money(row.balance)),
        kind: row.counter,
        order: order_of(&row.reference).map(str::to_owned),
        reason: Some(row.reason),
        reference: Some(row.reference),
        linked_to: row.linked_to,
        expires_at: row.expires_at.map(At::rfc3339),
        by: row.actor,
    }
}

/// The order that a movement paid for, or gave back.
fn order_of(reference: &str) -> Option<&str> {
    let back = || reference.strip_prefix("ORDER-")?.split_once('-').map(|(order, _)| order);
    reference.strip_prefix("CREDIT-").or_else(back)
}

fn changed(of: Change) -> CreditChange {
    let currency = Currency::from_code(&of.currency).unwrap_or(Currency::XXX);
    CreditChange {
        at: of.at.rfc3339(),
        holder: "shopify",
        amount: Money { minor: of.minor, currency }.into(),
        balance: None,
        kind: of.what,
        reason: None,
        reference: None,
        linked_to: None,
        order: Some(of.order),
        expires_at: of.expires_at.map(At::rfc3339),
        by: None,
    }
}

#[utoipa::path(post, path = "/admin/api/v1/customers/{id}/credits", tag = "staff",
    security(("staff" = [])), request_body = CreditRequest,
    params(("id" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 200, body = CreditBody), (status = 400, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn create(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<CreditRequest>,
) -> Result<Json<CreditBody>, ApiError> {
    let done = async {
        staff.may(Act::Grant)?;
        let request = idempotency::request(&headers, &body.bytes)?;
        grant(&app, &staff, &id, &body.said, &request).await
    };
    done.await.map(Json).map_err(|error| error.in_language(staff.language))
}

/// Gives or takes the credit, once by the request's key.
///
/// # Errors
/// Where it is refused: nothing has changed then.
pub async fn grant(
    app: &App,
    staff: &Staff,
    id: &str,
    wanted: &CreditRequest,
    request: &Request,
) -> Result<CreditBody, ApiError> {
    let shop = staff.shop(app)?;
    let (book, customer) = (book(shop)?, grants::customer(id)?);
    let minor = minor(shop, &wanted.amount)?;
    let end = (wanted.expires_at.as_deref(), wanted.funding.as_deref());
    let asked = grants::asked(book, shop, minor, end, app.now())?;
    let said = Said {
        act: if minor > 0 { "credit.grant" } else { "credit.take" },
        customer,
        detail: json!({"amount": wanted.amount.trim(), "expires_at": wanted.expires_at,
            "funding": wanted.funding}),
        reason: grants::text("reason", &wanted.reason)?,
        note: wanted.note.clone(),
    };
    carry_out(app, staff, (shop, book), grants::reference("GRANT", request), asked, said).await
}

#[utoipa::path(post, path = "/admin/api/v1/customers/{id}/credits/lots/{no}/extend", tag = "staff",
    security(("staff" = [])), request_body = ExtendRequest,
    params(("id" = String, Path), ("no" = i64, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 200, body = CreditBody), (status = 400, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn extend(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path((id, no)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body<ExtendRequest>,
) -> Result<Json<CreditBody>, ApiError> {
    let done = async {
        staff.may(Act::Grant)?;
        let request = idempotency::request(&headers, &body.bytes)?;
        longer(&app, &staff, (&id, &no), &body.said, &request).await
    };
    done.await.map(Json).map_err(|error| error.in_language(staff.language))
}

async fn longer(
    app: &App,
    staff: &Staff,
    (id, no): (&str, &str),
    wanted: &ExtendRequest,
    request: &Request,
) -> Result<CreditBody, ApiError> {
    let shop = staff.shop(app)?;
    let (book, customer) = (book(shop)?, grants::customer(id)?);
    let (asked, said) = wanted.of(shop, customer, no, "credit.extend")?;
    let reference = grants::reference("EXTEND", request);
    carry_out(app, staff, (shop, book), reference, asked, said).await
}

async fn carry_out(
    app: &App,
    staff: &Staff,
    (shop, book): (&Shop, &Book),
    reference: Reference,
    asked: Asked,
    said: Said,
) -> Result<CreditBody, ApiError> {
    // Nobody is given credit whom the shop does not know.
    account::pos_id(app, shop, said.customer).await?;
    let holder = own_credit::holder(said.customer);
    let done: Done =
        grants::carry_out(app, staff, book, &holder, reference.clone(), asked, said).await?;
    let currency = shop.rules.rate.currency();
    let money = |minor| MoneyBody::from(Money { minor, currency });
    Ok(CreditBody {
        reference: reference.0,
        amount: money(done.amount),
        balance: money(done.balance),
        expires_at: done.expires_at.map(At::rfc3339),
    })
}

/// The book, where Kaeru holds store credit for the shop.
fn book(shop: &Shop) -> Result<&Arc<Book>, ApiError> {
    let elsewhere = || ApiError::new("credits-held-elsewhere", StatusCode::CONFLICT);
    shop.credits.as_ref().ok_or_else(elsewhere)
}

fn minor(shop: &Shop, text: &str) -> Result<i64, ApiError> {
    let currency = shop.rules.rate.currency();
    let amount = text.trim().parse::<rust_decimal::Decimal>().ok();
    let money = amount.and_then(|amount| Money::exact(amount.normalize(), currency));
    money.map(|money| money.minor).ok_or_else(|| {
        ApiError::invalid(format!("amount: an amount in {} is needed", currency.code()))
    })
}
