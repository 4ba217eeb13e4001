//! The POS's points book.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;

#[derive(Debug, Clone, Default)]
pub struct Account {
    pub balance: i64,
    /// In the order in which they happened. The same reference may stand here twice: a plain POS
    /// does not look at it.
    pub movements: Vec<Movement>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Movement {
    pub reference: String,
    /// Signed: negative takes points.
    pub amount: i64,
    pub reason: String,
    /// After the movement.
    pub balance: i64,
    pub at: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// An answer that is kept under its idempotency key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answered {
    pub key: String,
    /// SHA-256 of the path and the body.
    pub fingerprint: String,
    pub status: u16,
    pub body: String,
}

/// Accounts by the customer's id at the POS.
pub type Accounts = BTreeMap<String, Account>;
