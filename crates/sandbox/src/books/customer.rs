//! A customer of the shop, with metafields.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock::Seconds;

#[derive(Debug, Clone)]
pub struct Customer {
    /// The number of the gid.
    pub id: u64,
    pub name: String,
    pub email: Option<String>,
    pub locale: String,
    pub created_at: Seconds,
    pub updated_at: Seconds,
    pub metafields: Vec<Metafield>,
}

impl Customer {
    pub fn metafield(&self, namespace: &str, key: &str) -> Option<&Metafield> {
        self.metafields.iter().find(|field| field.namespace == namespace && field.key == key)
    }

    /// Adds or replaces; the row keeps its place.
    pub fn put(&mut self, field: Metafield) {
        self.updated_at = field.updated_at;
        let place = self
            .metafields
            .iter_mut()
            .find(|row| row.namespace == field.namespace && row.key == field.key);
        match place {
            Some(row) => *row = field,
            None => self.metafields.push(field),
        }
    }

    /// «Yamada Taro»: the family name comes first.
    pub fn last_name(&self) -> Option<&str> {
        self.name.split_whitespace().next()
    }

    pub fn first_name(&self) -> Option<&str> {
        self.name.split_once(char::is_whitespace).map(|(_, rest)| rest.trim())
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Metafield {
    pub id: u64,
    /// Number of the customer's gid.
    pub owner: u64,
    pub namespace: String,
    pub key: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub value: String,
    pub digest: String,
    pub created_at: Seconds,
    pub updated_at: Seconds,
}

impl Metafield {
    /// What `compareDigest` answers: changes whenever the value or its type does.
    pub fn digest_of(kind: &str, value: &str) -> String {
        use std::fmt::Write as _;
        let mut hash = Sha256::new();
        hash.update(kind.as_bytes());
        hash.update([0]);
        hash.update(value.as_bytes());
        let mut hex = String::with_capacity(64);
        for byte in hash.finalize() {
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}
