//! What was meant for later and would be shipped.

use super::Finding;
use super::tree::Tree;

/// In code. Clippy finds them too, but only in what is compiled on this machine.
const MACROS: &[&str] = &["todo!", "unimplemented!", "dbg!("];

/// In comments and in what is not Rust; written so that this file does not find itself.
const MARKS: &[&str] = &[concat!("FIX", "ME"), concat!("XX", "X:")];

/// Unfinished work goes into an issue, where somebody sees it.
pub fn leftovers(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.rust("") {
        search(path, &source.code, MACROS, &mut findings);
        search(path, &source.comments, MARKS, &mut findings);
    }
    for (path, text) in tree.ending(&["js", "css", "html", "sql", "graphql", "toml", "md", "ftl"]) {
        search(path, text, MARKS, &mut findings);
    }
    findings
}

fn search(path: &str, text: &str, words: &[&str], findings: &mut Vec<Finding>) {
    for (at, line) in text.lines().enumerate() {
        for word in words.iter().filter(|word| line.contains(**word)) {
            let message = format!("`{word}` is left over: finish it, or open an issue");
            findings.push(Finding::new(path, at + 1, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_found() {
        let cases = [
            ("a.rs", "fn a() { todo!() }", 1),
            ("a.rs", "fn a() {\n    dbg!(1);\n    unimplemented!()\n}", 2),
            ("a.rs", concat!("// FIX", "ME: later"), 1),
            ("a.rs", "fn a() -> &'static str { \"todo! dbg!(\" } // not todo! in a comment", 0),
            ("a.js", concat!("// FIX", "ME: later"), 1),
            ("a.js", "todo!", 0),
        ];
        for (path, text, found) in cases {
            assert_eq!(leftovers(&Tree::of(&[(path, text)])).len(), found, "{text}");
        }
    }
}
