//! Who is calling: a customer, by a signed token.

use super::{error::ApiError, language::Language};
use crate::app::{App, Shop};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{At, CustomerId, ShopId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use quick_cache::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// How long a token made by hand or by the demo is good for, in seconds.
pub const TOKEN_SECONDS: u64 = 60 * 60;

/// So many checked tokens are remembered.
const REMEMBERED: usize = 10_000;

/// A signed-in customer of one shop.
#[derive(Clone, Debug)]
pub struct Customer {
    pub shop: ShopId,
    pub id: CustomerId,
    pub language: Language,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    aud: String,
    exp: u64,
}

/// Read before the signature is checked, to know whose secret checks it; believed afterwards only.
#[derive(Deserialize)]
struct Addressed {
    aud: String,
}

const fn unauthenticated() -> ApiError {
    ApiError::new("unauthenticated", StatusCode::UNAUTHORIZED)
}

impl FromRequestParts<Arc<App>> for Customer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let asked = Language::of(&parts.headers, "");
        let (shop, id) = authenticate(&parts.headers, app)
            .ok_or_else(|| unauthenticated().in_language(asked))?;
        let language = Language::of(&parts.headers, &shop.locale);
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
    /// What the token says, if it is genuine and not over. `check` is asked for an unknown one.
    fn signed(
        &self,
        token: &str,
        now: At,
        check: impl FnOnce(&str) -> Option<Signed>,
    ) -> Option<Signed> {
        let digest = Sha256::digest(token).into();
        let signed = match self.0.get(&digest) {
            Some(signed) => signed,
            None => {
                let signed = check(token)?;
                self.0.insert(digest, signed.clone());
                signed
            }
        };
        let now_s = u64::try_from(now.timestamp().as_second()).ok()?;
        (now_s <= signed.until_s).then_some(signed)
    }
}

fn authenticate<'a>(headers: &HeaderMap, app: &'a App) -> Option<(&'a Shop, CustomerId)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let token = value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer "))?.trim();
    let secret = |shop: &ShopId| app.shops.get(shop).map(|shop| &shop.jwt_secret);
    let signed = app.tokens.signed(token, app.now(), |token| check(token, secret))?;
    Some((app.shops.get(&signed.shop)?, signed.customer))
}

/// What the token says, if the shop that it is for has signed it and it is not over.
fn check<'a>(
    token: &str,
    secret: impl FnOnce(&ShopId) -> Option<&'a SecretString>,
) -> Option<Signed> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let addressed: Addressed = serde_json::from_slice(&payload).ok()?;
    let shop = ShopId(addressed.aud);
    let key = DecodingKey::from_secret(secret(&shop)?.expose_secret().as_bytes());
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    validation.set_audience(&[shop.as_str()]);
    validation.set_required_spec_claims(&["exp", "aud", "sub"]);
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation).ok()?.claims;
    let customer = CustomerId::parse(&claims.sub)?;
    Some(Signed { shop, customer, until_s: claims.exp })
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
        let no = |_: &str| None;
        let yes = |_: &str| Some(signed.clone());
        assert_eq!(checked.signed("a", at(90), no), None);
        assert_eq!(checked.signed("a", at(90), yes), Some(signed.clone()));
        for (token, second, believed) in [
            ("a", 99, true),
            ("a", 100, true),
            ("a", 101, false),
            ("b", 99, false),
            ("", 99, false),
        ] {
            let found = checked.signed(token, at(second), no);
            assert_eq!(found.is_some(), believed, "{token:?} at {second}");
        }
    }
}
