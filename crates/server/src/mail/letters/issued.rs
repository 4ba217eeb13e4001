//! «Your coupon is ready»; «Here is a new coupon», where it takes the place of a used one.

use super::{super::letter::Row, Letter, Reader, format};
use domain::Terms;

/// The conversion's receipt, with the code to use.
pub fn letter(reader: &Reader, terms: &Terms, balance: Option<i64>) -> Letter {
    let language = reader.language;
    let until = format::date(language, terms.expires_at, &reader.zone);
    let mut rows = vec![
        reader.row("mail-row-amount", format::off(language, terms.amount)),
        reader.row("mail-row-used", format::points(language, terms.points.get())),
        reader.row("mail-row-until", until),
    ];
    if let Some(replaced) = &terms.replaces {
        return replacement(reader, terms, replaced.code.as_str(), rows);
    }
    rows.extend(reader.balance(balance));
    let values = [
        ("points", format::number(terms.points.get())),
        ("amount", format::money(language, terms.amount)),
    ];
    let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
    let lead = language.text_with("mail-issued-lead", &values);
    let after = reader.text("mail-issued-after");
    let letter = reader.letter(reader.text("mail-issued-subject"), lead, rows, after);
    Letter { code: Some(terms.code.to_string()), ..letter }
}

/// The order that had used the old one was cancelled.
fn replacement(reader: &Reader, terms: &Terms, old: &str, mut rows: Vec<Row>) -> Letter {
    let language = reader.language;
    rows.push(reader.code("mail-row-replaced", old));
    let amount = format::money(language, terms.amount);
    let lead = language.text_with("mail-replaced-lead", &[("amount", &amount)]);
    let after = reader.text("mail-issued-after");
    let letter = reader.letter(reader.text("mail-replaced-subject"), lead, rows, after);
    Letter { code: Some(terms.code.to_string()), ..letter }
}
