//! «Points from your cancelled order have been returned.»

use super::{Letter, Reader, format};
use domain::{At, Money};

/// What came back of an order, by the number that the customer knows it by: points, store credit,
/// or both. `until`: the points are good so long, where the points book told.
pub fn letter(
    reader: &Reader,
    order: &str,
    (points, until): (i64, Option<At>),
    credit: Option<Money>,
    balance: Option<i64>,
) -> Letter {
    let language = reader.language;
    let mut rows: Vec<_> = reader.recipient().into_iter().collect();
    rows.push(reader.row("mail-row-order", order.to_owned()));
    if points > 0 {
        rows.push(reader.row("mail-row-returned", format::points(language, points)));
        let until = until.map(|at| format::date(language, at, &reader.zone));
        rows.extend(until.map(|until| reader.row("mail-row-until", until)));
    }
    let credit = credit.map(|credit| format::money(language, credit));
    if let Some(credit) = &credit {
        rows.push(reader.row("mail-row-returned-credit", credit.clone()));
    }
    rows.extend(reader.balance(balance));
    let count = format::number(points);
    match credit {
        Some(credit) if points == 0 => {
            let lead = language.text_with("mail-reversed-lead-credit", &[("amount", &credit)]);
            let subject = reader.text("mail-reversed-subject-credit");
            reader.letter(subject, lead, rows, String::new())
        }
        credit => {
            let lead = match credit {
                Some(credit) => {
                    let values = [("points", count.as_str()), ("amount", credit.as_str())];
                    language.text_with("mail-reversed-lead-both", &values)
                }
                None => language.text_with("mail-reversed-lead", &[("points", &count)]),
            };
            let after = reader.text("mail-reversed-after");
            reader.letter(reader.text("mail-reversed-subject"), lead, rows, after)
        }
    }
}
