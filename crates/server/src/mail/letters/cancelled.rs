//! «Your coupon has been cancelled.»

use super::{Letter, Reader, format};
use domain::Terms;

/// The points are back, `balance` with them; or the code is dead and they stay away.
pub fn letter(reader: &Reader, terms: &Terms, refunded: bool, balance: Option<i64>) -> Letter {
    let language = reader.language;
    let count = terms.points.get();
    let issued = format::date(language, terms.created_at, &reader.zone);
    let mut rows: Vec<_> = reader.recipient().into_iter().collect();
    rows.push(reader.code("mail-cancelled-row-code", terms.code.as_str()));
    rows.push(reader.row("mail-row-amount", format::off(language, terms.amount)));
    rows.push(reader.row("mail-row-issued", issued));
    let lead = if refunded {
        rows.push(reader.row("mail-row-refunded", format::points(language, count)));
        language.text_with("mail-cancelled-lead", &[("points", &format::number(count))])
    } else {
        reader.text("mail-cancelled-lead-kept")
    };
    rows.extend(reader.balance(balance));
    let after = reader.text("mail-cancelled-after");
    reader.letter(reader.text("mail-cancelled-subject"), lead, rows, after)
}
