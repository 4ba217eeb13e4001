//! `[shop.reversals]`: what comes back with a cancelled order, and who decides.

use super::span;
use crate::reversals::Settings;
use anyhow::{Context, bail};
use domain::PartialRefunds;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReversalsFile {
    pub automatic_below: i64,
    pub four_eyes_above: i64,
    pub shopify_reverts: String,
    pub partial_refunds: String,
    pub earned_points: String,
    pub earned_reference: String,
}

impl Default for ReversalsFile {
    fn default() -> Self {
        Self {
            automatic_below: 0,
            four_eyes_above: 0,
            shopify_reverts: "2m".to_owned(),
            partial_refunds: PartialRefunds::None.as_str().to_owned(),
            earned_points: "keep".to_owned(),
            earned_reference: "EARN-{order}".to_owned(),
        }
    }
}

/// The shop's policy. `finds`: whether the points book can be asked for a movement by its
/// reference.
///
/// # Errors
/// Naming the key that is wrong.
pub fn check(file: &ReversalsFile, finds: bool) -> anyhow::Result<Settings> {
    if file.automatic_below < 0 {
        bail!("automatic_below: a number of points, or 0 for never");
    }
    if file.four_eyes_above < 0 {
        bail!("four_eyes_above: a number of points, or 0 for never");
    }
    if file.four_eyes_above > 0 && file.automatic_below > file.four_eyes_above {
        bail!(
            "automatic_below: {} is above four_eyes_above = {}; what comes back by itself must be \
             below what needs a second person",
            file.automatic_below,
            file.four_eyes_above
        );
    }
    let text = &file.shopify_reverts;
    let shopify_reverts = span(text).with_context(|| {
        format!("shopify_reverts: {text:?} is not a span such as \"2m\" or \"90s\"")
    })?;
    let text = &file.partial_refunds;
    let partial_refunds = PartialRefunds::parse(text).with_context(|| {
        let all = PartialRefunds::ALL.map(PartialRefunds::as_str).join("\", \"");
        format!("partial_refunds: {text:?} is none of \"{all}\"")
    })?;
    let earned = match file.earned_points.as_str() {
        "keep" => None,
        "take_back" if !finds => bail!(
            "earned_points: what an order earned is looked up at the points book, which needs \
             points.lookup = true"
        ),
        "take_back" if !file.earned_reference.contains("{order}") => {
            bail!("earned_reference: write {{order}} where the order's number stands")
        }
        "take_back" => Some(file.earned_reference.clone()),
        other => bail!("earned_points: {other:?} is neither \"keep\" nor \"take_back\""),
    };
    let ReversalsFile { automatic_below, four_eyes_above, .. } = *file;
    Ok(Settings { automatic_below, four_eyes_above, shopify_reverts, partial_refunds, earned })
}
