//! Who may speak of whom: vendors, databases and HTTP stay in their adapters.

use super::arrows::all_names;
use super::tree::Tree;
use super::{Finding, source::Source};

const ENGINE: &str = "crates/engine/";
const WEB: &str = "crates/server/src/web/";
const STORE: &str = "crates/server/src/store";

const VENDORS: &[&str] =
    &["shopify", "smaregi", "square", "sqlite", "postgres", "reqwest", "hyper", "axum", "http"];

/// In comments a vendor may be the example; in code it would be a case that the others do not have.
pub fn engine(tree: &Tree) -> Vec<Finding> {
    let reason = "the engine knows ports, not who stands behind them";
    let mut findings = Vec::new();
    for (path, source) in tree.rust(ENGINE) {
        for (line, word) in named(&source) {
            let message = format!("names `{word}`: {reason}");
            findings.push(Finding::new(path, line, message));
        }
    }
    let manifest = format!("{ENGINE}Cargo.toml");
    for name in all_names(tree, &manifest) {
        if let Some(vendor) = VENDORS.iter().find(|vendor| name.contains(**vendor)) {
            let message = format!("depends on `{name}` ({vendor}): {reason}");
            findings.push(Finding::new(&manifest, 0, message));
        }
    }
    findings
}

/// Pages and endpoints talk to the engine; a call past it would be one that no journal knows.
pub fn web(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.rust(WEB) {
        for (at, line) in source.code.lines().enumerate() {
            let nested = line.contains("crate::{");
            let names = |adapter: &str| {
                line.contains(&format!("crate::{adapter}::"))
                    || nested && line.contains(&format!("{{{adapter}::"))
                    || nested && line.contains(&format!(" {adapter}::"))
            };
            for adapter in ["shopify", "points"].into_iter().filter(|adapter| names(adapter)) {
                let message = format!(
                    "names the adapter `crate::{adapter}`: the web asks the engine, so that every \
                     call is in the journal before it is sent"
                );
                findings.push(Finding::new(path, at + 1, message));
            }
        }
    }
    findings
}

/// All statements in one place can be prepared on every database by one test.
pub fn sql(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let outside = |path: &&str| path.contains("/src/") && !path.starts_with(STORE);
    for (path, source) in tree.rust("crates/").filter(|(path, _)| outside(path)) {
        for (line, _) in source.strings.iter().filter(|(_, text)| is_sql(text)) {
            let message = "SQL lies in crates/server/src/store only, where one test prepares every \
                           statement on every database";
            findings.push(Finding::new(path, *line, message));
        }
    }
    findings
}

/// Lines and vendors named in code or in strings.
fn named(source: &Source) -> Vec<(usize, &'static str)> {
    let in_code = source.code.lines().enumerate().map(|(at, line)| (at + 1, line));
    let in_strings = source.strings.iter().map(|(line, text)| (*line, text.as_str()));
    let mut found = Vec::new();
    for (line, text) in in_code.chain(in_strings) {
        let text = text.to_lowercase();
        let vendors = VENDORS.iter().filter(|vendor| text.contains(**vendor));
        found.extend(vendors.map(|vendor| (line, *vendor)));
    }
    found
}

/// Begins as a statement does, in the capitals in which statements are written.
fn is_sql(text: &str) -> bool {
    let text = text.trim_start();
    let begins = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    begins(&["SELECT ", "INSERT INTO ", "DELETE FROM ", "CREATE TABLE ", "ALTER TABLE ", "PRAGMA "])
        || text.starts_with("UPDATE ") && text.contains(" SET ")
        || text.starts_with("WITH ") && text.contains("SELECT ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_in_the_engine_are_found() {
        let cases = [
            ("// as Shopify does\nfn create() {}", 0),
            ("fn create_at_shopify() {}", 1),
            ("const NAME: &str = \"SQLite\";", 1),
            ("use axum::Router;\nuse reqwest::Client;", 2),
        ];
        for (text, found) in cases {
            let tree = Tree::of(&[("crates/engine/src/lib.rs", text)]);
            assert_eq!(engine(&tree).len(), found, "{text}");
        }
        let manifest = "[dev-dependencies]\nrusqlite.workspace = true\nserde = \"1\"";
        assert_eq!(engine(&Tree::of(&[("crates/engine/Cargo.toml", manifest)])).len(), 1);
    }

    #[test]
    fn adapters_in_the_web_are_found() {
        let cases = [
            ("crates/server/src/web/api.rs", "use crate::shopify::Admin;", 1),
            ("crates/server/src/web/api.rs", "use crate::{points::Http, web};", 1),
            ("crates/server/src/web/api.rs", "use crate::web::points::Page;", 0),
            ("crates/server/src/web/api.rs", "// crate::points:: is not named here", 0),
            ("crates/server/src/app.rs", "use crate::points::Http;", 0),
        ];
        for (path, text, found) in cases {
            assert_eq!(web(&Tree::of(&[(path, text)])).len(), found, "{text}");
        }
    }

    #[test]
    fn sql_outside_the_store_is_found() {
        let outside = "crates/server/src/web/api.rs";
        let cases = [
            (outside, "x(\"SELECT 1\")", 1),
            (outside, "x(\"\n  UPDATE flow SET state = $1\")", 1),
            (outside, "x(r#\"WITH a AS (SELECT 1) SELECT a\"#)", 1),
            (outside, "x(\"UPDATE now\"); y(\"Select one\"); // \"SELECT 1\"", 0),
            ("crates/server/src/store/sqlite.rs", "x(\"SELECT 1\")", 0),
            ("crates/engine/src/lib.rs", "x(\"DELETE FROM flow\")", 1),
        ];
        for (path, text, found) in cases {
            assert_eq!(sql(&Tree::of(&[(path, text)])).len(), found, "{text}");
        }
    }
}
