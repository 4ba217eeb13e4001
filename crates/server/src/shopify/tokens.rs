//! The access token: given once for all, or fetched with client credentials and renewed in time.

use crate::outcome;
use domain::{At, Refusal};
use engine::ports::{Answer, Clock};
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// Renewed when less than this is left of its day.
const RENEW_BEFORE: Duration = Duration::from_secs(600);

#[derive(Clone, Debug)]
pub enum Auth {
    Token(SecretString),
    ClientCredentials { client_id: String, client_secret: SecretString },
}

pub struct Tokens {
    auth: Auth,
    url: String,
    client: Client,
    clock: crate::clock::SystemClock,
    /// Locked while it is fetched, so that many callers make one request.
    current: Mutex<Option<Fetched>>,
    fixed: Option<Arc<str>>,
}

struct Fetched {
    token: Arc<str>,
    until: At,
}

#[derive(Serialize)]
struct Grant<'a> {
    grant_type: &'static str,
    client_id: &'a str,
    client_secret: &'a str,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

impl Tokens {
    pub fn new(base_url: &str, auth: Auth, client: Client) -> Self {
        let fixed = match &auth {
            Auth::Token(token) => Some(Arc::from(token.expose_secret())),
            Auth::ClientCredentials { .. } => None,
        };
        let url = format!("{base_url}/admin/oauth/access_token");
        let clock = crate::clock::SystemClock;
        Self { auth, url, client, clock, current: Mutex::new(None), fixed }
    }

    /// A token to send. `rejected`: the one that Shopify has just refused, never given again.
    ///
    /// # Errors
    /// Where none can be had: nothing was sent to the Admin API.
    pub async fn get(&self, rejected: Option<&str>, limit: Duration) -> Result<Arc<str>, Refusal> {
        let Auth::ClientCredentials { client_id, client_secret } = &self.auth else {
            return match &self.fixed {
                Some(token) if rejected.is_none() => Ok(Arc::clone(token)),
                _ => Err(Refusal::Other("shopify_unauthorized".to_owned())),
            };
        };
        let mut current = self.current.lock().await;
        let now = self.clock.now();
        if let Some(fetched) = current.as_ref()
            && now.plus(RENEW_BEFORE) < fetched.until
            && rejected != Some(&*fetched.token)
        {
            return Ok(Arc::clone(&fetched.token));
        }
        let granted = self.fetch(client_id, client_secret, limit).await?;
        let until = now.plus(Duration::from_secs(granted.expires_in));
        let token: Arc<str> = Arc::from(granted.access_token);
        *current = Some(Fetched { token: Arc::clone(&token), until });
        Ok(token)
    }

    async fn fetch(
        &self,
        client_id: &str,
        client_secret: &SecretString,
        limit: Duration,
    ) -> Result<Granted, Refusal> {
        let client_secret = client_secret.expose_secret();
        let grant = Grant { grant_type: "client_credentials", client_id, client_secret };
        let sent = self.client.post(&self.url).json(&grant).timeout(limit).send().await;
        let response = sent.map_err(|error| match outcome::of_error::<()>(&error) {
            Answer::Refused(refusal) => refusal,
            // A token more or less does no harm: it may be asked for again.
            _ => Refusal::Wait(outcome::SHORT_WAIT),
        })?;
        match response.status().as_u16() {
            200..=299 => response.json().await.map_err(|_| Refusal::Wait(outcome::SHORT_WAIT)),
            400..=428 => Err(Refusal::Other("shopify_unauthorized".to_owned())),
            _ => Err(Refusal::Wait(outcome::retry_after(response.headers()))),
        }
    }
}
