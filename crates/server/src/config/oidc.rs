//! `[oidc]`: the staff's identity provider.

use super::optional;
use crate::{http_client, oidc::Settings};
use anyhow::{Context, ensure};
use secrecy::SecretString;
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcFile {
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Option<SecretString>,
    pub client_secret_file: Option<PathBuf>,
    pub label: String,
}

pub fn check(file: OidcFile, public_url: &str) -> anyhow::Result<Settings> {
    ensure!(http_client::address(&file.issuer).is_some(), "issuer: must begin with https://");
    let secret = optional(file.client_secret, file.client_secret_file).context("client_secret")?;
    Ok(Settings {
        issuer: file.issuer,
        client_id: file.client_id,
        client_secret: secret.context("client_secret: is missing")?,
        label: file.label,
        redirect: format!("{public_url}/admin/oidc/callback"),
    })
}
