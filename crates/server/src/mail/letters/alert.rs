//! To the admins: what needs a person.

use super::{
    super::letter::{Button, Row},
    Letter, Reader, format,
};
use crate::store::outbox::Digest;

/// The reasons that have a sentence of their own.
const KNOWN: [&str; 19] = [
    "no_look_up",
    "look_up_down",
    "contradiction",
    "coupon_will_not_die",
    "coupon_will_not_return",
    "not_recorded",
    "refund_refused",
    "usage_unknown",
    "used_after_cancel",
    "used_twice",
    "mail_undelivered",
    "order_not_cancelled",
    "credits_unknown",
    "credit_unclear",
    "credit_twice",
    "not_replaced",
    "customer_data_requested",
    "app_uninstalled",
    "shop_redact_requested",
];

/// The cases of one reason since the last digest; `codes` are the coupons of the first of them.
pub fn letter(reader: &Reader, digest: &Digest, codes: &[String], reviews: String) -> Letter {
    let language = reader.language;
    let known = KNOWN.iter().find(|known| **known == digest.reason);
    let reason = known.map_or("other".to_owned(), |known| known.replace('_', "-"));
    let reason = reader.text(&format!("mail-alert-{reason}"));
    let count = i64::try_from(digest.count).unwrap_or(i64::MAX);
    let shown = format::number(count);
    let moment = |at| format::moment(language, at, &reader.zone);
    let mut rows = vec![
        reader.row("mail-alert-row-shop", reader.shop.clone()),
        reader.row("mail-alert-row-count", shown.clone()),
        reader.row("mail-alert-row-first", moment(digest.first)),
    ];
    if digest.count > 1 {
        rows.push(reader.row("mail-alert-row-last", moment(digest.last)));
    }
    if !codes.is_empty() {
        let mut value = codes.join(", ");
        let more = count - i64::try_from(codes.len()).unwrap_or(0);
        if more > 0 {
            let more = format::number(more);
            value.push_str(", ");
            value.push_str(&language.text_with("mail-alert-more", &[("count", &more)]));
        }
        rows.push(Row { code: true, ..reader.row("mail-alert-row-coupons", value) });
    }
    let values = [("count", shown.as_str()), ("reason", reason.as_str())];
    let subject = language.text_with("mail-alert-subject", &values);
    let lead = reader.text("mail-alert-lead");
    let letter = reader.letter(subject, lead, rows, String::new());
    let button = Button { label: reader.text("mail-alert-button"), url: reviews };
    Letter {
        heading: reason,
        greeting: None,
        contact: None,
        button: Some(button),
        why: reader.text("mail-alert-why"),
        ..letter
    }
}
