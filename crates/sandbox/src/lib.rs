//! The other side: a real-HTTP Shopify and a real-HTTP POS with books of their own, and a
//! switchboard that breaks them on purpose. For demos, tests and benches.
//!
//! ```text
//!   kaeru ──HTTP──▶ shopify/  ┐                      ┌─ journal (what was answered survives)
//!                             ├─ perform ─▶ books/ ──┤
//!   kaeru ──HTTP──▶ pos/      ┘    ▲                 └─ the other side's truth, compared with ours
//!                                  │ faults, latency, counters
//!   a person or a test ──▶ switchboard/
//! ```
//!
//! It imports none of the other crates, so that it cannot share their mistakes.

mod acts;
mod books;
mod bucket;
mod calls;
mod clock;
mod faults;
mod latency;
mod options;
mod perform;
mod pos;
mod reply;
mod settings;
mod shopify;
mod switchboard;
mod webhooks;

use std::sync::Arc;

use axum::Router;

pub use books::JournalError;
pub use options::{Bucket, Options};

/// The whole other side. Cheap to clone; all clones share the same books.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    settings: settings::Settings,
    books: books::Ledgers,
    graphql: shopify::Graphql,
    bucket: bucket::LeakyBucket,
    faults: faults::Faults,
    latency: latency::Latency,
    counters: calls::Counters,
    sender: webhooks::Sender,
}

/// Why the sandbox could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal could not be read or written.
    #[error("the sandbox's journal: {0}")]
    Journal(#[from] JournalError),
    /// The embedded Admin schema does not parse: a fault of this crate.
    #[error("the sandbox's Admin schema: {0}")]
    Schema(String),
    /// The HTTP client that sends webhooks cannot be set up.
    #[error("the sandbox's HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

impl Sandbox {
    /// Opens the books: from the journal when `options.journal` names a file that has entries,
    /// else with the demo customers.
    ///
    /// # Errors
    /// When the journal cannot be read, is damaged before its last line, or cannot be written.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let inner = Inner {
            settings: settings::Settings::new(&options),
            books: books::Ledgers::open(options.journal.as_deref())?,
            graphql: shopify::Graphql::new().map_err(OpenError::Schema)?,
            bucket: bucket::LeakyBucket::new(options.bucket),
            faults: faults::Faults::default(),
            latency: latency::Latency::default(),
            counters: calls::Counters::default(),
            sender: webhooks::Sender::new()?,
            options,
        };
        let sandbox = Self { inner: Arc::new(inner) };
        sandbox.aim()?;
        sandbox.inner.sender.wake(&sandbox);
        Ok(sandbox)
    }

    /// Points the webhooks where the options say; where they say nothing, the journal's word
    /// stands.
    fn aim(&self) -> Result<(), JournalError> {
        let options = &self.inner.options;
        self.inner.books.with(|open| {
            let before = &open.books().webhooks.target;
            if options.webhook_url.is_none() && !before.secret.is_empty() {
                return Ok(());
            }
            let (url, secret) = (options.webhook_url.clone(), options.webhook_secret.clone());
            let target = books::Target { url, secret };
            if target == *before {
                return Ok(());
            }
            Ok(open.commit(books::Entry::WebhookTarget(target))?)
        })
    }

    /// Everything: Shopify under `/admin`, the POS under `/pos`, the switchboard under `/sandbox`.
    pub fn router(&self) -> Router {
        shopify::router(self.clone()).merge(pos::router(self.clone())).merge(self.switchboard())
    }

    /// Only the switchboard: `/sandbox` and `/sandbox/api/…`.
    pub fn switchboard(&self) -> Router {
        switchboard::router(self.clone())
    }
}
