//! Just enough of Rust's grammar to tell code from comments and strings.

/// A Rust file, taken apart. All texts keep the lines and columns of the original; what is left out
/// is blank.
pub struct Source {
    /// Without comments and without the insides of strings.
    pub code: String,
    /// Only comments.
    pub comments: String,
    /// Each string literal, with the line (from 1) on which it begins.
    pub strings: Vec<(usize, String)>,
}

impl Source {
    /// Takes a file apart. Never fails: what is no Rust gives nonsense, not an error.
    pub fn parse(text: &str) -> Self {
        let mut lexer = Lexer { rest: text, line: 1, source: Self::empty() };
        while lexer.next() {}
        lexer.source
    }

    fn empty() -> Self {
        Self { code: String::new(), comments: String::new(), strings: Vec::new() }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    source: Source,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Inside,
}

impl Lexer<'_> {
    fn next(&mut self) -> bool {
        let rest = self.rest;
        let Some(first) = rest.chars().next() else { return false };
        if rest.starts_with("//") {
            self.take(rest.find('\n').unwrap_or(rest.len()), Kind::Comment);
        } else if rest.starts_with("/*") {
            self.take(block_comment(rest), Kind::Comment);
        } else if let Some((open, inside)) = string(rest) {
            self.take(open, Kind::Code);
            self.source.strings.push((self.line, self.rest[..inside].to_owned()));
            self.take(inside, Kind::Inside);
            let close = self.rest.find('"').map_or(self.rest.len(), |at| at + 1);
            self.take(close, Kind::Code);
        } else if let Some(length) = character(rest) {
            self.take(length, Kind::Inside);
        } else if first.is_alphanumeric() || first == '_' {
            // A whole word, so that the `r` of `for"` begins no raw string.
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            self.take(end.unwrap_or(rest.len()), Kind::Code);
        } else {
            self.take(first.len_utf8(), Kind::Code);
        }
        true
    }

    fn take(&mut self, length: usize, kind: Kind) {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        for c in taken.chars() {
            self.line += usize::from(c == '\n');
            let blank = if c == '\n' { '\n' } else { ' ' };
            self.source.code.push(if kind == Kind::Code { c } else { blank });
            self.source.comments.push(if kind == Kind::Comment { c } else { blank });
        }
    }
}

/// Lengths of a string's opening and of its inside, when one begins here.
fn string(text: &str) -> Option<(usize, usize)> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        text.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(['"', '#']))
    })?;
    let after = &text[prefix.len()..];
    if !prefix.contains('r') {
        let inside = after.strip_prefix('"')?;
        return Some((prefix.len() + 1, escaped(inside, '"')));
    }
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inside = after[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    Some((prefix.len() + hashes + 1, inside.find(&close).unwrap_or(inside.len())))
}

/// Length up to the closing quote that no backslash hides.
fn escaped(text: &str, quote: char) -> usize {
    let mut hidden = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if hidden => hidden = false,
            '\\' => hidden = true,
            c if c == quote => return at,
            _ => {}
        }
    }
    text.len()
}

/// Length of a character literal; `None` for a lifetime.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    let mut chars = inside.chars();
    let first = chars.next()?;
    if first == '\\' {
        return Some(escaped(inside, '\'') + 2);
    }
    (chars.next() == Some('\'')).then(|| first.len_utf8() + 2)
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn code_comments_and_strings_are_told_apart() {
        let cases = [
            ("let a = 1; // b", "let a = 1;     ", &[][..]),
            ("a /* x /* y */ z */ b", "a                   b", &[]),
            (r#"f("a // b", 'c')"#, r#"f("      ",    )"#, &["a // b"]),
            (r#"f("\"}", '"', '\'')"#, r#"f("   ",    ,     )"#, &[r#"\"}"#]),
            (r##"r#"a"b"# + br"c\" "##, r##"r#"   "# + br"  " "##, &[r#"a"b"#, r"c\"]),
            ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)", &[]),
            ("'é' 'a", "    'a", &[]),
        ];
        for (text, code, strings) in cases {
            let source = Source::parse(text);
            assert_eq!(source.code.trim_end(), code.trim_end(), "{text}");
            let found: Vec<_> = source.strings.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(found, strings, "{text}");
        }
    }

    #[test]
    fn lines_are_kept() {
        let source = Source::parse("a\n/* b\nc */ \"d\ne\" f\n// g");
        assert_eq!(source.strings, [(3, "d\ne".to_owned())]);
        assert_eq!(source.code.lines().nth(3).map(str::trim), Some("\" f"));
        assert_eq!(source.comments.lines().nth(4), Some("// g"));
    }
}
