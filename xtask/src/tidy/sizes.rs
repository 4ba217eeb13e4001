//! How much fits on a screen and into a head.

use super::Finding;
use super::tree::Tree;

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;
const COLUMNS: usize = 100;
/// Bytes of the plain file.
/// It travels compressed, in less than 15 KB: a test of the service measures that.
const WIDGET_BYTES: usize = 24_000;

/// A file that does not fit into a head has more than one subject.
pub fn files(tree: &Tree, may_be_long: &[(&str, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(&["rs", "js", "css", "html", "sql"]) {
        let lines = text.lines().count();
        let excused = may_be_long.iter().any(|(file, _)| *file == path);
        if lines > FILE_LINES && !excused {
            let message = format!(
                "{lines} lines, {FILE_LINES} at most: a file is one concept; split it, or excuse \
                 it with a reason in xtask/src/tidy.rs"
            );
            findings.push(Finding::new(path, 0, message));
        }
        if lines <= FILE_LINES && excused {
            let message = "is excused for its length and no longer long: take it off the list";
            findings.push(Finding::new(path, 0, message));
        }
    }
    findings
}

/// A function is read in one piece.
pub fn functions(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.rust("") {
        for (name, line, lines) in lengths(&source.code) {
            if lines > FUNCTION_LINES {
                let message = format!(
                    "`{name}` has {lines} lines, {FUNCTION_LINES} at most: a function is read in \
                     one piece, on one screen; name its parts"
                );
                findings.push(Finding::new(path, line, message));
            }
        }
    }
    findings
}

/// rustfmt leaves long strings and comments alone; two files side by side do not.
pub fn columns(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(&["rs"]) {
        for (at, line) in text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS && !one_name(line) {
                let message = format!(
                    "{columns} columns, {COLUMNS} at most: two files fit side by side; break the \
                     string or the comment"
                );
                findings.push(Finding::new(path, at + 1, message));
            }
        }
    }
    findings
}

/// A generated type's name is as long as the query that it comes from is deep.
fn one_name(line: &str) -> bool {
    let name = line.trim().split([' ', ',']).next().unwrap_or_default();
    name.len() + 20 > COLUMNS && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Every page of a shop loads the widget, many of them over a phone's network.
pub fn widget(tree: &Tree) -> Vec<Finding> {
    let widget = |path: &str| path.starts_with("crates/") && path.ends_with("/widget.js");
    let mut findings = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| widget(path)) {
        if text.len() >= WIDGET_BYTES {
            let message = format!(
                "{} bytes, and a storefront pays for each: less than {WIDGET_BYTES}",
                text.len()
            );
            findings.push(Finding::new(path, 0, message));
        }
    }
    findings
}

/// Name, line and number of lines of each function that has a body.
fn lengths(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut before = ' ';
    for (at, c) in code.char_indices() {
        let starts_word = !before.is_alphanumeric() && before != '_';
        if starts_word && code[at..].starts_with("fn ") {
            let rest = &code[at + 3..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            if let Some(body) = body(rest).filter(|_| !name.is_empty()) {
                let lines = rest[..body].matches('\n').count() + 1;
                found.push((name.to_owned(), line, lines));
            }
        }
        line += usize::from(c == '\n');
        before = c;
    }
    found
}

/// Where the body ends that follows; `None` when there is none (a trait's method, a pointer type).
fn body(after: &str) -> Option<usize> {
    let mut brackets = 0_i32;
    let mut braces = 0_i32;
    for (at, c) in after.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' if brackets == 0 => return None,
            ')' | ']' => brackets -= 1,
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces <= 0 {
                    return (braces == 0).then_some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!("fn long(a: [u8; 4]) {{\n{}}}\n", "    a();\n".repeat(lines - 2))
    }

    #[test]
    fn long_files_are_found_and_stale_excuses_too() {
        let long = "\n".repeat(501);
        let tree = Tree::of(&[("a.rs", &long), ("b.md", &long), ("c.rs", "\n")]);
        let lines = |excused| files(&tree, excused).into_iter().map(|f| f.file).collect::<Vec<_>>();
        assert_eq!(lines(&[]), ["a.rs"]);
        assert_eq!(lines(&[("a.rs", "a reason")]), [""; 0]);
        assert_eq!(lines(&[("a.rs", "a reason"), ("c.rs", "another")]), ["c.rs"]);
    }

    #[test]
    fn long_functions_are_found() {
        for (lines, found) in [(70, 0), (71, 1)] {
            let tree = Tree::of(&[("a.rs", &function(lines))]);
            assert_eq!(functions(&tree).len(), found, "{lines}");
        }
    }

    #[test]
    fn lengths_are_told() {
        let cases = [
            ("trait A { fn a(&self); fn b(&self) {} }", vec![("b", 1, 1)]),
            ("\nfn a() {\n    fn b() {\n    }\n}", vec![("a", 2, 4), ("b", 3, 2)]),
            ("struct A(fn (u8) -> u8, fn(u8));", vec![]),
            ("fn a(f: fn() -> u8)\nwhere\n{\n}", vec![("a", 1, 4)]),
        ];
        for (code, expected) in cases {
            let found = lengths(code);
            let found: Vec<_> = found.iter().map(|(name, a, b)| (name.as_str(), *a, *b)).collect();
            assert_eq!(found, expected, "{code}");
        }
    }

    #[test]
    fn long_lines_are_found() {
        let (fits, long) = ("é".repeat(100), "é".repeat(101));
        let text = format!("{fits}\n{long}\n");
        let tree = Tree::of(&[("a.rs", &text), ("b.md", &long)]);
        let found = columns(&tree);
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_fat_widget_is_found() {
        for (bytes, found) in [(23_999, 0), (24_000, 1)] {
            let tree = Tree::of(&[("crates/server/assets/widget.js", &"x".repeat(bytes))]);
            assert_eq!(widget(&tree).len(), found, "{bytes}");
        }
    }
}
