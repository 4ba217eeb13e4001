//! A till that offers the POS contract: balance, deduct, add, and optionally look-up and
//! idempotency keys, by configuration.

use crate::{
    http_client::{Body, Deadline, HttpClient, Reply, address, exchange},
    outcome::{self, Stop, answer},
};
use async_trait::async_trait;
use domain::{At, Points, PosId, Reference, Refusal, effect::Moved};
use engine::ports::{Answer, Movement, PointsBook, PointsOrder, Recovery};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// How long after the first time a till is trusted to know an idempotency key.
const REPLAY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
/// Above it a JSON number with a point is not exact.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// One shop's till, and what it can do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What comes before `/customers/…`.
    pub base_url: String,
    pub token: SecretString,
    /// It answers `GET …/points/transactions?reference=`.
    pub lookup: bool,
    /// It honours `Idempotency-Key`, and keeps refusals under it too.
    pub idempotency: bool,
    /// It takes `expires_at` in add.
    pub expiry: bool,
    /// How long a lost request may still land.
    pub horizon: Duration,
}

/// The points of one shop's customers, at a till that speaks HTTP.
pub struct HttpPoints {
    /// `None` where the settings hold no URL: every call is refused then.
    base: Option<Url>,
    /// `None` where the token cannot stand in a header.
    authorization: Option<HeaderValue>,
    recovery: Recovery,
    finds: bool,
    expiry: bool,
    client: HttpClient,
}

#[derive(Deserialize)]
struct Balance {
    balance: Value,
}

/// The bytes of an order: the same for the same order.
#[derive(Serialize)]
struct Order<'a> {
    amount: i64,
    reason: &'a str,
    reference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

#[derive(Deserialize)]
struct Answered {
    success: bool,
    /// How many were moved: `deducted` or `added`.
    #[serde(default, alias = "added")]
    deducted: Value,
    #[serde(default)]
    previous_balance: Value,
    #[serde(default)]
    new_balance: Value,
    /// Until when what was added is good.
    #[serde(default)]
    expires_at: Value,
    #[serde(default)]
    error: Value,
}

#[derive(Deserialize)]
struct Failed {
    error: Value,
}

#[derive(Deserialize)]
struct Transactions {
    transactions: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Transaction {
    #[serde(default)]
    reference: Value,
    #[serde(default)]
    amount: Value,
    #[serde(default)]
    balance: Value,
}

fn not_built() -> Stop {
    Stop::other("request_not_built")
}

fn get(url: &Url) -> Result<Request<Body>, Stop> {
    let mut request = Request::new(Body::default());
    *request.uri_mut() = address(url.as_str()).ok_or_else(not_built)?;
    Ok(request)
}

fn read<T: DeserializeOwned>(reply: &Reply) -> Result<T, Stop> {
    serde_json::from_slice(&reply.body).map_err(|_| Stop::UNREADABLE)
}

/// A whole number, written with a point or without.
fn whole(value: &Value) -> Option<i64> {
    let whole_float = || value.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < MOST_EXACT);
    #[expect(clippy::cast_possible_truncation, reason = "whole, and within 2^53")]
    value.as_i64().or_else(|| whole_float().map(|n| n as i64))
}

fn points(value: &Value) -> Option<Points> {
    whole(value).and_then(Points::new)
}

impl HttpPoints {
    pub fn new(settings: Settings, client: HttpClient) -> Self {
        let bearer = format!("Bearer {}", settings.token.expose_secret());
        let mut authorization = HeaderValue::from_str(&bearer).ok();
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        let recovery = if settings.idempotency {
            Recovery::Replay { window: REPLAY_WINDOW }
        } else if settings.lookup {
            Recovery::LookUp { horizon: settings.horizon }
        } else {
            Recovery::Review
        };
        Self {
            base: Url::parse(&settings.base_url).ok(),
            authorization,
            recovery,
            finds: settings.lookup,
            expiry: settings.expiry,
            client,
        }
    }

    /// `…/customers/{id}/points/{tail}`, the id percent-encoded.
    fn url(&self, customer: &PosId, tail: Option<&str>) -> Result<Url, Stop> {
        let id = customer.as_str();
        if matches!(id, "" | "." | "..") {
            // Such a path would be another one.
            return Err(Stop::Refused(Refusal::UnknownCustomer));
        }
        let mut url = self.base.clone().ok_or_else(not_built)?;
        url.path_segments_mut()
            .map_err(|()| not_built())?
            .pop_if_empty()
            .extend(["customers", id, "points"])
            .extend(tail);
        Ok(url)
    }

    /// Sends the request; a 2xx comes back, whatever it says.
    async fn send(
        &self,
        call: &'static str,
        mut request: Request<Body>,
        until: Deadline,
    ) -> Result<Reply, Stop> {
        let authorization = self.authorization.as_ref().ok_or_else(not_built)?;
        let before = until.left();
        request.headers_mut().insert(header::AUTHORIZATION, authorization.clone());
        let reply = exchange(&self.client, request, until).await;
        tracing::debug!(
            call,
            till = self.base.as_ref().and_then(Url::host_str),
            status = reply.as_ref().ok().map(|reply| reply.status.as_u16()),
            stop = ?reply.as_ref().err(),
            took = ?before.saturating_sub(until.left()),
            "points book"
        );
        let reply = reply?;
        match of_status(&reply) {
            Some(stop) => Err(stop),
            None => Ok(reply),
        }
    }

    async fn read_balance(&self, customer: &PosId, until: Deadline) -> Result<Points, Stop> {
        let request = get(&self.url(customer, None)?)?;
        let reply = self.send("balance", request, until).await?;
        points(&read::<Balance>(&reply)?.balance).ok_or(Stop::UNREADABLE)
    }

    /// `call`: `deduct` or `add`.
    async fn send_movement(
        &self,
        call: &'static str,
        order: PointsOrder<'_>,
        until: Deadline,
    ) -> Result<Moved, Stop> {
        let reference = order.reference.as_str();
        let expires_at = order.expires_at.filter(|_| self.expiry).map(At::rfc3339);
        let amount = order.points.get();
        let body = Order { amount, reason: order.reason, reference, expires_at };
        let mut request = get(&self.url(order.customer, Some(call))?)?;
        *request.method_mut() = Method::POST;
        *request.body_mut() = Body::from(serde_json::to_vec(&body).map_err(|_| not_built())?);
        request.headers_mut().insert(header::CONTENT_TYPE, JSON);
        if matches!(self.recovery, Recovery::Replay { .. }) {
            let key = HeaderValue::from_str(reference).map_err(|_| not_built())?;
            request.headers_mut().insert(IDEMPOTENCY_KEY, key);
        }
        let reply = self.send(call, request, until).await?;
        let moved = moved(&read(&reply)?, order.points)?;
        // A till that is not said to keep dates means nothing by one.
        Ok(Moved { honoured: moved.honoured.filter(|_| self.expiry), ..moved })
    }

    async fn look_up(
        &self,
        customer: &PosId,
        reference: &Reference,
        until: Deadline,
    ) -> Result<Vec<Movement>, Stop> {
        let mut url = self.url(customer, Some("transactions"))?;
        url.query_pairs_mut().append_pair("reference", reference.as_str());
        let reply = self.send("lookup", get(&url)?, until).await?;
        let found = read::<Transactions>(&reply)?.transactions;
        let ours = found.iter().filter(|found| found.reference == reference.as_str());
        ours.map(|found| {
            let points = whole(&found.amount).ok_or(Stop::UNREADABLE)?;
            let balance = self::points(&found.balance);
            // The contract's look-up names no date.
            Ok(Movement { points, balance, honoured: None })
        })
        .collect()
    }
}

/// What a status other than a 2xx proves.
fn of_status(reply: &Reply) -> Option<Stop> {
    if reply.status.is_success() {
        return None;
    }
    let stop = outcome::of_status(reply.status, &reply.headers);
    Some(stop.unwrap_or_else(|| match reply.status.as_u16() {
        401 | 403 => Stop::other("points_unauthorized"),
        404 => Stop::Refused(Refusal::UnknownCustomer),
        400..=499 => refused(reply),
        // A redirect may be what is answered to a request that was carried out.
        _ => Stop::UNREADABLE,
    }))
}

/// A 4xx with the till's own code.
fn refused(reply: &Reply) -> Stop {
    let code = read::<Failed>(reply).ok().map(|failed| failed.error);
    match code.as_ref().and_then(Value::as_str) {
        Some("insufficient_points") if reply.status == StatusCode::UNPROCESSABLE_ENTITY => {
            Stop::Refused(Refusal::InsufficientPoints)
        }
        Some(code) if is_code(code) => Stop::other(code),
        _ => Stop::other(format!("points_http_{}", reply.status.as_u16())),
    }
}

/// A word for programs; a sentence may name somebody.
fn is_code(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// A 2xx: applied only where it says so, for just our amount.
fn moved(answer: &Answered, asked: Points) -> Result<Moved, Stop> {
    if answer.success {
        return if whole(&answer.deducted) == Some(asked.get()) {
            let (before, after) = (points(&answer.previous_balance), points(&answer.new_balance));
            let honoured = answer.expires_at.as_str().and_then(|at| at.parse().ok());
            let honoured = honoured.map(|at: jiff::Timestamp| At::from(at));
            Ok(Moved { before, after, honoured })
        } else {
            Err(Stop::UNREADABLE)
        };
    }
    Err(match answer.error.as_str() {
        Some("insufficient_points") => Stop::Refused(Refusal::InsufficientPoints),
        Some("unknown_customer") => Stop::Refused(Refusal::UnknownCustomer),
        _ => Stop::UNREADABLE,
    })
}

#[async_trait]
impl PointsBook for HttpPoints {
    async fn balance(&self, customer: &PosId, limit: Duration) -> Answer<Points> {
        answer(self.read_balance(customer, Deadline::after(limit)).await)
    }

    async fn deduct(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved> {
        answer(self.send_movement("deduct", order, Deadline::after(limit)).await)
    }

    async fn add(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved> {
        answer(self.send_movement("add", order, Deadline::after(limit)).await)
    }

    async fn find(
        &self,
        customer: &PosId,
        reference: &Reference,
        limit: Duration,
    ) -> Answer<Vec<Movement>> {
        answer(self.look_up(customer, reference, Deadline::after(limit)).await)
    }

    fn recovery(&self) -> Recovery {
        self.recovery
    }

    fn finds(&self) -> bool {
        self.finds
    }
}

#[cfg(test)]
mod tests;
