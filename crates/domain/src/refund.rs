//! What a refund makes due while its order stands: one function, so that what is refunded in
//! parts brings back what it would have brought back at once.
//!
//! **Weights.** Goods count by their prices before discounts, which the parts of an order share
//! without a remainder. Shipping, and money that is refunded without goods, brings nothing back.
//!
//! **Rounding.** Down, once, over all that was refunded so far: never for each refund. What is due
//! next is that less what has been given back already.

use serde::{Deserialize, Serialize};

/// What comes back with a refund of a part of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartialRefunds {
    /// Nothing while the order stands.
    #[default]
    None,
    /// As much of the points as of the goods.
    ProRata,
    /// All of it with the last of the goods.
    OnFullRefund,
}

/// Prices of an order's goods before discounts, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Goods {
    pub whole: i64,
    /// Of the whole, what was refunded so far.
    pub refunded: i64,
}

impl Goods {
    /// The same, and so much more was refunded.
    #[must_use]
    pub const fn with(self, more: i64) -> Self {
        Self { whole: self.whole, refunded: self.refunded.saturating_add(more) }
    }
}

impl PartialRefunds {
    pub const ALL: [Self; 3] = [Self::None, Self::ProRata, Self::OnFullRefund];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ProRata => "pro_rata",
            Self::OnFullRefund => "on_full_refund",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text)
    }

    /// Of so many points, how many all refunds so far bring back: whatever the parts, and in
    /// whatever order they are heard of.
    pub fn due(self, points: i64, goods: Goods) -> i64 {
        let (points, whole) = (points.max(0), goods.whole.max(0));
        let refunded = goods.refunded.clamp(0, whole);
        match self {
            _ if refunded == 0 => 0,
            Self::None => 0,
            Self::ProRata => {
                let share = i128::from(points) * i128::from(refunded) / i128::from(whole);
                i64::try_from(share).unwrap_or(points)
            }
            Self::OnFullRefund if refunded == whole => points,
            Self::OnFullRefund => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PartialRefunds::*, *};
    use proptest::prelude::*;

    #[test]
    fn what_refunds_bring_back() {
        let goods = |refunded, whole| Goods { whole, refunded };
        for (policy, points, goods, expected) in [
            (None, 500, goods(3_000, 3_000), 0),
            (ProRata, 500, goods(0, 3_000), 0),
            (ProRata, 500, goods(1_800, 3_000), 300),
            (ProRata, 500, goods(1_000, 3_000), 166),
            (ProRata, 500, goods(2_000, 3_000), 333),
            (ProRata, 500, goods(3_000, 3_000), 500),
            (ProRata, 100, goods(999, 1_000), 99),
            // More than all, and less than nothing, as a channel may say.
            (ProRata, 500, goods(9_000, 3_000), 500),
            (ProRata, 500, goods(-5, 3_000), 0),
            // Goods that cost nothing, or are not known.
            (ProRata, 500, goods(0, 0), 0),
            (ProRata, 500, goods(100, 0), 0),
            (OnFullRefund, 500, goods(2_999, 3_000), 0),
            (OnFullRefund, 500, goods(3_000, 3_000), 500),
        ] {
            assert_eq!(policy.due(points, goods), expected, "{policy:?} {points} {goods:?}");
        }
    }

    fn policy() -> impl Strategy<Value = PartialRefunds> {
        prop::sample::select(PartialRefunds::ALL.to_vec())
    }

    proptest! {
        /// However an order's goods are divided, and in whatever order the parts come: as at once.
        #[test]
        fn in_parts_is_at_once(
            policy in policy(),
            points in 0..10_000_000_i64,
            lines in prop::collection::vec(0..1_000_000_i64, 1..12),
            refunded in 0..12_usize,
        ) {
            let whole = lines.iter().sum();
            let parts = &lines[..refunded.min(lines.len())];
            let (mut goods, mut given) = (Goods { whole, refunded: 0 }, 0);
            for part in parts {
                goods = goods.with(*part);
                let due = policy.due(points, goods) - given;
                prop_assert!(due >= 0, "what was given is not asked for again");
                given += due;
            }
            let at_once = Goods { whole, refunded: parts.iter().sum() };
            prop_assert_eq!(given, policy.due(points, at_once));
            prop_assert!((0..=points).contains(&given));
        }

        #[test]
        fn all_goods_bring_all_back(points in 0..i64::MAX, whole in 1..i64::MAX) {
            let goods = Goods { whole, refunded: whole };
            prop_assert_eq!(ProRata.due(points, goods), points);
            prop_assert_eq!(OnFullRefund.due(points, goods), points);
            prop_assert_eq!(None.due(points, goods), 0);
        }
    }
}
