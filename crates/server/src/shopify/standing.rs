//! How a coupon stands in Shopify: for the reconciliation, which changes nothing.

use super::{
    Shopify,
    operations::{self, coupon_status},
};
use crate::{http_client::Deadline, outcome};
use domain::Code;
use engine::ports::Answer;
use std::time::Duration;

/// A code that Shopify knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// It can be used, now or later.
    pub live: bool,
    pub used: bool,
}

impl Shopify {
    /// `None` where Shopify knows no such code.
    pub async fn standing(&self, code: &Code, limit: Duration) -> Answer<Option<Standing>> {
        use coupon_status::{
            CouponStatusCodeDiscountNodeByCodeCodeDiscount as Discount, DiscountStatus,
        };
        let variables = coupon_status::Variables { code: code.0.clone() };
        let until = Deadline::after(limit);
        let data = self.admin.call::<operations::CouponStatus>(variables, until).await;
        outcome::answer(data.map(|data| match data.code_discount_node_by_code?.code_discount {
            Discount::DiscountCodeBasic(discount) => Some(Standing {
                live: !matches!(discount.status, DiscountStatus::EXPIRED),
                used: discount.async_usage_count > 0,
            }),
            _ => None,
        }))
    }
}
