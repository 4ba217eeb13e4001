//! The access token: given once for all, or fetched with client credentials and renewed in time.

use crate::{
    http_client::{Body, Deadline, HttpClient, address, exchange},
    outcome::{self, Stop},
};
use http::{HeaderValue, Method, Request, Uri, header::CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, timeout},
};
use url::form_urlencoded;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// Renewed when less than this is left of its day.
const RENEW_BEFORE: Duration = Duration::from_secs(600);
/// A token that was replaced because Shopify refused it, and is refused in its turn so soon, is
/// not the trouble. Nor is a failed request for one repeated sooner than a second later.
const REPLACED_LATELY: Duration = Duration::from_secs(10);
const FAILED_LATELY: Duration = Duration::from_secs(1);

/// How Kaeru proves itself to the Admin API.
#[derive(Clone, Debug)]
pub enum Auth {
    Token(SecretString),
    ClientCredentials { client_id: String, client_secret: SecretString },
}

pub enum Tokens {
    /// `None` where it cannot stand in a header.
    Fixed(Option<HeaderValue>),
    Renewed(Box<Renewed>),
}

/// Fetched with client credentials. Readers share the token; one caller at a time fetches.
pub struct Renewed {
    /// `None` where the settings hold no URL.
    url: Option<Uri>,
    client_id: String,
    client_secret: SecretString,
    client: HttpClient,
    current: RwLock<Option<Token>>,
    fetching: Mutex<History>,
}

#[derive(Clone)]
struct Token {
    value: HeaderValue,
    renew_at: Instant,
    expires_at: Instant,
}

/// What is known of the latest requests.
#[derive(Default)]
struct History {
    failed: Option<(Instant, Stop)>,
    replaced: Option<Instant>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// Seconds.
    expires_in: u32,
}

fn unauthorized() -> Stop {
    Stop::other("shopify_unauthorized")
}

fn header(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(token).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl Tokens {
    pub fn new(base_url: &str, auth: Auth, client: HttpClient) -> Self {
        match auth {
            Auth::Token(token) => Self::Fixed(header(token.expose_secret())),
            Auth::ClientCredentials { client_id, client_secret } => {
                Self::Renewed(Box::new(Renewed {
                    url: address(&format!("{base_url}/admin/oauth/access_token")),
                    client_id,
                    client_secret,
                    client,
                    current: RwLock::new(None),
                    fetching: Mutex::new(History::default()),
                }))
            }
        }
    }

    /// The token to send.
    ///
    /// # Errors
    /// Where there is none and none can be had: nothing was sent to the Admin API.
    pub async fn get(&self, deadline: Deadline) -> Result<HeaderValue, Stop> {
        match self {
            Self::Fixed(token) => token.clone().ok_or_else(unauthorized),
            Self::Renewed(renewed) => renewed.get(deadline).await,
        }
    }

    /// Another token than this one, which Shopify has just refused.
    ///
    /// # Errors
    /// Where there is no other.
    pub async fn instead_of(
        &self,
        refused: &HeaderValue,
        deadline: Deadline,
    ) -> Result<HeaderValue, Stop> {
        match self {
            Self::Fixed(_) => Err(unauthorized()),
            Self::Renewed(renewed) => renewed.instead_of(refused, deadline).await,
        }
    }
}

impl Renewed {
    async fn get(&self, deadline: Deadline) -> Result<HeaderValue, Stop> {
        let now = Instant::now();
        let current = self.current();
        if let Some(token) = current.as_ref().filter(|token| now < token.renew_at) {
            return Ok(token.value.clone());
        }
        // Near its end it still opens: one caller renews it, the others go on with it.
        let Some(usable) = current.filter(|token| now < token.expires_at) else {
            let history = self.line(deadline).await?;
            return self.fetch(history, None, deadline.left()).await;
        };
        let Ok(history) = self.fetching.try_lock() else { return Ok(usable.value) };
        let fetched = self.fetch(history, Some(&usable.value), deadline.left() / 2).await;
        Ok(fetched.unwrap_or(usable.value))
    }

    async fn instead_of(
        &self,
        refused: &HeaderValue,
        deadline: Deadline,
    ) -> Result<HeaderValue, Stop> {
        let mut history = self.line(deadline).await?;
        if let Some(token) = self.current().filter(|token| token.value != refused) {
            return Ok(token.value);
        }
        let now = Instant::now();
        if history.replaced.is_some_and(|at| now < at + REPLACED_LATELY) {
            return Err(unauthorized());
        }
        history.replaced = Some(now);
        self.fetch(history, Some(refused), deadline.left()).await
    }

    async fn line(&self, deadline: Deadline) -> Result<MutexGuard<'_, History>, Stop> {
        let lock = timeout(deadline.left(), self.fetching.lock()).await;
        lock.map_err(|_| Stop::wait(outcome::SHORT_WAIT))
    }

    /// Fetches a token, unless somebody else has done so, or failed to, just now.
    async fn fetch(
        &self,
        mut history: MutexGuard<'_, History>,
        old: Option<&HeaderValue>,
        limit: Duration,
    ) -> Result<HeaderValue, Stop> {
        let now = Instant::now();
        if let Some(token) = self.current()
            && Some(&token.value) != old
            && now < token.renew_at
        {
            return Ok(token.value);
        }
        if let Some((at, stop)) = &history.failed
            && now < *at + FAILED_LATELY
        {
            return Err(stop.clone());
        }
        match self.request(Deadline::after(limit)).await {
            Ok(token) => {
                let value = token.value.clone();
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(token);
                history.failed = None;
                Ok(value)
            }
            Err(stop) => {
                tracing::warn!(?stop, "no access token from Shopify");
                history.failed = Some((Instant::now(), stop.clone()));
                Err(stop)
            }
        }
    }

    async fn request(&self, deadline: Deadline) -> Result<Token, Stop> {
        let grant = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", self.client_secret.expose_secret())
            .finish();
        let mut request = Request::new(Body::from(grant));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone().ok_or_else(|| Stop::other("request_not_built"))?;
        request.headers_mut().insert(CONTENT_TYPE, FORM);
        // A token more or less does no harm, so whatever is not known may be asked for again.
        let wait = || Stop::wait(outcome::SHORT_WAIT);
        let reply = exchange(&self.client, request, deadline).await;
        let reply = reply.map_err(|stop| match stop {
            Stop::Refused(_) => stop,
            Stop::Unknown(_) => wait(),
        })?;
        match reply.status.as_u16() {
            200..=299 => {}
            400 | 401 | 403 => return Err(unauthorized()),
            _ => return Err(Stop::wait(outcome::retry_after(&reply.headers))),
        }
        let granted: Granted = serde_json::from_slice(&reply.body).map_err(|_| wait())?;
        let now = Instant::now();
        let lasts = Duration::from_secs(granted.expires_in.into());
        Ok(Token {
            value: header(&granted.access_token).ok_or_else(wait)?,
            renew_at: now + lasts.saturating_sub(RENEW_BEFORE).max(lasts / 2),
            expires_at: now + lasts,
        })
    }

    fn current(&self) -> Option<Token> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
