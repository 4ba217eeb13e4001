//! What Shopify has of our coupons: for the reconciliation, which changes nothing.

use super::{
    Shopify, customer_gid,
    operations::{self, coupon_status, coupons_read, discounts_newest},
    orders::moment,
};
use crate::{
    http_client::Deadline,
    outcome::{self, Stop},
};
use domain::{At, Code, CustomerId};
use engine::ports::Answer;
use serde::Deserialize;
use std::time::Duration;

/// A code that Shopify knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// It can be used, now or later.
    pub live: bool,
    pub used: bool,
}

/// A discount in the list of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub title: String,
    pub live: bool,
    pub created_at: At,
}

/// The newest discounts, and where the next page begins.
#[derive(Clone, Debug)]
pub struct Discounts {
    pub discounts: Vec<Listed>,
    pub next: Option<String>,
}

/// What is read of an entry of the customer's metafield.
#[derive(Deserialize)]
struct Entry {
    code: Option<String>,
    status: Option<String>,
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

    /// A page of all discounts, the newest first.
    pub async fn discounts(&self, after: Option<String>, limit: Duration) -> Answer<Discounts> {
        outcome::answer(self.try_discounts(after, Deadline::after(limit)).await)
    }

    async fn try_discounts(
        &self,
        after: Option<String>,
        until: Deadline,
    ) -> Result<Discounts, Stop> {
        use discounts_newest::{
            DiscountStatus, DiscountsNewestDiscountNodesNodesDiscount as Discount,
        };
        let variables = discounts_newest::Variables { after };
        let data = self.admin.call::<operations::DiscountsNewest>(variables, until).await?;
        let page = data.discount_nodes;
        let mut discounts = Vec::with_capacity(page.nodes.len());
        for node in page.nodes {
            let Discount::DiscountCodeBasic(discount) = node.discount else { continue };
            discounts.push(Listed {
                live: !matches!(discount.status, DiscountStatus::EXPIRED),
                created_at: moment(&discount.created_at)?,
                title: discount.title,
            });
        }
        let more = page.page_info.has_next_page;
        Ok(Discounts { discounts, next: page.page_info.end_cursor.filter(|_| more) })
    }

    /// Code and status of each entry of the customer's metafield; `None` where there is no such
    /// customer.
    pub async fn entries(
        &self,
        customer: CustomerId,
        limit: Duration,
    ) -> Answer<Option<Vec<(String, String)>>> {
        outcome::answer(self.try_entries(customer, Deadline::after(limit)).await)
    }

    async fn try_entries(
        &self,
        customer: CustomerId,
        until: Deadline,
    ) -> Result<Option<Vec<(String, String)>>, Stop> {
        let variables = coupons_read::Variables { customer: customer_gid(customer) };
        let data = self.admin.call::<operations::CouponsRead>(variables, until).await?;
        let Some(there) = data.customer else { return Ok(None) };
        let Some(field) = there.metafield else { return Ok(Some(vec![])) };
        let unreadable = |_| Stop::other("metafield_unreadable");
        let list: Vec<serde_json::Value> =
            serde_json::from_str(&field.value).map_err(unreadable)?;
        let read = |entry: serde_json::Value| {
            let entry: Entry = serde_json::from_value(entry).ok()?;
            entry.code.zip(entry.status)
        };
        Ok(Some(list.into_iter().filter_map(read).collect()))
    }
}
