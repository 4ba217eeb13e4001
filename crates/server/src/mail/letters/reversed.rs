//! «Points from your cancelled order have been returned.»

use super::{Letter, Reader, format};

/// What came back of an order, by the number that the customer knows it by.
pub fn letter(reader: &Reader, order: &str, points: i64, balance: Option<i64>) -> Letter {
    let language = reader.language;
    let mut rows: Vec<_> = reader.recipient().into_iter().collect();
    rows.push(reader.row("mail-row-order", order.to_owned()));
    rows.push(reader.row("mail-row-returned", format::points(language, points)));
    rows.extend(reader.balance(balance));
    let lead = language.text_with("mail-reversed-lead", &[("points", &format::number(points))]);
    let after = reader.text("mail-reversed-after");
    reader.letter(reader.text("mail-reversed-subject"), lead, rows, after)
}
