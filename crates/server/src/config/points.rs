//! `[shop.points]`: which points book the shop has.

use super::{optional, secret, span, url};
use crate::{
    book,
    points::{Settings, http},
};
use anyhow::{Context, bail};
use secrecy::SecretString;
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointsFile {
    pub kind: String,
    pub base_url: Option<String>,
    pub token: Option<SecretString>,
    pub token_file: Option<PathBuf>,
    pub lookup: Option<bool>,
    pub idempotency: Option<bool>,
    pub expiry: Option<bool>,
    pub horizon: Option<String>,
    pub valid_days: Option<u16>,
    pub return_days: Option<u16>,
}

/// The shop's points book.
///
/// # Errors
/// Naming the key that is wrong, missing, or another kind's.
pub fn check(file: PointsFile) -> anyhow::Result<Settings> {
    match file.kind.as_str() {
        "http" => http(file).map(Settings::Http),
        "builtin" => builtin(file).map(Settings::Builtin),
        other => bail!(
            "kind: {other:?} is not a points book that this version knows. Use \"http\" or \
             \"builtin\""
        ),
    }
}

fn http(file: PointsFile) -> anyhow::Result<http::Settings> {
    belongs_to(
        "builtin",
        &[("valid_days", file.valid_days.is_some()), ("return_days", file.return_days.is_some())],
    )?;
    let horizon = file.horizon.unwrap_or_else(|| "10m".to_owned());
    let horizon = span(&horizon).with_context(|| {
        format!("horizon: {horizon:?} is not a span such as \"10m\" or \"90s\"")
    })?;
    let base_url = file.base_url.context("base_url: is missing: where the till is")?;
    Ok(http::Settings {
        base_url: url(base_url).context("base_url")?,
        token: secret(file.token, file.token_file).context("token")?,
        lookup: file.lookup.unwrap_or(false),
        idempotency: file.idempotency.unwrap_or(false),
        expiry: file.expiry.unwrap_or(false),
        horizon,
    })
}

fn builtin(file: PointsFile) -> anyhow::Result<book::Settings> {
    belongs_to(
        "http",
        &[
            ("base_url", file.base_url.is_some()),
            ("lookup", file.lookup.is_some()),
            ("idempotency", file.idempotency.is_some()),
            ("expiry", file.expiry.is_some()),
            ("horizon", file.horizon.is_some()),
        ],
    )?;
    if file.valid_days == Some(0) {
        bail!("valid_days: must be above zero. Leave it out where points do not expire");
    }
    let return_days = file.return_days.unwrap_or(30);
    if return_days == 0 {
        bail!("return_days: must be above zero");
    }
    let token = optional(file.token, file.token_file).context("token")?;
    if token.as_ref().is_some_and(|token| secrecy::ExposeSecret::expose_secret(token).len() < 16) {
        bail!("token: at least 16 characters are needed");
    }
    Ok(book::Settings { valid_days: file.valid_days, return_days, token })
}

fn belongs_to(kind: &str, keys: &[(&str, bool)]) -> anyhow::Result<()> {
    match keys.iter().find(|(_, given)| *given) {
        Some((key, _)) => bail!("{key}: means something with kind = {kind:?} only. Leave it out"),
        None => Ok(()),
    }
}
