//! «Your coupon expires on …»

use super::{Letter, Reader, format};
use domain::Terms;

/// A reminder of an unused coupon's end.
pub fn letter(reader: &Reader, terms: &Terms) -> Letter {
    let language = reader.language;
    let until = format::date(language, terms.expires_at, &reader.zone);
    let rows = vec![
        reader.row("mail-row-amount", format::off(language, terms.amount)),
        reader.row("mail-row-until", until.clone()),
    ];
    let values = [("date", until.as_str())];
    let subject = language.text_with("mail-reminder-subject", &values);
    let amount = format::money(language, terms.amount);
    let lead = language.text_with("mail-reminder-lead", &[("amount", &amount)]);
    let after = language.text_with("mail-reminder-after", &values);
    let letter = reader.letter(subject, lead, rows, after);
    Letter { code: Some(terms.code.to_string()), ..letter }
}
