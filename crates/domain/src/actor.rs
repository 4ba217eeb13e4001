//! Who does something: recorded by the system, never typed.

use serde::{Deserialize, Serialize};

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    Staff {
        id: i64,
        name: String,
    },
    /// The coupon's owner.
    Customer,
    /// Kaeru itself, by a rule.
    System,
}

impl Actor {
    pub const fn kind(&self) -> &'static str {
        match self {
            Actor::Staff { .. } => "staff",
            Actor::Customer => "customer",
            Actor::System => "system",
        }
    }

    /// The name that people are shown; `None` where there is nobody to name.
    pub fn name(&self) -> Option<&str> {
        match self {
            Actor::Staff { name, .. } => Some(name),
            Actor::Customer | Actor::System => None,
        }
    }
}
