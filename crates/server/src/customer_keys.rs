//! Keys of whoever signs customers in: read from their address, kept, and read again where a token
//! names one that is not known. While the address does not answer, the keys that are known go on.

use crate::{
    http_client::{Body, Deadline, HttpClient, Reply, address, exchange},
    oidc,
};
use anyhow::{Context, anyhow, ensure};
use domain::{At, CustomerId};
use http::Request;
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{Jwk, JwkSet},
};
use serde::Deserialize;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(5);
/// Keys are read again after so long; at once where a token names an unknown one, but no sooner
/// than so long after the last time.
const KNOWN_FOR: Duration = Duration::from_secs(3_600);
const NOT_SOONER: Duration = Duration::from_secs(60);
/// Clocks differ by so many seconds.
const LEEWAY: u64 = 10;
/// What customers' tokens are signed with: never a shared secret.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::RS256, Algorithm::ES256];

/// From the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    pub url: String,
    /// Whom the tokens are for.
    pub audience: String,
    /// Who signs them, where that is checked.
    pub issuer: Option<String>,
}

#[derive(Default)]
struct Known {
    keys: Option<Arc<JwkSet>>,
    read_at: At,
    tried_at: Option<At>,
}

/// The keys of one shop's customers' tokens.
pub struct Keys {
    pub settings: Settings,
    client: HttpClient,
    known: Mutex<Known>,
    /// One reads at a time.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// Seconds since 1970.
    exp: u64,
    nbf: Option<u64>,
}

impl Keys {
    pub fn new(settings: Settings, client: HttpClient) -> Self {
        let (known, reading) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { settings, client, known, reading }
    }

    /// Whose token it is, and until which second it is good.
    ///
    /// # Errors
    /// Where it is not to be believed, or the keys were never to be had.
    pub async fn believe(&self, token: &str, now: At) -> anyhow::Result<(CustomerId, u64)> {
        let head = decode_header(token).context("the token's head")?;
        ensure!(ALGORITHMS.contains(&head.alg), "the token is signed with {:?}", head.alg);
        let keys = self.keys(head.kid.as_deref(), now).await?;
        let jwk = oidc::key(&keys, head.kid.as_deref());
        let jwk =
            jwk.ok_or_else(|| anyhow!("the token is signed with a key that is not listed"))?;
        self.checked(token, jwk, head.alg, now)
    }

    fn checked(
        &self,
        token: &str,
        jwk: &Jwk,
        named: Algorithm,
        now: At,
    ) -> anyhow::Result<(CustomerId, u64)> {
        ensure!(oidc::made_for(jwk, named), "the key is not for {named:?}");
        let mut validation = Validation::new(named);
        // Against our own clock, below.
        validation.validate_exp = false;
        validation.set_audience(&[&self.settings.audience]);
        let mut wanted = vec!["exp", "aud", "sub"];
        if let Some(issuer) = &self.settings.issuer {
            validation.set_issuer(&[issuer]);
            wanted.push("iss");
        }
        validation.set_required_spec_claims(&wanted);
        let claims: Claims = decode(token, &DecodingKey::from_jwk(jwk)?, &validation)?.claims;
        let now_s = u64::try_from(now.0 / 1_000_000).unwrap_or(0);
        let until = claims.exp.saturating_add(LEEWAY);
        ensure!(now_s <= until, "the token is over");
        ensure!(claims.nbf.is_none_or(|from| from <= now_s + LEEWAY), "it is not good yet");
        let customer = CustomerId::parse(&claims.sub).context("sub: no customer's id")?;
        Ok((customer, until))
    }

    /// The keys, with that one among them if it is to be had.
    async fn keys(&self, kid: Option<&str>, now: At) -> anyhow::Result<Arc<JwkSet>> {
        if let Some(keys) = self.fresh(kid, now) {
            return Ok(keys);
        }
        let _turn = self.reading.lock().await;
        // Whoever was before may have brought it.
        if let Some(keys) = self.fresh(kid, now) {
            return Ok(keys);
        }
        self.lock().tried_at = Some(now);
        match self.read().await {
            Ok(keys) => {
                let keys = Arc::new(keys);
                let mut known = self.lock();
                (known.keys, known.read_at) = (Some(Arc::clone(&keys)), now);
                Ok(keys)
            }
            Err(error) => {
                tracing::warn!(url = %self.settings.url, %error, "customers' keys were not read");
                let known = self.lock().keys.clone();
                known.ok_or_else(|| error.context("the customers' keys"))
            }
        }
    }

    /// The known keys, where there is no reason to read them again, or no time yet.
    fn fresh(&self, kid: Option<&str>, now: At) -> Option<Arc<JwkSet>> {
        let known = self.lock();
        let keys = known.keys.as_ref()?;
        let listed = oidc::key(keys, kid).is_some();
        let good = listed && now.since(known.read_at) < KNOWN_FOR;
        let just_tried = known.tried_at.is_some_and(|at| now.since(at) < NOT_SOONER);
        (good || just_tried).then(|| Arc::clone(keys))
    }

    async fn read(&self) -> anyhow::Result<JwkSet> {
        let uri = address(&self.settings.url).context("no address")?;
        let request = Request::builder().uri(uri).body(Body::default())?;
        let answer = exchange(&self.client, request, Deadline::after(LIMIT)).await;
        let Reply { status, body, .. } = answer.map_err(|stop| anyhow!("no answer: {stop:?}"))?;
        ensure!(status.is_success(), "it answered {status}");
        Ok(serde_json::from_slice(&body)?)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
