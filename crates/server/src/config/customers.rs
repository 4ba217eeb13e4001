//! `[shop.customers]`: how customers are known; `[storefront]`: how often they may ask.

use super::{optional, url};
use crate::{customer_keys, web::limits};
use anyhow::{Context, bail};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::{num::NonZeroU32, path::PathBuf};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomersFile {
    pub jwt_secret: Option<SecretString>,
    pub jwt_secret_file: Option<PathBuf>,
    pub jwks_url: Option<String>,
    pub jwks_audience: Option<String>,
    pub jwks_issuer: Option<String>,
    #[serde(default)]
    pub app_proxy: bool,
    #[serde(default = "shopify_id")]
    pub pos_id: String,
    #[serde(default = "member_no")]
    pub member_no: String,
}

fn shopify_id() -> String {
    "shopify_id".to_owned()
}
fn member_no() -> String {
    "metafield:loyalty.member_no".to_owned()
}

/// What is known of the app at Shopify.
pub struct App<'a> {
    pub client_id: Option<&'a str>,
    /// Whether it has a secret that Shopify signs with.
    pub signed: bool,
}

/// How customers are known, checked.
pub struct Customers {
    pub jwt_secret: Option<SecretString>,
    pub keys: Option<customer_keys::Settings>,
}

/// # Errors
/// Naming the key that is wrong or missing.
pub fn check(file: &CustomersFile, shop: &str, app: App<'_>) -> anyhow::Result<Customers> {
    let jwt_secret = optional(file.jwt_secret.clone(), file.jwt_secret_file.clone());
    let jwt_secret = jwt_secret.context("jwt_secret")?;
    if jwt_secret.as_ref().is_some_and(|secret| secret.expose_secret().len() < 16) {
        bail!("jwt_secret: at least 16 characters are needed");
    }
    if file.app_proxy && !app.signed {
        bail!("app_proxy: needs shopify.client_secret or shopify.webhook_secret, which sign it");
    }
    let keys = match &file.jwks_url {
        Some(text) => Some(customer_keys::Settings {
            url: url(text.clone()).context("jwks_url")?,
            audience: file.jwks_audience.clone().unwrap_or_else(|| shop.to_owned()),
            issuer: file.jwks_issuer.clone(),
        }),
        None if file.jwks_audience.is_some() || file.jwks_issuer.is_some() => {
            bail!("jwks_url: is missing, so jwks_audience and jwks_issuer mean nothing")
        }
        None => None,
    };
    let session_tokens = app.client_id.is_some() && app.signed;
    if jwt_secret.is_none() && keys.is_none() && !file.app_proxy && !session_tokens {
        bail!(
            "jwt_secret: is missing. Give it, or jwks_url, or app_proxy = true: no customer could \
             sign in"
        );
    }
    Ok(Customers { jwt_secret, keys })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorefrontFile {
    pub requests_per_customer: u32,
    pub requests_per_address: u32,
}

impl Default for StorefrontFile {
    fn default() -> Self {
        Self { requests_per_customer: 3_000, requests_per_address: 30_000 }
    }
}

pub fn limits(file: &StorefrontFile) -> limits::Settings {
    limits::Settings {
        per_customer: NonZeroU32::new(file.requests_per_customer),
        per_address: NonZeroU32::new(file.requests_per_address),
    }
}
