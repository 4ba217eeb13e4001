//! Mail: what the outbox holds becomes letters, and goes to an SMTP server or into a folder.
//!
//! ```text
//!   outbox ─▶ sender ─▶ compose ─▶ letters/* ─▶ letter (text, HTML) ─▶ transport
//!                          └─▶ the address, read at Shopify now; neither stored nor logged
//! ```
//!
//! Nothing waits for a mail, and no flow hears of one. An attempt is made by one process; a server
//! that took the message and whose answer was lost gets it again, under the same Message-ID.

pub mod compose;
mod format;
pub mod letter;
pub mod letters;
mod place;
pub mod sender;
mod transport;

pub use letter::Letter;
pub use place::Place;
pub use transport::Failure;

use domain::At;
use lettre::{
    Message,
    message::{Mailbox, MultiPart, header::HeaderName, header::HeaderValue},
};
use std::{path::Path, time::Duration};
use transport::Transport;

/// The `[mail]` section, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    pub place: Place,
    pub from: Mailbox,
    /// Where answers go, where it is not the sender.
    pub reply_to: Option<Mailbox>,
    /// Who hears of what needs a person.
    pub admins: Vec<Mailbox>,
}

/// Makes messages of letters, and hands them over.
#[derive(Clone)]
pub struct Mailer {
    from: Mailbox,
    reply_to: Option<Mailbox>,
    pub admins: Vec<Mailbox>,
    transport: Transport,
}

impl Mailer {
    /// # Errors
    /// Where the folder cannot be made, or TLS cannot begin.
    pub fn open(settings: Settings) -> anyhow::Result<Self> {
        let Settings { place, from, reply_to, admins } = settings;
        Ok(Self { from, reply_to, admins, transport: Transport::open(place)? })
    }

    /// Who the letters are from; `None` where the address alone says so.
    pub fn name(&self) -> Option<&str> {
        self.from.name.as_deref()
    }

    /// Where people ask.
    pub fn contact(&self) -> String {
        self.reply_to.as_ref().unwrap_or(&self.from).email.to_string()
    }

    /// The part of a Message-ID that is ours.
    pub fn domain(&self) -> &str {
        self.from.email.domain()
    }

    /// The folder that mails are written to, where it is one.
    pub fn folder(&self) -> Option<&Path> {
        match &self.transport {
            Transport::Folder(folder) => Some(folder),
            Transport::Smtp(_) => None,
        }
    }

    /// Asks whether mail could leave now. Nothing is sent.
    ///
    /// # Errors
    /// Why it could not.
    pub async fn reach(&self) -> Result<(), Failure> {
        self.transport.reach().await
    }

    /// Hands the letter over, once.
    ///
    /// # Errors
    /// Where it was not taken, or nobody can tell.
    pub async fn deliver(
        &self,
        letter: &Letter,
        to: Mailbox,
        message_id: &str,
        at: At,
    ) -> Result<(), Failure> {
        let message = self.message(letter, to, message_id, at)?;
        self.transport.send(message_id, &message).await
    }

    fn message(
        &self,
        letter: &Letter,
        to: Mailbox,
        message_id: &str,
        at: At,
    ) -> Result<Message, Failure> {
        let unwritable = |_| Failure::Never("message");
        let text = letter.text().map_err(|_| Failure::Never("template"))?;
        let html = letter.html().map_err(|_| Failure::Never("template"))?;
        let since = Duration::from_micros(u64::try_from(at.0).unwrap_or(0));
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(&letter.subject)
            .date(std::time::UNIX_EPOCH + since)
            .message_id(Some(message_id.to_owned()));
        if let Some(reply_to) = &self.reply_to {
            message = message.reply_to(reply_to.clone());
        }
        let mut message =
            message.multipart(MultiPart::alternative_plain_html(text, html)).map_err(unwritable)?;
        // Nobody's absence note is to come back.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(automatic, "auto-generated".to_owned()));
        Ok(message)
    }
}
