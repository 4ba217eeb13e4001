//! What a page must offer everybody: WCAG 2.2 AA as far as a program can tell.

use crate::page::Page;
use anyhow::Context;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What is wrong on the page, each as a sentence. Empty: nothing was found.
pub async fn check(page: &Page) -> anyhow::Result<Vec<String>> {
    let axe = std::fs::read_to_string(axe()).context("axe-core: `cargo xtask install` gets it")?;
    page.script(&axe).await?;
    let run = "const run = arguments[arguments.length - 1]; \
        axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice']}) \
        .then((found) => run([found.passes.length, ...found.violations.flatMap((rule) => \
        rule.nodes.map((node) => `${rule.id}: ${node.target} — ${node.failureSummary}`))]), \
        (error) => run([0, String(error)]))";
    let found = page.driver.execute_async(run, vec![]).await?;
    let found = found.json().as_array().context("axe gave no list")?;
    let kept = found.first().and_then(Value::as_u64).unwrap_or(0);
    anyhow::ensure!(kept > 5, "axe found hardly anything to check: {found:?}");
    Ok(found.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Where `cargo xtask install` puts it.
fn axe() -> PathBuf {
    let file = std::env::var_os("KAERU_AXE").map(PathBuf::from);
    file.unwrap_or_else(|| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/axe/node_modules/axe-core/axe.min.js")
    })
}
