//! A letter of any kind, and its two faces: text and HTML.

use crate::i18n::Language;
use askama::Template;

/// A line of the letter's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub label: String,
    pub value: String,
    /// A code: to be read letter by letter.
    pub code: bool,
}

/// Where a button leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    pub label: String,
    pub url: String,
}

/// What is said, in the reader's language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub language: Language,
    /// Who it is from, as people know it.
    pub shop: String,
    pub subject: String,
    /// What the letter begins with: mostly the subject.
    pub heading: String,
    /// To the reader by name; `None` to admins.
    pub greeting: Option<String>,
    pub lead: String,
    /// The code to use, where there is one: shown large.
    pub code: Option<String>,
    pub rows: Vec<Row>,
    /// May be empty.
    pub after: String,
    pub button: Option<Button>,
    /// How to ask.
    pub contact: Option<Contact>,
    /// Why it was sent.
    pub why: String,
}

/// Where people ask, and the sentence around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub before: String,
    pub address: String,
}

#[derive(Template)]
#[template(path = "mail/letter.html", whitespace = "preserve")]
struct Html<'a> {
    letter: &'a Letter,
    fonts: &'static str,
}

#[derive(Template)]
#[template(path = "mail/letter.txt", whitespace = "preserve")]
struct Text<'a> {
    letter: &'a Letter,
}

/// The same Han character is drawn in the reader's own shape.
const fn fonts(language: Language) -> &'static str {
    match language {
        Language::English => "-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif",
        Language::Japanese => {
            "-apple-system,'Hiragino Sans','Yu Gothic UI','Noto Sans JP','Noto Sans CJK JP',Meiryo,\
             sans-serif"
        }
        Language::Chinese => {
            "-apple-system,'PingFang TC','Microsoft JhengHei','Noto Sans TC','Noto Sans CJK TC',\
             sans-serif"
        }
    }
}

impl Letter {
    /// # Errors
    /// Where the template fails.
    pub fn html(&self) -> askama::Result<String> {
        Html { letter: self, fonts: fonts(self.language) }.render()
    }

    /// # Errors
    /// Where the template fails.
    pub fn text(&self) -> askama::Result<String> {
        Text { letter: self }.render()
    }
}
