//! To staff who may approve: what another asked for.

use super::{super::letter::Button, Letter, Reader, format};
use crate::store::approvals::Approval;

/// A request that waits. `place`: where it is settled.
pub fn letter(reader: &Reader, approval: &Approval, place: String) -> Letter {
    let language = reader.language;
    let rows = vec![
        reader.row("mail-alert-row-shop", reader.shop.clone()),
        reader.row("mail-row-order", approval.name.clone()),
        reader.row("mail-approval-row-worth", format::points(language, approval.worth)),
        reader.row("mail-approval-row-by", approval.asked_name.clone()),
        reader
            .row("mail-approval-row-at", format::moment(language, approval.asked_at, &reader.zone)),
    ];
    let values = [("order", approval.name.as_str())];
    let subject = language.text_with("mail-approval-subject", &values);
    let threshold = format::points(language, approval.threshold);
    let lead = language.text_with("mail-approval-lead", &[("threshold", &threshold)]);
    let letter = reader.letter(subject, lead, rows, String::new());
    let button = Button { label: reader.text("mail-approval-button"), url: place };
    Letter { contact: None, button: Some(button), why: reader.text("mail-approval-why"), ..letter }
}
