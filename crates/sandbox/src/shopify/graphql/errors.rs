//! Top-level `errors` of an answer.

use serde_json::{Value, json};

/// One or more top-level errors; the answer then has no `data`.
#[derive(Debug, Clone, PartialEq)]
pub struct Errors(Vec<Value>);

impl Errors {
    pub fn many(errors: Vec<Value>) -> Self {
        Self(errors)
    }

    pub fn one(error: Value) -> Self {
        Self(vec![error])
    }

    /// Something that Shopify can do and the sandbox cannot.
    pub fn not_emulated(what: &str) -> Self {
        Self::one(json!({
            "message": format!("The sandbox does not emulate {what}."),
            "extensions": { "code": "NOT_EMULATED" },
        }))
    }

    pub fn to_json(&self) -> Value {
        json!({ "errors": self.0 })
    }
}
