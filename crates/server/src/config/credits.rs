//! `[shop.credits]`: store credit that Kaeru itself holds, next to Shopify's.

use crate::book;
use anyhow::bail;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditsFile {
    pub kind: String,
    pub valid_days: Option<u16>,
    pub return_days: Option<u16>,
}

/// How it lives.
///
/// # Errors
/// Naming the key that is wrong.
pub fn check(file: &CreditsFile) -> anyhow::Result<book::Settings> {
    if file.kind != "builtin" {
        bail!("kind: {:?} is not known. Use \"builtin\", or leave [shop.credits] out", file.kind);
    }
    let return_days = file.return_days.unwrap_or(30);
    for (key, days) in [("valid_days", file.valid_days), ("return_days", Some(return_days))] {
        if days == Some(0) {
            bail!("{key}: must be above zero");
        }
    }
    Ok(book::Settings { valid_days: file.valid_days, return_days, token: None })
}
