//! `userErrors`: a mutation's known refusals.

use super::graphql::{Field, Object, Out};

/// An error of a discount or metafield mutation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserError {
    /// Empty: no field.
    pub field: Vec<String>,
    pub code: Option<&'static str>,
    pub message: String,
}

impl UserError {
    pub fn new(field: &[&str], code: &'static str, message: impl Into<String>) -> Self {
        let field = field.iter().map(|part| (*part).to_owned()).collect();
        Self { field, code: Some(code), message: message.into() }
    }

    /// What the fault `refuse` answers: no message that a client may know and act on.
    pub fn refused_on_purpose(field: &str) -> Self {
        Self::new(&[field], "CONFLICT", "Refused at the switchboard.")
    }
}

/// An error as an object of `type_name`.
pub struct Shown<'a>(pub &'static str, pub &'a UserError);

impl Object for Shown<'_> {
    fn type_name(&self) -> &'static str {
        self.0
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "field" if self.1.field.is_empty() => out.null(),
            "field" => out.texts(self.1.field.iter().map(String::as_str)),
            "message" => out.text(&self.1.message),
            "code" => out.maybe(self.1.code),
            // Recorded as null wherever these errors were seen.
            "extraInfo" | "elementIndex" => out.null(),
            _ => out.unanswered(self.0, field),
        }
    }
}
