//! `userErrors`: a mutation that Shopify understood and did not execute.

use crate::outcome::Stop;
use domain::Refusal;

/// A user error, whichever mutation it came from.
#[derive(Debug)]
pub struct UserError {
    /// Shopify's code; some errors have none.
    pub code: Option<String>,
    /// The path to the argument that is wrong.
    pub field: Vec<String>,
    pub message: String,
    /// `elementIndex`, where the mutation takes several rows.
    pub element: Option<usize>,
}

/// # Errors
/// The first user error: the mutation was not executed.
pub fn none_of<E: Into<UserError>>(errors: Vec<E>) -> Result<(), UserError> {
    errors.into_iter().next().map_or(Ok(()), |error| Err(error.into()))
}

impl UserError {
    /// Which row of several it is about. Shopify leaves `elementIndex` empty, so the path tells.
    pub fn row(&self) -> Option<usize> {
        self.element.or_else(|| self.field.get(1)?.parse().ok())
    }

    /// The coupon that was to be changed does not exist.
    pub fn is_gone(&self) -> bool {
        self.field == ["id"] && self.message.contains("does not exist")
    }

    pub fn is_owner_gone(&self) -> bool {
        self.field.last().is_some_and(|field| field == "ownerId")
            && self.message.contains("does not exist")
    }

    /// The metafield is no longer as it was read.
    pub fn is_stale(&self) -> bool {
        matches!(self.code.as_deref(), Some("STALE_OBJECT" | "INVALID_COMPARE_DIGEST"))
    }

    fn is_code_taken(&self) -> bool {
        self.code.as_deref() == Some("TAKEN")
            && self.field.last().is_some_and(|field| field == "code")
    }
}

impl From<UserError> for Stop {
    fn from(error: UserError) -> Self {
        if error.is_code_taken() {
            return Stop::Refused(Refusal::CodeTaken);
        }
        tracing::debug!(code = error.code, field = ?error.field, "refused by Shopify");
        Stop::other(error.code.unwrap_or_else(|| "user_error".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_errors_are_told_apart() {
        let rows: [(&[&str], _, _, &[&str]); 8] = [
            (&["id"], Some("INVALID"), "Code discount does not exist.", &["gone"]),
            (&["id"], None, "Discount does not exist", &["gone"]),
            (&["metafields", "0", "ownerId"], Some("INVALID_VALUE"), GONE_OWNER, &["owner gone"]),
            (&["metafields", "0"], Some("STALE_OBJECT"), "It has been updated", &["stale"]),
            (&["metafields", "0"], Some("INVALID_COMPARE_DIGEST"), "Invalid", &["stale"]),
            (&["basicCodeDiscount", "code"], Some("TAKEN"), "Must be unique.", &["taken"]),
            (&["basicCodeDiscount", "title"], Some("TAKEN"), "Must be unique.", &[]),
            (&["basicCodeDiscount", "endsAt"], Some("INVALID"), "Ends at needs to be", &[]),
        ];
        for (field, code, message, expected) in rows {
            let error = UserError {
                code: code.map(str::to_owned),
                field: field.iter().map(|part| (*part).to_owned()).collect(),
                message: message.to_owned(),
                element: None,
            };
            let meanings = [
                ("gone", error.is_gone()),
                ("owner gone", error.is_owner_gone()),
                ("stale", error.is_stale()),
                ("taken", error.is_code_taken()),
            ];
            let is: Vec<&str> =
                meanings.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
            assert_eq!(is, expected, "{error:?}");
        }
    }

    const GONE_OWNER: &str = "Owner does not exist.";
}
