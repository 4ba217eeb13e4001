//! Signing in with the merchant's own identity provider: OpenID Connect, the authorization code
//! with PKCE. Who comes back is one of our accounts, known by a verified e-mail address.

use crate::{
    http_client::{Body, Deadline, HttpClient, Reply, address, exchange},
    secrets,
};
use anyhow::{Context, anyhow, bail, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::At;
use http::{HeaderValue, Method, Request, header};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, Validation, decode, decode_header,
    jwk::{Jwk, JwkSet},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio::sync::Mutex;
use url::{Url, form_urlencoded};

const LIMIT: Duration = Duration::from_secs(10);
/// What the provider says of itself is read again after so long; its keys too, and at once where a
/// token is signed by an unknown one, but no sooner than a minute after the last time.
const KNOWN_FOR: Duration = Duration::from_secs(3_600);
const NOT_SOONER: Duration = Duration::from_secs(60);
/// Clocks differ by so many seconds.
const LEEWAY: u64 = 60;

/// From the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Exactly as its tokens say it.
    pub issuer: String,
    pub client_id: String,
    pub client_secret: SecretString,
    /// What the link on the sign-in page calls it.
    pub label: String,
    /// Where it sends people back to.
    pub redirect: String,
}

/// What must be the same when somebody comes back. Kept by their browser meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub state: String,
    nonce: String,
    verifier: String,
    /// The page that was wanted.
    pub next: String,
}

#[derive(Clone, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

#[derive(Clone)]
struct Known {
    metadata: Metadata,
    keys: JwkSet,
    read_at: At,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// Those of the standard's claims that say who it is. The others are checked by the library.
#[derive(Debug, Deserialize)]
struct Claims {
    /// Seconds since 1970.
    exp: u64,
    iat: u64,
    nonce: Option<String>,
    azp: Option<String>,
    email: Option<String>,
    /// Some providers write it as text.
    #[serde(default)]
    email_verified: serde_json::Value,
}

pub struct Provider {
    pub settings: Settings,
    client: HttpClient,
    known: Mutex<Option<Known>>,
}

impl Provider {
    pub fn new(settings: Settings, client: HttpClient) -> Self {
        Self { settings, client, known: Mutex::new(None) }
    }

    /// Where to send somebody, and what to remember of it.
    ///
    /// # Errors
    /// Where the provider does not answer, or is another than the configuration says.
    pub async fn start(&self, next: &str, now: At) -> anyhow::Result<(String, Attempt)> {
        let known = self.known(now, KNOWN_FOR).await?;
        let attempt = Attempt {
            state: secrets::token(),
            nonce: secrets::token(),
            verifier: secrets::token(),
            next: next.to_owned(),
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(attempt.verifier.as_bytes()));
        let mut url =
            Url::parse(&known.metadata.authorization_endpoint).context("authorization_endpoint")?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("scope", "openid email")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.settings.redirect)
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok((url.into(), attempt))
    }

    /// The verified e-mail address of whoever came back with this code.
    ///
    /// # Errors
    /// Where the provider does not answer, or what it answers is not to be believed.
    pub async fn finish(&self, attempt: &Attempt, code: &str, now: At) -> anyhow::Result<String> {
        let known = self.known(now, KNOWN_FOR).await?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.settings.redirect)
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("client_secret", self.settings.client_secret.expose_secret())
            .append_pair("code_verifier", &attempt.verifier)
            .finish();
        let uri = address(&known.metadata.token_endpoint).context("token_endpoint")?;
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header(header::CONTENT_TYPE, form_type)
            .header(header::ACCEPT, "application/json")
            .body(Body::from(form))?;
        let tokens: Tokens = self.ask(request).await.context("the token endpoint")?;
        self.believe(&tokens.id_token, attempt, known, now).await
    }

    async fn believe(
        &self,
        token: &str,
        attempt: &Attempt,
        mut known: Known,
        now: At,
    ) -> anyhow::Result<String> {
        let kid = decode_header(token).context("the token's head")?.kid;
        if key(&known.keys, kid.as_deref()).is_none() {
            known = self.known(now, NOT_SOONER).await?;
        }
        let jwk = key(&known.keys, kid.as_deref()).ok_or_else(|| {
            anyhow!("the token is signed with a key that the issuer does not list")
        })?;
        let claims = checked(token, jwk, &self.settings, now)?;
        ensure!(claims.nonce.as_deref() == Some(attempt.nonce.as_str()), "another attempt's token");
        let verified = claims.email_verified == serde_json::Value::Bool(true)
            || claims.email_verified == "true";
        ensure!(verified, "the issuer has not verified the e-mail address");
        claims.email.context("the token names no e-mail address")
    }

    /// What the provider says of itself, no older than that.
    async fn known(&self, now: At, oldest: Duration) -> anyhow::Result<Known> {
        let mut known = self.known.lock().await;
        if let Some(known) = &*known
            && now.since(known.read_at) < oldest
        {
            return Ok(known.clone());
        }
        let issuer = self.settings.issuer.trim_end_matches('/');
        let place = format!("{issuer}/.well-known/openid-configuration");
        let metadata: Metadata = self.read(&place).await.context("the issuer's configuration")?;
        if metadata.issuer != self.settings.issuer {
            bail!("oidc.issuer is {}, and it says {}", self.settings.issuer, metadata.issuer);
        }
        let keys = self.read(&metadata.jwks_uri).await.context("the issuer's keys")?;
        let fresh = Known { metadata, keys, read_at: now };
        *known = Some(fresh.clone());
        Ok(fresh)
    }

    async fn read<T: DeserializeOwned>(&self, url: &str) -> anyhow::Result<T> {
        let uri = address(url).with_context(|| format!("{url} is no address"))?;
        self.ask(Request::builder().uri(uri).body(Body::default())?).await
    }

    async fn ask<T: DeserializeOwned>(&self, request: Request<Body>) -> anyhow::Result<T> {
        let answer = exchange(&self.client, request, Deadline::after(LIMIT)).await;
        let Reply { status, body, .. } = answer.map_err(|stop| anyhow!("no answer: {stop:?}"))?;
        ensure!(status.is_success(), "it answered {status}");
        Ok(serde_json::from_slice(&body)?)
    }
}

/// The key of that name; where the token names none, the only one there is.
pub(crate) fn key<'a>(keys: &'a JwkSet, kid: Option<&str>) -> Option<&'a Jwk> {
    match (kid, keys.keys.as_slice()) {
        (Some(kid), _) => keys.find(kid),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

/// Whether the key is for that, as far as it says.
pub(crate) fn made_for(jwk: &Jwk, named: Algorithm) -> bool {
    let made_for = jwk.common.key_algorithm.map(|of| of.to_string().parse());
    made_for.is_none_or(|of| of.is_ok_and(|of: Algorithm| of == named))
}

/// Signed with that key, by that issuer, for us, and good at this moment.
fn checked(token: &str, jwk: &Jwk, settings: &Settings, now: At) -> anyhow::Result<Claims> {
    // Never a shared secret.
    let named = decode_header(token)?.alg;
    ensure!(
        made_for(jwk, named) && named.family() != AlgorithmFamily::Hmac,
        "the token is signed with {named:?}"
    );
    let mut validation = Validation::new(named);
    // Against our own clock, below.
    validation.validate_exp = false;
    validation.set_audience(&[&settings.client_id]);
    validation.set_issuer(&[&settings.issuer]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let claims: Claims = decode(token, &DecodingKey::from_jwk(jwk)?, &validation)
        .context("the token is not to be believed")?
        .claims;
    let now_s = u64::try_from(now.0 / 1_000_000).unwrap_or(0);
    ensure!(now_s <= claims.exp.saturating_add(LEEWAY), "the token is over");
    ensure!(claims.iat <= now_s + LEEWAY, "the token is not good yet: is the clock right?");
    ensure!(claims.azp.as_ref().is_none_or(|azp| *azp == settings.client_id), "another's token");
    Ok(claims)
}
