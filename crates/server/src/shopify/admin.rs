//! One call of the Admin API: bucket, token, exchange, and what the answer proves.

use super::{Settings, limiter::Limiter, tokens::Tokens};
use crate::{clock::SystemClock, outcome};
use domain::Refusal;
use engine::ports::{Answer, Clock, Why};
use graphql_client::GraphQLQuery;
use http::StatusCode;
use reqwest::Client;
use serde::Deserialize;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

pub struct Admin {
    url: String,
    api_version: String,
    client: Client,
    tokens: Tokens,
    limiter: Limiter,
    clock: SystemClock,
    warned_of_version: AtomicBool,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: Option<T>,
    #[serde(default)]
    errors: Vec<TopError>,
    extensions: Option<Extensions>,
}

#[derive(Deserialize)]
struct TopError {
    #[serde(default)]
    extensions: ErrorExtensions,
}

#[derive(Default, Deserialize)]
struct ErrorExtensions {
    code: Option<String>,
}

#[derive(Deserialize)]
struct Extensions {
    cost: Option<Cost>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cost {
    #[serde(default)]
    requested_query_cost: f64,
    throttle_status: Option<Throttle>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Throttle {
    maximum_available: f64,
    currently_available: f64,
    restore_rate: f64,
}

impl Admin {
    pub fn new(settings: &Settings, client: Client) -> Self {
        let clock = SystemClock;
        Self {
            url: format!("{}/admin/api/{}/graphql.json", settings.base_url, settings.api_version),
            api_version: settings.api_version.clone(),
            tokens: Tokens::new(&settings.base_url, settings.auth.clone(), client.clone()),
            client,
            limiter: Limiter::new(clock.now()),
            clock,
            warned_of_version: AtomicBool::new(false),
        }
    }

    /// Sends the operation and reads its data. `cost`: what it requests. `limit` bounds it all,
    /// waiting for the bucket included.
    pub async fn call<Q: GraphQLQuery>(
        &self,
        variables: Q::Variables,
        cost: f64,
        limit: Duration,
    ) -> Answer<Q::ResponseData> {
        let started = self.clock.now();
        let wait = match self.limiter.reserve(cost, limit / 2, started) {
            Ok(wait) => wait,
            Err(wait) => return Answer::Refused(Refusal::Wait(wait)),
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let body = match serde_json::to_vec(&Q::build_query(variables)) {
            Ok(body) => body,
            Err(_) => return Answer::Refused(Refusal::Other("request_not_built".to_owned())),
        };
        let left = || limit.saturating_sub(self.clock.now().since(started));
        let token = match self.tokens.get(None, left()).await {
            Ok(token) => token,
            Err(refusal) => return Answer::Refused(refusal),
        };
        match self.exchange(body.clone(), &token, left()).await {
            // Not let in, so not executed: once more with a new token, where one can be had.
            Answer::Refused(Refusal::Other(code)) if code == "shopify_unauthorized" => {
                match self.tokens.get(Some(&token), left()).await {
                    Ok(token) => self.exchange(body, &token, left()).await,
                    Err(refusal) => Answer::Refused(refusal),
                }
            }
            answer => answer,
        }
    }

    async fn exchange<T: serde::de::DeserializeOwned>(
        &self,
        body: Vec<u8>,
        token: &str,
        limit: Duration,
    ) -> Answer<T> {
        let request = self
            .client
            .post(&self.url)
            .header(http::header::CONTENT_TYPE, "application/json")
            .header("X-Shopify-Access-Token", token)
            .timeout(limit)
            .body(body);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return outcome::of_error(&error),
        };
        self.check_version(response.headers());
        let status = response.status();
        if let Some(answer) = outcome::of_status(status, response.headers()) {
            return answer;
        }
        if !status.is_success() {
            return refused(status);
        }
        match response.bytes().await {
            Ok(bytes) => self.read(&bytes),
            Err(error) if error.is_timeout() => Answer::Unknown(Why::TimedOut),
            Err(_) => Answer::Unknown(Why::ConnectionLost),
        }
    }

    fn read<T: serde::de::DeserializeOwned>(&self, body: &[u8]) -> Answer<T> {
        let Ok(envelope) = serde_json::from_slice::<Envelope<T>>(body) else {
            return Answer::Unknown(Why::Unreadable);
        };
        let cost = envelope.extensions.and_then(|extensions| extensions.cost);
        if let Some(status) = cost.as_ref().and_then(|cost| cost.throttle_status.as_ref()) {
            let now = self.clock.now();
            self.limiter.told(
                status.maximum_available,
                status.restore_rate,
                status.currently_available,
                now,
            );
        }
        if let Some(error) = envelope.errors.first() {
            return top_error(error.extensions.code.as_deref(), cost.as_ref());
        }
        envelope.data.map_or(Answer::Unknown(Why::Unreadable), Answer::Done)
    }

    fn check_version(&self, headers: &http::HeaderMap) {
        let served = headers.get("X-Shopify-API-Version").and_then(|value| value.to_str().ok());
        if let Some(served) = served
            && served != self.api_version
            && !self.warned_of_version.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(asked = self.api_version, served, "Shopify serves another API version");
        }
    }
}

fn refused<T>(status: StatusCode) -> Answer<T> {
    Answer::Refused(Refusal::Other(match status.as_u16() {
        401 | 403 => "shopify_unauthorized".to_owned(),
        code => format!("shopify_{code}"),
    }))
}

/// An error of the whole request. Only an internal one leaves open what happened.
fn top_error<T>(code: Option<&str>, cost: Option<&Cost>) -> Answer<T> {
    match code {
        Some("THROTTLED") => Answer::Refused(Refusal::Wait(until_restored(cost))),
        Some("INTERNAL_SERVER_ERROR") | None => Answer::Unknown(Why::ServerError(200)),
        Some(code) => Answer::Refused(Refusal::Other(code.to_lowercase())),
    }
}

fn until_restored(cost: Option<&Cost>) -> Duration {
    let seconds = cost.and_then(|cost| {
        let status = cost.throttle_status.as_ref()?;
        let short = cost.requested_query_cost - status.currently_available;
        (status.restore_rate > 0.0).then(|| short.max(0.0) / status.restore_rate)
    });
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or(outcome::SHORT_WAIT)
        .clamp(Duration::from_millis(100), Duration::from_secs(60))
}
