//! Who is calling: a customer, by a signed token.

use super::{error::ApiError, language::Language};
use crate::app::{App, Shop};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{CustomerId, ShopId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How long a token made by hand or by the demo is good for, in seconds.
pub const TOKEN_SECONDS: u64 = 60 * 60;

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

fn authenticate<'a>(headers: &HeaderMap, app: &'a App) -> Option<(&'a Shop, CustomerId)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let token = value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer "))?.trim();
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let addressed: Addressed = serde_json::from_slice(&payload).ok()?;
    let shop = app.shops.get(&ShopId(addressed.aud))?;
    let key = DecodingKey::from_secret(shop.jwt_secret.expose_secret().as_bytes());
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    validation.set_audience(&[shop.id.as_str()]);
    validation.set_required_spec_claims(&["exp", "aud", "sub"]);
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation).ok()?.claims;
    Some((shop, CustomerId::parse(&claims.sub)?))
}

/// A token for the customer, as the shop's own login would sign it.
///
/// # Errors
/// Where the secret cannot sign.
pub fn sign(
    secret: &secrecy::SecretString,
    shop: &ShopId,
    customer: CustomerId,
    now_s: u64,
) -> Result<String, jsonwebtoken::errors::Error> {
    let claims =
        Claims { sub: customer.to_string(), aud: shop.to_string(), exp: now_s + TOKEN_SECONDS };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
}
