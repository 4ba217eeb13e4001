//! The codes of a job, as people hand them over: a list, or a file that a spreadsheet wrote.

use std::collections::BTreeSet;

/// A job takes at most so many rows.
pub const MOST: usize = 10_000;
/// Longer than any code of ours.
pub const LONGEST: usize = 255;

/// Each code once, in the order of its first appearance, as they are stored.
///
/// # Errors
/// Where there is none, too many, or something that is no code: what to do about it.
pub fn check<'a>(codes: impl IntoIterator<Item = &'a str>) -> Result<Vec<String>, String> {
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for code in codes {
        let code = code.trim().to_uppercase();
        if code.is_empty() {
            continue;
        }
        if code.len() > LONGEST || code.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("codes: a code is one word of at most 255 letters".to_owned());
        }
        if seen.insert(code.clone()) {
            kept.push(code);
        }
        if kept.len() > MOST {
            return Err(format!("codes: at most {MOST} in one job; make two of it"));
        }
    }
    if kept.is_empty() {
        return Err("codes: name at least one".to_owned());
    }
    Ok(kept)
}

/// The codes in a CSV file: the column named `code`, else the first one.
///
/// # Errors
/// Where it is no CSV, and as [`check`].
pub fn from_csv(text: &str) -> Result<Vec<String>, String> {
    // Spreadsheets put a mark before the first letter.
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut column = 0;
    let mut codes = Vec::new();
    for (line, record) in reader.records().enumerate() {
        let record = record.map_err(|error| format!("csv: line {}: {error}", line + 1))?;
        if line == 0 {
            let named = record.iter().position(|name| name.eq_ignore_ascii_case("code"));
            if let Some(named) = named {
                column = named;
                continue;
            }
        }
        codes.push(record.get(column).unwrap_or_default().to_owned());
    }
    check(codes.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_as_spreadsheets_write_them() {
        for (text, codes) in [
            ("A-1\nB-2\n", vec!["A-1", "B-2"]),
            ("code\r\na-1\r\n\r\nB-2\r\n", vec!["A-1", "B-2"]),
            ("\u{feff}customer,Code,amount\n12345, a-1 ,500\n1,\"B-2\",\n", vec!["A-1", "B-2"]),
            ("A-1,first\nB-2\na-1,again\n", vec!["A-1", "B-2"]),
        ] {
            assert_eq!(from_csv(text).unwrap(), codes, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_list_of_codes_is_refused() {
        let many = vec!["A\n"; MOST + 1];
        let many: String = many.iter().enumerate().map(|(n, a)| format!("{n}{a}")).collect();
        for (text, said) in [
            (String::new(), "at least one"),
            ("code\n".to_owned(), "at least one"),
            ("A 1\n".to_owned(), "one word"),
            ("A".repeat(256), "one word"),
            (many, "at most 10000"),
        ] {
            let error = from_csv(&text).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
