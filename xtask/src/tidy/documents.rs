//! Documents that tell the truth, in the place where they are looked for.

use super::Finding;
use super::tree::Tree;

/// The folders whose names, in backticks, are meant as paths.
const FOLDERS: &[&str] = &["crates/", "docs/", "xtask/", "bench/", "e2e/", ".ci/", ".cargo/"];

/// The Markdown that belongs at the root.
const AT_ROOT: &[&str] = &["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"];

/// The files of the flows, as far as they are written. Conversion is the first and must be there.
const FLOWS: &[&str] = &["conversion", "cancellation", "reversal", "hold", "expiry"];

/// A path that a document names and that is not there sends the reader astray.
pub fn paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(&["md"]) {
        let mut fenced = false;
        for (at, line) in text.lines().enumerate() {
            fenced ^= line.trim_start().starts_with("```");
            if fenced {
                continue;
            }
            for named in line.split('`').skip(1).step_by(2).filter(|text| is_path(text)) {
                for one in alternatives(named).iter().filter(|one| !exists(tree, one)) {
                    let message =
                        format!("names `{one}`, which is not there: correct the path or the text");
                    findings.push(Finding::new(path, at + 1, message));
                }
            }
        }
    }
    findings
}

/// Documents lie in `docs/`, so that the root shows what the project is made of.
pub fn strays(tree: &Tree) -> Vec<Finding> {
    let at_root = |path: &&str| !path.contains('/') && path.ends_with(".md");
    let strays = tree.files().map(|(path, _)| path).filter(at_root);
    let message = format!("only {} lie at the root; put it below docs/", AT_ROOT.join(", "));
    strays
        .filter(|path| !AT_ROOT.contains(path))
        .map(|path| Finding::new(path, 0, message.clone()))
        .collect()
}

/// A flow is understood from its picture first.
pub fn pictures(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for flow in FLOWS {
        let path = format!("crates/domain/src/{flow}.rs");
        let Some(text) = tree.text(&path) else {
            if *flow == "conversion" {
                let message = "is not there: the flows are one file each in crates/domain/src";
                findings.push(Finding::new(&path, 0, message));
            }
            continue;
        };
        let opening = text.lines().take_while(|line| line.starts_with("//!"));
        let drawn = opening.clone().any(|line| line.trim_end() == "//! ```text")
            && opening.filter(|line| line.trim_end() == "//! ```").count() >= 1;
        if !drawn {
            let message = "a flow opens with `//!` and a ```text picture of its states: the \
                           reader sees the whole before the parts";
            findings.push(Finding::new(&path, 1, message));
        }
    }
    findings
}

/// Names one of our folders and is no command or placeholder.
fn is_path(text: &str) -> bool {
    let plain = !text.contains([' ', '<', '…', '$', '|', '(']);
    plain && FOLDERS.iter().any(|folder| text.starts_with(folder))
}

/// `a/{b,c}.rs` names two paths. One pair of braces is all that documents use.
fn alternatives(text: &str) -> Vec<String> {
    let cut = text.split_once('{').and_then(|(before, rest)| {
        rest.split_once('}').map(|(inside, after)| (before, inside, after))
    });
    match cut {
        Some((before, inside, after)) => {
            inside.split(',').map(|one| format!("{before}{one}{after}")).collect()
        }
        None => vec![text.to_owned()],
    }
}

/// `*` stands for any part of a path; `:12` at the end for a line of the file, `::name` for
/// a function of it.
fn exists(tree: &Tree, named: &str) -> bool {
    if let Some((path, name)) = named.split_once("::") {
        return tree.text(path).is_some_and(|text| text.contains(&format!("fn {name}(")));
    }
    let path = named.split(':').next().unwrap_or(named);
    match path.split_once('*') {
        None => tree.has(path),
        Some((before, after)) => tree.files().any(|(file, _)| {
            let after = after.trim_start_matches('*');
            file.strip_prefix(before).is_some_and(|rest| rest.contains(after))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGINE: (&str, &str) = ("crates/engine/src/lib.rs", "pub async fn start() {}");

    #[test]
    fn paths_that_are_not_there_are_found() {
        let cases = [
            ("see `crates/engine/src/lib.rs` and `crates/engine`", 0),
            ("`crates/engine/src/lib.rs:12`, `crates/*/src/lib.rs`", 0),
            ("`crates/engine/src/lib.rs::start`", 0),
            ("`crates/engine/src/lib.rs::star`, `crates/gone.rs::start`", 2),
            ("`crates/engine/src/{lib,gone}.rs`", 1),
            ("`crates/gone/`, `docs/gone.md`", 2),
            ("`crates/*/gone.rs`", 1),
            ("crates/gone without backticks, `no/path/of/ours`, `docs/<name>.md`", 0),
            ("```\n`crates/gone`\n```", 0),
        ];
        for (text, found) in cases {
            let tree = Tree::of(&[("README.md", text), ENGINE]);
            assert_eq!(paths(&tree).len(), found, "{text}");
        }
    }

    #[test]
    fn strays_are_found() {
        let tree = Tree::of(&[("README.md", ""), ("NOTES.md", ""), ("docs/notes.md", "")]);
        let found: Vec<_> = strays(&tree).into_iter().map(|finding| finding.file).collect();
        assert_eq!(found, ["NOTES.md"]);
    }

    #[test]
    fn a_flow_without_its_picture_is_found() {
        let drawn = "//! Points to a coupon.\n//!\n//! ```text\n//! a -> b\n//! ```\nuse a;";
        let conversion = "crates/domain/src/conversion.rs";
        let reversal = "crates/domain/src/reversal.rs";
        let cases = [
            (vec![(conversion, drawn)], 0),
            (vec![(conversion, "//! Points to a coupon.\nuse a;\n//! ```text\n//! ```")], 1),
            (vec![(conversion, "//! ```text\n//! a -> b\nuse a;")], 1),
            (vec![(conversion, drawn), (reversal, "use a;")], 1),
            (vec![(reversal, drawn)], 1),
        ];
        for (files, found) in cases {
            assert_eq!(pictures(&Tree::of(&files)).len(), found, "{files:?}");
        }
    }
}
