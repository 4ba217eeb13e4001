//! Webhooks out: signed, queued in the journal, sent until they are taken.
//!
//! A message is committed together with the change that it tells of, so a killed sandbox sends it
//! after its next start. Retries follow Shopify's number on a shorter scale; its eight take four
//! hours, these about two minutes. Order is not kept across retries, as at Shopify.

mod bodies;
mod queue;
mod sender;
mod sign;

pub use bodies::Bodies;
pub use queue::{Message, announce};
pub use sender::Sender;
pub use sign::id;
