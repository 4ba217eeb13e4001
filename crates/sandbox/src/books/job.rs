//! What Shopify promises and does later.

use serde::{Deserialize, Serialize};

use super::order::CancelledBy;
use crate::clock::{Millis, Seconds};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Of the `Job` gid: a UUID.
    pub id: String,
    pub due_at: Millis,
    pub work: Work,
    pub done: Option<Done>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    Cancel(Cancel),
    /// Store credit that paid for a cancelled order goes back by itself.
    RevertCredit {
        order: u64,
    },
    Merge {
        kept: u64,
        deleted: u64,
    },
}

/// An order is to be cancelled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cancel {
    pub order: u64,
    pub by: CancelledBy,
    pub note: Option<String>,
    pub restock: bool,
    pub repay: Repay,
}

/// How what was paid goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repay {
    /// Not; but store credit may go back by itself.
    Nothing,
    /// To where it came from.
    Original,
    /// As store credit: what store credit paid to its lots, the rest as a new lot.
    StoreCredit { expires_at: Option<Seconds> },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    Succeeded,
    Failed(String),
}
