//! Why a customer's request was not met. The codes are the HTTP API's problem types.

use serde::{Deserialize, Serialize};

/// A refusal that the customer is told. Stored with the flow: the names are a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Problem {
    BelowMinimum,
    NotAMultiple,
    DailyLimitExceeded,
    InsufficientPoints,
    ConversionInDoubt,
    UnknownCustomer,
    /// Shopify did not do it: nothing was sent, or all was undone.
    ShopifyUnavailable,
    /// The points book did not do it: nothing was sent, or all was undone.
    PointsUnavailable,
    /// The discount was applied to an order already.
    CouponAlreadyUsed,
    CouponExpired,
    CouponAlreadyCancelled,
    CouponHeld,
    CouponNotHeld,
    /// Another act on this coupon is under way.
    CouponBusy,
    /// Another act on this order is under way.
    OrderBusy,
    /// Everything that was chosen is back already, or on its way.
    AlreadyReverted,
    /// Nothing that was chosen can come back.
    NothingToRevert,
    /// The order stands: what paid for it does not come back.
    OrderStands,
    /// Shopify does not cancel this order.
    OrderNotCancellable,
    /// The order was cancelled before.
    OrderAlreadyCancelled,
    /// What was chosen has run out: extend it.
    CreditExpired,
    /// So much needs a second person.
    ApprovalNeeded,
    /// The customer's store credit does not suffice.
    InsufficientCredit,
    /// There is an order of that id already.
    OrderExists,
    /// The coupon is another customer's.
    CouponNotTheirs,
    /// Longer, the credit would become a prepaid payment instrument.
    PaidLotTooLong,
    /// The second person said no.
    ApprovalDeclined,
    /// Nothing that came back of this order can be taken again.
    NothingToTakeBack,
}

impl Problem {
    pub const fn code(self) -> &'static str {
        match self {
            Problem::BelowMinimum => "below-minimum",
            Problem::NotAMultiple => "not-a-multiple",
            Problem::DailyLimitExceeded => "daily-limit-exceeded",
            Problem::InsufficientPoints => "insufficient-points",
            Problem::ConversionInDoubt => "conversion-in-doubt",
            Problem::UnknownCustomer => "unknown-customer",
            Problem::ShopifyUnavailable => "shopify-unavailable",
            Problem::PointsUnavailable => "points-unavailable",
            Problem::CouponAlreadyUsed => "coupon-already-used",
            Problem::CouponExpired => "coupon-expired",
            Problem::CouponAlreadyCancelled => "coupon-already-cancelled",
            Problem::CouponHeld => "coupon-held",
            Problem::CouponNotHeld => "coupon-not-held",
            Problem::CouponBusy => "coupon-busy",
            Problem::OrderBusy => "order-busy",
            Problem::AlreadyReverted => "already-reverted",
            Problem::NothingToRevert => "nothing-to-revert",
            Problem::OrderStands => "order-not-cancelled",
            Problem::OrderNotCancellable => "order-not-cancellable",
            Problem::OrderAlreadyCancelled => "order-already-cancelled",
            Problem::CreditExpired => "credit-expired",
            Problem::ApprovalNeeded => "approval-needed",
            Problem::InsufficientCredit => "insufficient-credit",
            Problem::OrderExists => "order-exists",
            Problem::CouponNotTheirs => "coupon-not-theirs",
            Problem::PaidLotTooLong => "paid-lot-too-long",
            Problem::ApprovalDeclined => "approval-declined",
            Problem::NothingToTakeBack => "nothing-to-take-back",
        }
    }

    /// The other side was down, so the same request may well succeed later: its idempotency key is
    /// given back.
    pub const fn may_be_tried_again(self) -> bool {
        matches!(self, Problem::ShopifyUnavailable | Problem::PointsUnavailable)
    }
}
