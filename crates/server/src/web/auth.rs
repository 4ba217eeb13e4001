//! Who is calling: a customer, by a signed token.

use super::{error::ApiError, language::Language};
use crate::app::{App, Shop};
use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{At, CustomerId, ShopId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use quick_cache::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{net::SocketAddr, sync::Arc};

/// How long a token made by hand or by the demo is good for, in seconds.
pub const TOKEN_SECONDS: u64 = 60 * 60;

/// So many checked tokens are remembered.
const REMEMBERED: usize = 10_000;
/// Shopify's clock may differ by so many seconds.
const SESSION_LEEWAY: u64 = 10;

/// A signed-in customer of one shop.
#[derive(Clone, Debug)]
pub struct Customer {
    pub shop: ShopId,
    pub id: CustomerId,
    pub language: Language,
}

/// A customer whom Shopify's app proxy let through.
#[derive(Clone, Debug)]
pub struct Through {
    pub shop: ShopId,
    /// `None`: nobody is signed in.
    pub customer: Option<CustomerId>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    aud: String,
    exp: u64,
}

/// Read before the signature is checked, to know whose secret checks it; believed afterwards only.
struct Addressed {
    algorithm: String,
    audience: Vec<String>,
}

#[derive(Deserialize)]
struct Session {
    sub: String,
    dest: String,
    exp: u64,
    iss: Option<String>,
}

const fn unauthenticated() -> ApiError {
    ApiError::new("unauthenticated", StatusCode::UNAUTHORIZED)
}

impl FromRequestParts<Arc<App>> for Customer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let asked = Language::of(&parts.headers, "");
        let from = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        app.limits.address(from).map_err(|error| error.in_language(asked))?;
        let found = match parts.extensions.get::<Through>() {
            Some(through) => app.shops.get(&through.shop).zip(through.customer),
            None => authenticate(&parts.headers, app).await,
        };
        let (shop, id) = found.ok_or_else(|| unauthenticated().in_language(asked))?;
        let language = Language::of(&parts.headers, &shop.locale);
        app.limits.customer(&shop.id, id).map_err(|error| error.in_language(language))?;
        Ok(Self { shop: shop.id.clone(), id, language })
    }
}

impl Customer {
    /// The customer's shop. A token of a shop that is not configured was refused before.
    pub fn shop<'a>(&self, app: &'a App) -> Result<&'a Shop, ApiError> {
        app.shops.get(&self.shop).ok_or_else(ApiError::not_found)
    }
}

/// Tokens whose signature was checked, by their digest: as long as they are good for. Nobody can
/// make another token of the same digest.
pub struct Checked(Cache<[u8; 32], Signed>);

/// What a checked token says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Signed {
    shop: ShopId,
    customer: CustomerId,
    /// Seconds since 1970; good until then, that second included.
    until_s: u64,
}

impl Default for Checked {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Checked {
    /// What a token that was checked before says. The inner `None`: it is over.
    fn known(&self, digest: &[u8; 32], now: At) -> Option<Option<Signed>> {
        self.0.get(digest).map(|signed| signed.still_good(now))
    }

    fn keep(&self, digest: [u8; 32], signed: &Signed) {
        self.0.insert(digest, signed.clone());
    }
}

impl Signed {
    fn still_good(self, now: At) -> Option<Self> {
        let now_s = u64::try_from(now.timestamp().as_second()).ok()?;
        (now_s <= self.until_s).then_some(self)
    }
}

async fn authenticate<'a>(headers: &HeaderMap, app: &'a App) -> Option<(&'a Shop, CustomerId)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let token = value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer "))?.trim();
    let (digest, now) = (Sha256::digest(token).into(), app.now());
    let signed = match app.tokens.known(&digest, now) {
        Some(known) => known?,
        None => {
            let signed = believe(token, app, now).await?.still_good(now)?;
            app.tokens.keep(digest, &signed);
            signed
        }
    };
    Some((app.shops.get(&signed.shop)?, signed.customer))
}

/// Whose it is, by what it says it is for: the shop's own tokens, Shopify's session tokens, or
/// those of the shop's identity provider.
async fn believe(token: &str, app: &App, now: At) -> Option<Signed> {
    let addressed = Addressed::read(token)?;
    if addressed.algorithm != "HS256" {
        return by_keys(token, &addressed, app, now).await;
    }
    let own = |shop: &ShopId| app.shops.get(shop).and_then(|shop| shop.jwt_secret.as_ref());
    check(token, own).or_else(|| {
        let ours = |shop: &&Shop| shop.client_id.as_ref().is_some_and(|id| addressed.is_for(id));
        app.shops.values().filter(ours).find_map(|shop| of_session(token, shop))
    })
}

async fn by_keys(token: &str, addressed: &Addressed, app: &App, now: At) -> Option<Signed> {
    for shop in app.shops.values() {
        let Some(keys) = &shop.keys else { continue };
        if !addressed.is_for(&keys.settings.audience) {
            continue;
        }
        match keys.believe(token, now).await {
            Ok((customer, until_s)) => {
                return Some(Signed { shop: shop.id.clone(), customer, until_s });
            }
            Err(error) => tracing::debug!(shop = %shop.id, %error, "a token is not believed"),
        }
    }
    None
}

impl Addressed {
    fn read(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let mut part = || URL_SAFE_NO_PAD.decode(parts.next()?).ok();
        let (head, payload) = (part()?, part()?);
        let head: serde_json::Value = serde_json::from_slice(&head).ok()?;
        let payload: serde_json::Value = serde_json::from_slice(&payload).ok()?;
        let audience = match payload.get("aud")? {
            serde_json::Value::String(one) => vec![one.clone()],
            serde_json::Value::Array(all) => {
                all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
            }
            _ => return None,
        };
        Some(Self { algorithm: head.get("alg")?.as_str()?.to_owned(), audience })
    }

    fn is_for(&self, whom: &str) -> bool {
        self.audience.iter().any(|one| one == whom)
    }
}

/// What the token says, if the shop that it is for has signed it and it is not over.
fn check<'a>(
    token: &str,
    secret: impl FnOnce(&ShopId) -> Option<&'a SecretString>,
) -> Option<Signed> {
    let mut addressed = Addressed::read(token)?;
    let shop = ShopId(addressed.audience.pop().filter(|_| addressed.audience.is_empty())?);
    let key = DecodingKey::from_secret(secret(&shop)?.expose_secret().as_bytes());
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    validation.set_audience(&[shop.as_str()]);
    validation.set_required_spec_claims(&["exp", "aud", "sub"]);
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation).ok()?.claims;
    let customer = CustomerId::parse(&claims.sub)?;
    Some(Signed { shop, customer, until_s: claims.exp })
}

/// A session token of a checkout or customer-account extension, signed with the app's secret. The
/// admin's have an `iss`, and name staff: they are nobody here.
fn of_session(token: &str, shop: &Shop) -> Option<Signed> {
    let client_id = shop.client_id.as_ref()?;
    let session = shop.webhook_secrets.iter().find_map(|secret| session(token, client_id, secret));
    let session = session?;
    let host = session.dest.strip_prefix("https://").unwrap_or(&session.dest);
    if session.iss.is_some() || !host.eq_ignore_ascii_case(&shop.domain) {
        return None;
    }
    // Only with its gid is it a customer's.
    let customer =
        session.sub.strip_prefix("gid://shopify/Customer/").and_then(CustomerId::parse)?;
    Some(Signed { shop: shop.id.clone(), customer, until_s: session.exp + SESSION_LEEWAY })
}

/// What a session token says, if that secret has signed it for that app.
fn session(token: &str, client_id: &str, secret: &SecretString) -> Option<Session> {
    let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = SESSION_LEEWAY;
    validation.validate_nbf = true;
    validation.set_audience(&[client_id]);
    validation.set_required_spec_claims(&["exp", "nbf", "aud", "sub"]);
    Some(jsonwebtoken::decode::<Session>(token, &key, &validation).ok()?.claims)
}

/// A token for the customer, as the shop's own login would sign it.
///
/// # Errors
/// Where the secret cannot sign.
pub fn sign(
    secret: &SecretString,
    shop: &ShopId,
    customer: CustomerId,
    now_s: u64,
) -> Result<String, jsonwebtoken::errors::Error> {
    let claims =
        Claims { sub: customer.to_string(), aud: shop.to_string(), exp: now_s + TOKEN_SECONDS };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use engine::ports::Clock;

    fn token(secret: &str, now_s: u64) -> String {
        sign(&SecretString::from(secret), &ShopId::from("main"), CustomerId(7), now_s).unwrap()
    }

    #[test]
    fn only_the_shop_s_own_and_good_tokens_are_believed() {
        let secret = SecretString::from("a secret of the shop's own");
        let now_s = u64::try_from(SystemClock.now().timestamp().as_second()).unwrap();
        let good = token("a secret of the shop's own", now_s);
        let known = |shop: &ShopId| (shop.as_str() == "main").then_some(&secret);
        let [head, body, signature] = good.split('.').collect::<Vec<_>>()[..] else {
            panic!("{good}")
        };
        for (what, token, believed) in [
            ("good", good.clone(), true),
            ("another secret", token("somebody else's secret", now_s), false),
            ("over", token("a secret of the shop's own", now_s - TOKEN_SECONDS - 5), false),
            ("not signed", format!("{head}.{body}."), false),
            ("cut", format!("{head}.{body}"), false),
            ("padded", format!("{head}.{body}.{signature}AA"), false),
            ("nothing", String::new(), false),
        ] {
            assert_eq!(check(&token, known).is_some(), believed, "{what}");
        }
        assert_eq!(check(&good, |_| None), None, "of no shop of ours");
    }

    #[test]
    fn a_token_is_checked_once_and_good_until_it_is_over() {
        let checked = Checked::default();
        let signed = Signed { shop: ShopId::from("main"), customer: CustomerId(7), until_s: 100 };
        let at = |second: i64| At(second * 1_000_000);
        let digest = |token: &str| <[u8; 32]>::from(Sha256::digest(token));
        assert_eq!(checked.known(&digest("a"), at(90)), None);
        checked.keep(digest("a"), &signed);
        for (token, second, known, believed) in [
            ("a", 99, true, true),
            ("a", 100, true, true),
            ("a", 101, true, false),
            ("b", 99, false, false),
            ("", 99, false, false),
        ] {
            let found = checked.known(&digest(token), at(second));
            assert_eq!(found.is_some(), known, "{token:?} at {second}");
            assert_eq!(found.flatten().is_some(), believed, "{token:?} at {second}");
        }
    }

    #[test]
    fn session_tokens_are_signed_by_the_app_for_the_app() {
        let now_s = u64::try_from(SystemClock.now().timestamp().as_second()).unwrap();
        let secret = SecretString::from("the app's client secret");
        let token = |secret: &str, audience: &str, exp: u64, nbf: u64| {
            let claims = serde_json::json!({"sub": "gid://shopify/Customer/7", "aud": audience,
                "dest": "main.myshopify.com", "exp": exp, "nbf": nbf});
            let key = EncodingKey::from_secret(secret.as_bytes());
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
        };
        let (soon, before, own) = (now_s + 300, now_s - 1, "the app's client secret");
        for (what, token, believed) in [
            ("good", token(own, "app", soon, before), true),
            ("another secret", token("another one altogether", "app", soon, before), false),
            ("another app's", token(own, "other", soon, before), false),
            ("over", token(own, "app", now_s - 60, before), false),
            ("not yet", token(own, "app", soon, now_s + 60), false),
        ] {
            assert_eq!(session(&token, "app", &secret).is_some(), believed, "{what}");
        }
    }
}
