//! The coupon's port at Shopify.
//!
//! The code is the key: it is chosen before the call, and the title carries the reference, so that
//! `TAKEN` by ourselves can be told from a stranger's code.

use super::{
    Shopify, customer_gid,
    operations::{
        CouponActivate, CouponByCode, CouponCreate, CouponDeactivate, CouponDelete, CouponEnd,
        CouponUsage, coupon_activate, coupon_by_code, coupon_create, coupon_deactivate,
        coupon_delete, coupon_end, coupon_usage,
    },
    user_error::{UserError, none_of},
};
use crate::{
    http_client::Deadline,
    outcome::{Stop, answer},
};
use async_trait::async_trait;
use domain::{At, Coupon, NodeId, Reference, Terms, coupon::Entry};
use engine::ports::{Answer, Coupons, Found, Usage};
use std::time::Duration;

fn gid(node: NodeId) -> String {
    format!("gid://shopify/DiscountCodeNode/{node}")
}

fn node_of(gid: &str) -> Result<NodeId, Stop> {
    let number = gid.strip_prefix("gid://shopify/DiscountCodeNode/");
    number.and_then(|number| number.parse().ok()).map(NodeId).ok_or(Stop::UNREADABLE)
}

/// A coupon that is gone needs nothing more done to it.
fn done_if_gone(result: Result<(), UserError>) -> Result<(), Stop> {
    match result {
        Err(error) if !error.is_gone() => Err(error.into()),
        _ => Ok(()),
    }
}

/// Staff may have written something beside it.
fn carries(title: &str, reference: &Reference) -> bool {
    title.split_whitespace().any(|word| word == reference.as_str())
}

impl Shopify {
    async fn try_create(&self, terms: &Terms, until: Deadline) -> Result<NodeId, Stop> {
        if terms.amount.currency != self.currency {
            // Shopify would take the bare number in its own currency.
            return Err(Stop::other("currency_mismatch"));
        }
        let variables = coupon_create::Variables {
            code: terms.code.0.clone(),
            title: terms.reference().0,
            customer: customer_gid(terms.customer),
            amount: terms.amount.to_string(),
            starts_at: terms.created_at.rfc3339(),
            ends_at: terms.expires_at.rfc3339(),
            with_order: self.combines_with.order,
            with_product: self.combines_with.product,
            with_shipping: self.combines_with.shipping,
        };
        let data = self.admin.call::<CouponCreate>(variables, until).await?;
        let payload = data.discount_code_basic_create.ok_or(Stop::UNREADABLE)?;
        none_of(payload.user_errors)?;
        node_of(&payload.code_discount_node.ok_or(Stop::UNREADABLE)?.id)
    }

    async fn try_find(&self, terms: &Terms, until: Deadline) -> Result<Found, Stop> {
        use coupon_by_code::CouponByCodeCodeDiscountNodeByCodeCodeDiscount as Discount;
        let variables = coupon_by_code::Variables { code: terms.code.0.clone() };
        let data = self.admin.call::<CouponByCode>(variables, until).await?;
        let Some(node) = data.code_discount_node_by_code else { return Ok(Found::Nothing) };
        match node.code_discount {
            Discount::DiscountCodeBasic(discount)
                if carries(&discount.title, &terms.reference()) =>
            {
                Ok(Found::Ours(node_of(&node.id)?))
            }
            _ => Ok(Found::Strangers),
        }
    }

    async fn try_deactivate(&self, node: NodeId, until: Deadline) -> Result<(), Stop> {
        let variables = coupon_deactivate::Variables { id: gid(node) };
        let data = self.admin.call::<CouponDeactivate>(variables, until).await?;
        let payload = data.discount_code_deactivate.ok_or(Stop::UNREADABLE)?;
        done_if_gone(none_of(payload.user_errors))
    }

    async fn try_reactivate(&self, node: NodeId, end: At, until: Deadline) -> Result<(), Stop> {
        let variables = coupon_activate::Variables { id: gid(node) };
        let data = self.admin.call::<CouponActivate>(variables, until).await?;
        none_of(data.discount_code_activate.ok_or(Stop::UNREADABLE)?.user_errors)?;
        // Activated, it has no end. Whatever goes wrong here, both are done again.
        let variables = coupon_end::Variables { id: gid(node), ends_at: end.rfc3339() };
        let data = self.admin.call::<CouponEnd>(variables, until).await?;
        none_of(data.discount_code_basic_update.ok_or(Stop::UNREADABLE)?.user_errors)?;
        Ok(())
    }

    async fn try_delete(&self, node: NodeId, until: Deadline) -> Result<(), Stop> {
        let variables = coupon_delete::Variables { id: gid(node) };
        let data = self.admin.call::<CouponDelete>(variables, until).await?;
        let payload = data.discount_code_delete.ok_or(Stop::UNREADABLE)?;
        done_if_gone(none_of(payload.user_errors))
    }

    /// The count lags behind, and so does the search for orders: either of them is proof of a use,
    /// and both together are all that can be asked. What comes later comes by webhook.
    async fn try_usage(&self, coupon: &Coupon, until: Deadline) -> Result<Usage, Stop> {
        use coupon_usage::CouponUsageCodeDiscountNodeByCodeCodeDiscount as Discount;
        let terms = &coupon.terms;
        let since = terms.created_at.rfc3339();
        let orders = format!("customer_id:{} created_at:>='{since}'", terms.customer);
        let variables = coupon_usage::Variables { code: terms.code.0.clone(), orders };
        let data = self.admin.call::<CouponUsage>(variables, until).await?;
        let code = terms.code.as_str();
        let used =
            data.orders.nodes.into_iter().find(|order| {
                order.discount_codes.iter().any(|used| used.eq_ignore_ascii_case(code))
            });
        if let Some(order) = used {
            return Ok(Usage::Used { order: Some(order.name) });
        }
        match data.code_discount_node_by_code.map(|node| node.code_discount) {
            Some(Discount::DiscountCodeBasic(discount)) if discount.async_usage_count > 0 => {
                Ok(Usage::Used { order: None })
            }
            _ => Ok(Usage::Unused),
        }
    }
}

#[async_trait]
impl Coupons for Shopify {
    async fn create(&self, terms: &Terms, limit: Duration) -> Answer<NodeId> {
        answer(self.try_create(terms, Deadline::after(limit)).await)
    }

    async fn find(&self, terms: &Terms, limit: Duration) -> Answer<Found> {
        answer(self.try_find(terms, Deadline::after(limit)).await)
    }

    async fn deactivate(&self, node: NodeId, limit: Duration) -> Answer<()> {
        answer(self.try_deactivate(node, Deadline::after(limit)).await)
    }

    async fn reactivate(&self, node: NodeId, ends_at: At, limit: Duration) -> Answer<()> {
        answer(self.try_reactivate(node, ends_at, Deadline::after(limit)).await)
    }

    async fn delete(&self, node: NodeId, limit: Duration) -> Answer<()> {
        answer(self.try_delete(node, Deadline::after(limit)).await)
    }

    async fn usage(&self, coupon: &Coupon, limit: Duration) -> Answer<Usage> {
        answer(self.try_usage(coupon, Deadline::after(limit)).await)
    }

    async fn record(&self, entry: &Entry, limit: Duration) -> Answer<()> {
        answer(self.recorder.write(entry, Deadline::after(limit)).await)
    }
}
