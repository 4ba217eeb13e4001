//! Names of things. Each is its own type, so that a POS id can never stand where Shopify's is due.

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_id!(
    /// A shop's id in the configuration, such as `main`.
    ShopId
);
text_id!(
    /// A customer at the points book.
    PosId
);
text_id!(
    /// What is printed on the customer's card; the first part of a coupon's code.
    MemberNo
);
text_id!(
    /// A coupon's code, such as `70934-AB12CD-500`: upper case, as Shopify compares without case.
    Code
);
text_id!(
    /// An order: Shopify's number, or the id that another channel gave it, which has no hyphen.
    OrderId
);
text_id!(
    /// Names one movement of points, at Kaeru and in the points book, for ever.
    Reference
);

impl Reference {
    /// The reference of a conversion's deduction.
    pub fn of_conversion(code: &Code) -> Self {
        Self(format!("COUPON-{code}"))
    }

    /// The reference of a cancellation's refund.
    pub fn of_cancellation(code: &Code) -> Self {
        Self(format!("CANCEL-{code}"))
    }

    /// The reference of a reversal's refund. What comes back in parts has one for each.
    pub fn of_reversal(order: &OrderId, code: &Code, part: u32) -> Self {
        match part {
            0 | 1 => Self(format!("ORDER-{order}-{code}")),
            part => Self(format!("ORDER-{order}-{code}/{part}")),
        }
    }

    /// The reference of the spending of store credit that Kaeru holds.
    pub fn of_spending(order: &OrderId) -> Self {
        Self(format!("CREDIT-{order}"))
    }

    /// The reference of what a reversal gives back of that spending. Parts have one for each.
    pub fn of_credit_return(order: &OrderId, part: u32) -> Self {
        match part {
            0 | 1 => Self(format!("ORDER-{order}-CREDIT")),
            part => Self(format!("ORDER-{order}-CREDIT/{part}")),
        }
    }

    /// The reference under which what a reversal gave back is taken again, once its order was
    /// re-opened. Each time has one of its own.
    pub fn of_taking_back(order: &OrderId, code: &Code, part: u32) -> Self {
        match part {
            0 | 1 => Self(format!("REOPEN-{order}-{code}")),
            part => Self(format!("REOPEN-{order}-{code}/{part}")),
        }
    }

    /// The same of store credit that Kaeru holds.
    pub fn of_credit_taken_back(order: &OrderId, part: u32) -> Self {
        Self::of_taking_back(order, &Code::from("CREDIT"), part)
    }

    /// The reference of the deduction that a movement under this one makes once more:
    /// `REOPEN-{order}-{code}` that of `COUPON-{code}`.
    pub fn takes_again(&self) -> Option<Self> {
        let of = self.0.strip_prefix("REOPEN-")?;
        Self(format!("ORDER-{of}")).gives_back()
    }

    /// The reference of the deduction that a movement under this one gives back:
    /// `CANCEL-{code}` and `ORDER-{order}-{code}` give back `COUPON-{code}`, and
    /// `ORDER-{order}-CREDIT` gives back `CREDIT-{order}`.
    pub fn gives_back(&self) -> Option<Self> {
        let whole = |text: &str| text.split_once('/').map_or(text, |(text, _)| text).to_owned();
        let code = match self.0.strip_prefix("CANCEL-") {
            Some(code) => whole(code),
            None => {
                let (order, of) = self.0.strip_prefix("ORDER-")?.split_once('-')?;
                let of = whole(of);
                if of == "CREDIT" {
                    return Some(Self::of_spending(&OrderId::from(order)));
                }
                of
            }
        };
        (!code.is_empty()).then(|| Self(format!("COUPON-{code}")))
    }
}

/// The number of a Shopify customer's gid: `12345` for `gid://shopify/Customer/12345`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CustomerId(pub u64);

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl CustomerId {
    /// Reads `12345` or `gid://shopify/Customer/12345`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("gid://shopify/Customer/").unwrap_or(text);
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if plain { digits.parse().ok().filter(|n| *n > 0).map(Self) } else { None }
    }
}

/// The number of a Shopify discount node's gid. Shopify's REST calls it the price rule's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One flow, and the correlation id of everything that is logged about it. UUID v7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FlowId(pub Uuid);

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.simple())
    }
}

impl FlowId {
    /// Reads what `Display` writes; nothing else, so that an id has one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(Uuid::try_parse(text).ok()?);
        (id.to_string() == text).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refund_names_its_deduction() {
        for (reference, deduction) in [
            ("CANCEL-70934-AC37DE-500", Some("COUPON-70934-AC37DE-500")),
            ("ORDER-1001-70934-AC37DE-500", Some("COUPON-70934-AC37DE-500")),
            ("ORDER-1001-70934-AC37DE-500/2", Some("COUPON-70934-AC37DE-500")),
            ("ORDER-1001-CREDIT", Some("CREDIT-1001")),
            ("ORDER-1001-CREDIT/2", Some("CREDIT-1001")),
            ("ORDER-1001-CREDIT-7", Some("COUPON-CREDIT-7")),
            ("CREDIT-1001", None),
            ("COUPON-70934-AC37DE-500", None),
            ("ORDER-1001", None),
            ("CANCEL-", None),
            ("SALE-7", None),
        ] {
            let found = Reference::from(reference).gives_back();
            assert_eq!(found.as_ref().map(Reference::as_str), deduction, "{reference}");
        }
    }

    #[test]
    fn what_is_taken_again_names_the_first_deduction() {
        let (order, code) = (OrderId::from("ginza.7"), Code::from("70934-AC37DE-500"));
        for (reference, text, of) in [
            (
                Reference::of_taking_back(&order, &code, 1),
                "REOPEN-ginza.7-70934-AC37DE-500",
                "COUPON-70934-AC37DE-500",
            ),
            (
                Reference::of_taking_back(&order, &code, 2),
                "REOPEN-ginza.7-70934-AC37DE-500/2",
                "COUPON-70934-AC37DE-500",
            ),
            (
                Reference::of_credit_taken_back(&order, 3),
                "REOPEN-ginza.7-CREDIT/3",
                "CREDIT-ginza.7",
            ),
        ] {
            assert_eq!(reference.as_str(), text);
            assert_eq!(reference.takes_again().as_ref().map(Reference::as_str), Some(of));
            assert_eq!(reference.gives_back(), None);
        }
        assert_eq!(Reference::from("ORDER-7-70934-AC37DE-500").takes_again(), None);
    }

    #[test]
    fn customer_ids_are_digits_or_a_gid() {
        for (text, id) in [
            ("12345", Some(12345)),
            ("gid://shopify/Customer/12345", Some(12345)),
            ("", None),
            ("0", None),
            ("-1", None),
            ("+1", None),
            ("12 ", None),
            ("gid://shopify/Order/1", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(CustomerId::parse(text).map(|c| c.0), id, "{text:?}");
        }
    }
}
