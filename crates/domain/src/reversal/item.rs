//! What comes back with an order, by what date, and what became of it.

use crate::{
    conversion::Terms,
    effect::Moved,
    ids::{Code, FlowId, OrderId, PosId, Reference},
    money::Money,
    points::Points,
    time::At,
};
use serde::{Deserialize, Serialize};

/// Why an order is cancelled. Shopify's reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    Customer,
    Declined,
    Fraud,
    Inventory,
    Other,
    Staff,
}

impl Why {
    pub const ALL: [Why; 6] =
        [Why::Customer, Why::Inventory, Why::Fraud, Why::Declined, Why::Staff, Why::Other];

    pub const fn as_str(self) -> &'static str {
        match self {
            Why::Customer => "customer",
            Why::Declined => "declined",
            Why::Fraud => "fraud",
            Why::Inventory => "inventory",
            Why::Other => "other",
            Why::Staff => "staff",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == text)
    }
}

/// The order is to be cancelled first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    pub reason: Why,
    pub restock: bool,
    pub note: Option<String>,
    /// An order of another channel: it is cancelled by saying so, not at Shopify.
    #[serde(default)]
    pub here: bool,
}

/// The order was re-opened after it gave back: what came back is taken again, by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// In the words of whoever decided it.
    pub reason: String,
}

/// When something ran out, and when it will. Each stays as it was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiry {
    /// What it had when it was spent, where that is known.
    pub original: Option<At>,
    /// What is asked for now.
    pub requested: Option<At>,
}

/// What comes back of something with an expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    Now(Expiry),
    /// It has run out, and nobody extends it.
    Lapsed,
}

/// The original date; where that is past, the date that it is extended to, or not at all. What has
/// not run out keeps its own date unless the extension is later.
pub fn expiry(original: Option<At>, extend_to: Option<At>, now: At) -> Return {
    let alive = |at: &At| *at > now;
    let requested = match (original, extend_to.filter(alive)) {
        (Some(original), Some(later)) if later > original => Some(later),
        (Some(original), _) if !alive(&original) => return Return::Lapsed,
        (Some(original), _) => Some(original),
        (None, extended) => extended,
    };
    Return::Now(Expiry { original, requested })
}

/// One thing that comes back, or goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "item", rename_all = "snake_case")]
pub enum Item {
    /// The points that a coupon was paid for with.
    Points {
        code: Code,
        pos_id: PosId,
        points: Points,
        /// The first return of this coupon is 1; parts of it count on.
        part: u32,
        expiry: Expiry,
        /// The coupon whose deduction they were, where this one only took another's place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        paid_by: Option<Code>,
    },
    /// A new coupon in the used one's place, instead of its points. A flow of its own creates it.
    Replacement {
        /// The used one.
        code: Code,
        flow: FlowId,
        terms: Box<Terms>,
    },
    /// A payment with store credit.
    Credit {
        /// The payment's number at Shopify.
        payment: u64,
        /// The payment, less what we have given back.
        amount: Money,
        expiry: Expiry,
    },
    /// What store credit that Kaeru itself holds paid: back to the lots that it came from.
    OwnCredit {
        /// Who holds it.
        holder: PosId,
        amount: Money,
        /// The first return of this payment is 1; parts of it count on.
        part: u32,
        expiry: Expiry,
    },
    /// What the order had earned goes.
    Earned {
        pos_id: PosId,
        points: Points,
        /// As with a coupon's.
        #[serde(default = "first")]
        part: u32,
    },
    /// A coupon's points that had come back are taken once more.
    PointsAgain {
        code: Code,
        pos_id: PosId,
        points: Points,
        /// The first time is 1.
        part: u32,
        /// The last movement that gave them back.
        of: Reference,
    },
    /// The same of store credit that Kaeru itself holds.
    CreditAgain { holder: PosId, amount: Money, part: u32 },
}

/// What came of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Moved(Moved),
    /// `minor` units were credited, under that number at Shopify where it is known.
    Credited {
        minor: i64,
        transaction: Option<u64>,
        honoured: Option<At>,
    },
    /// Shopify had given it back by itself.
    ByShopify,
    /// It ran out before it could be given back.
    Lapsed,
    /// The balance does not hold what was to go: it stays.
    Short,
    /// The flow of the new coupon has begun: what comes of it is told there.
    Replacing,
}

const fn first() -> u32 {
    1
}

impl Item {
    /// Whether Shopify holds it.
    pub const fn is_credit(&self) -> bool {
        matches!(self, Item::Credit { .. })
    }

    /// Whether it is taken from the customer.
    pub const fn goes(&self) -> bool {
        matches!(self, Item::Earned { .. } | Item::PointsAgain { .. } | Item::CreditAgain { .. })
    }

    /// The movement among ours that this one undoes.
    pub fn counterpart(&self) -> Option<Reference> {
        match self {
            Item::Points { code, paid_by, .. } => {
                Some(Reference::of_conversion(paid_by.as_ref().unwrap_or(code)))
            }
            Item::PointsAgain { of, .. } => Some(of.clone()),
            // What it was granted with is the till's own, and not among our movements.
            Item::Earned { .. }
            | Item::Credit { .. }
            | Item::OwnCredit { .. }
            | Item::Replacement { .. }
            | Item::CreditAgain { .. } => None,
        }
    }

    /// The reference of its movement.
    pub fn reference(&self, order: &OrderId) -> Reference {
        match self {
            Item::Points { code, part, .. } => Reference::of_reversal(order, code, *part),
            // It has no movement: what it keeps from coming back is the coupon's points.
            Item::Replacement { code, .. } => Reference::of_reversal(order, code, 1),
            Item::Credit { payment, .. } => Reference(format!("ORDER-{order}-CREDIT-{payment}")),
            Item::OwnCredit { part, .. } => Reference::of_credit_return(order, *part),
            Item::Earned { part: 0 | 1, .. } => Reference(format!("ORDER-{order}-EARNED")),
            Item::Earned { part, .. } => Reference(format!("ORDER-{order}-EARNED/{part}")),
            Item::PointsAgain { code, part, .. } => Reference::of_taking_back(order, code, *part),
            Item::CreditAgain { part, .. } => Reference::of_credit_taken_back(order, *part),
        }
    }
}
