//! Every letter that Kaeru writes.

pub mod alert;
pub mod approval;
pub mod cancelled;
pub mod expiring;
pub mod issued;
pub mod reversed;

use super::{
    format,
    letter::{Contact, Letter, Row},
};
use crate::i18n::Language;
use jiff::tz::TimeZone;

/// Who reads it, and who writes.
#[derive(Clone, Debug)]
pub struct Reader {
    pub language: Language,
    pub name: Option<String>,
    /// Of the shop: dates are told there.
    pub zone: TimeZone,
    pub shop: String,
    /// Where they ask.
    pub contact: String,
}

impl Reader {
    fn text(&self, name: &str) -> String {
        self.language.text(name)
    }

    fn row(&self, label: &str, value: String) -> Row {
        Row { label: self.text(label), value, code: false }
    }

    fn code(&self, label: &str, code: &str) -> Row {
        Row { label: self.text(label), value: code.to_owned(), code: true }
    }

    /// The recipient's row, where the name is known.
    fn recipient(&self) -> Option<Row> {
        Some(self.row("mail-row-recipient", self.name.clone()?))
    }

    /// The balance's row, where it is known.
    fn balance(&self, balance: Option<i64>) -> Option<Row> {
        Some(self.row("mail-row-balance", format::points(self.language, balance?)))
    }

    fn letter(&self, subject: String, lead: String, rows: Vec<Row>, after: String) -> Letter {
        let greeting = match &self.name {
            Some(name) => self.language.text_with("mail-greeting", &[("name", name)]),
            None => self.text("mail-greeting-nobody"),
        };
        // The address stands at the end in every language; the page makes a link of it.
        let before = self.language.text_with("mail-contact", &[("contact", "")]);
        Letter {
            language: self.language,
            shop: self.shop.clone(),
            heading: subject.clone(),
            subject,
            greeting: Some(greeting),
            lead,
            code: None,
            rows,
            after,
            button: None,
            contact: Some(Contact { before, address: self.contact.clone() }),
            why: self.text("mail-why"),
        }
    }
}

#[cfg(test)]
mod tests;
