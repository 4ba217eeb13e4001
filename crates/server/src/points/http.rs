//! A till that offers the POS contract (docs/http-api.md): balance, deduct, add, and optionally
//! look-up and idempotency keys, by configuration.

use crate::outcome;
use async_trait::async_trait;
use domain::{Points, PosId, Reference, Refusal, effect::Deduction};
use engine::ports::{Answer, Movement, PointsBook, PointsOrder, Recovery, Why};
use http::StatusCode;
use reqwest::{Client, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::time::Duration;

/// How long after the first time a till is trusted to know an idempotency key.
const REPLAY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Debug)]
pub struct Settings {
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

pub struct HttpPoints {
    settings: Settings,
    client: Client,
    authorization: String,
}

#[derive(Deserialize)]
struct Balance {
    balance: i64,
}

#[derive(Serialize)]
struct Deduct<'a> {
    amount: i64,
    reason: &'a str,
    reference: &'a str,
}

#[derive(Deserialize)]
struct Deducted {
    success: bool,
    deducted: Option<i64>,
    previous_balance: Option<i64>,
    new_balance: Option<i64>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Failed {
    error: Option<String>,
}

#[derive(Deserialize)]
struct Transactions {
    transactions: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Transaction {
    reference: String,
    amount: i64,
    balance: Option<i64>,
}

impl HttpPoints {
    pub fn new(settings: Settings, client: Client) -> Self {
        let authorization = format!("Bearer {}", settings.token.expose_secret());
        Self { settings, client, authorization }
    }

    fn url(&self, customer: &PosId, tail: &[&str]) -> Option<Url> {
        let mut url = Url::parse(&self.settings.base_url).ok()?;
        url.path_segments_mut()
            .ok()?
            .pop_if_empty()
            .push("customers")
            .push(customer.as_str())
            .push("points")
            .extend(tail);
        Some(url)
    }

    async fn send(
        &self,
        request: RequestBuilder,
        limit: Duration,
    ) -> Result<(StatusCode, Vec<u8>), Answer<()>> {
        let request =
            request.header(http::header::AUTHORIZATION, &self.authorization).timeout(limit);
        let response = request.send().await.map_err(|error| outcome::of_error(&error))?;
        let status = response.status();
        if let Some(answer) = outcome::of_status(status, response.headers()) {
            return Err(answer);
        }
        let body = response.bytes().await.map_err(|error| lost(&error))?;
        Ok((status, body.to_vec()))
    }
}

/// The status came and the body did not: it may have been applied.
fn lost(error: &reqwest::Error) -> Answer<()> {
    Answer::Unknown(if error.is_timeout() { Why::TimedOut } else { Why::ConnectionLost })
}

fn retyped<T>(answer: Answer<()>) -> Answer<T> {
    match answer {
        Answer::Refused(refusal) => Answer::Refused(refusal),
        Answer::Unknown(why) => Answer::Unknown(why),
        Answer::Done(()) => Answer::Unknown(Why::Unreadable),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// What a 4xx of the contract means.
fn refused<T>(status: StatusCode, body: &[u8]) -> Answer<T> {
    let code = read::<Failed>(body).and_then(|failed| failed.error);
    Answer::Refused(match (status.as_u16(), code.as_deref()) {
        (401 | 403, _) => Refusal::Other("points_unauthorized".to_owned()),
        (404, _) => Refusal::UnknownCustomer,
        (_, Some("insufficient_points")) => Refusal::InsufficientPoints,
        (status, code) => Refusal::Other(code.map_or_else(|| status.to_string(), str::to_owned)),
    })
}

fn not_built<T>() -> Answer<T> {
    Answer::Refused(Refusal::Other("request_not_built".to_owned()))
}

#[async_trait]
impl PointsBook for HttpPoints {
    async fn balance(&self, customer: &PosId, limit: Duration) -> Answer<Points> {
        let Some(url) = self.url(customer, &[]) else { return not_built() };
        let (status, body) = match self.send(self.client.get(url), limit).await {
            Ok(answer) => answer,
            Err(answer) => return retyped(answer),
        };
        if !status.is_success() {
            return refused(status, &body);
        }
        match read::<Balance>(&body).and_then(|answer| Points::new(answer.balance)) {
            Some(balance) => Answer::Done(balance),
            None => Answer::Unknown(Why::Unreadable),
        }
    }

    async fn deduct(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Deduction> {
        let Some(url) = self.url(order.customer, &["deduct"]) else { return not_built() };
        let body = Deduct {
            amount: order.points.get(),
            reason: order.reason,
            reference: order.reference.as_str(),
        };
        let mut request = self.client.post(url).json(&body);
        if self.settings.idempotency {
            request = request.header("Idempotency-Key", order.reference.as_str());
        }
        let (status, body) = match self.send(request, limit).await {
            Ok(answer) => answer,
            Err(answer) => return retyped(answer),
        };
        if !status.is_success() {
            return refused(status, &body);
        }
        deducted(&body, order.points)
    }

    async fn find(
        &self,
        customer: &PosId,
        reference: &Reference,
        limit: Duration,
    ) -> Answer<Vec<Movement>> {
        let Some(mut url) = self.url(customer, &["transactions"]) else { return not_built() };
        url.query_pairs_mut().append_pair("reference", reference.as_str());
        let (status, body) = match self.send(self.client.get(url), limit).await {
            Ok(answer) => answer,
            Err(answer) => return retyped(answer),
        };
        if !status.is_success() {
            return refused(status, &body);
        }
        let Some(answer) = read::<Transactions>(&body) else {
            return Answer::Unknown(Why::Unreadable);
        };
        let ours = answer.transactions.into_iter().filter(|t| t.reference == reference.as_str());
        Answer::Done(
            ours.map(|t| Movement { points: t.amount, balance: t.balance.and_then(Points::new) })
                .collect(),
        )
    }

    fn recovery(&self) -> Recovery {
        if self.settings.idempotency {
            Recovery::Replay { window: REPLAY_WINDOW }
        } else if self.settings.lookup {
            Recovery::LookUp { horizon: self.settings.horizon }
        } else {
            Recovery::Review
        }
    }
}

/// A 2xx: applied only where it says so, for just our amount.
fn deducted(body: &[u8], asked: Points) -> Answer<Deduction> {
    match read::<Deducted>(body) {
        Some(answer) if answer.success && answer.deducted == Some(asked.get()) => {
            Answer::Done(Deduction {
                before: answer.previous_balance.and_then(Points::new),
                after: answer.new_balance.and_then(Points::new),
            })
        }
        Some(answer) if !answer.success => match answer.error.as_deref() {
            Some("insufficient_points") => Answer::Refused(Refusal::InsufficientPoints),
            Some("unknown_customer") => Answer::Refused(Refusal::UnknownCustomer),
            _ => Answer::Unknown(Why::Unreadable),
        },
        _ => Answer::Unknown(Why::Unreadable),
    }
}

#[cfg(test)]
mod tests;
