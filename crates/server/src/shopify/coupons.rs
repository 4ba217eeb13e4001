//! The coupon's port at Shopify.
//!
//! The code is the key: it is chosen before the call, and the title carries the reference, so that
//! `TAKEN` by ourselves can be told from a stranger's code.

use super::{Shopify, customer_gid, metafield, operations as ops};
use async_trait::async_trait;
use domain::{At, NodeId, Refusal, Terms};
use engine::ports::{Answer, Coupons, Found, Why};
use ops::UserError;
use std::time::Duration;

const GONE: &str = "Code discount does not exist.";
/// How often a metafield that changed between look and write is looked at again at once.
const FRESH_LOOKS: u32 = 2;

fn gid(node: NodeId) -> String {
    format!("gid://shopify/DiscountCodeNode/{node}")
}

fn node_of(gid: &str) -> Option<NodeId> {
    gid.rsplit('/').next()?.parse().ok().map(NodeId)
}

/// `None`: no error, so the mutation was applied.
fn refusal<E: Into<UserError>>(errors: Vec<E>) -> Option<UserError> {
    errors.into_iter().next().map(Into::into)
}

fn other<T>(error: UserError) -> Answer<T> {
    let code = error.code.unwrap_or_else(|| "user_error".to_owned());
    tracing::warn!(code, field = ?error.field, message = error.message, "Shopify refused");
    Answer::Refused(Refusal::Other(code.to_lowercase()))
}

/// For mutations that a gone coupon satisfies as well.
fn settled(error: Option<UserError>) -> Answer<()> {
    match error {
        None => Answer::Done(()),
        Some(error) if error.message == GONE => Answer::Done(()),
        Some(error) => other(error),
    }
}

macro_rules! pass {
    ($answer:expr) => {
        match $answer {
            Answer::Done(data) => data,
            Answer::Refused(refusal) => return Answer::Refused(refusal),
            Answer::Unknown(why) => return Answer::Unknown(why),
        }
    };
}

impl Shopify {
    fn coupon_input(&self, terms: &Terms) -> ops::coupon_create::DiscountCodeBasicInput {
        use ops::coupon_create::{
            DiscountAmountInput, DiscountCodeBasicInput, DiscountCombinesWithInput,
            DiscountContextInput, DiscountCustomerGetsInput, DiscountCustomerGetsValueInput,
            DiscountCustomersInput, DiscountItemsInput,
        };
        DiscountCodeBasicInput {
            applies_once_per_customer: Some(true),
            code: Some(terms.code.0.clone()),
            combines_with: Some(DiscountCombinesWithInput {
                order_discounts: Some(self.combines_with.order),
                product_discounts: Some(self.combines_with.product),
                shipping_discounts: Some(self.combines_with.shipping),
            }),
            context: Some(DiscountContextInput {
                customers: Some(DiscountCustomersInput {
                    add: Some(vec![customer_gid(terms.customer)]),
                }),
            }),
            customer_gets: Some(DiscountCustomerGetsInput {
                items: Some(DiscountItemsInput { all: Some(true) }),
                value: Some(DiscountCustomerGetsValueInput {
                    discount_amount: Some(DiscountAmountInput {
                        amount: Some(terms.amount.to_string()),
                        applies_on_each_item: Some(false),
                    }),
                }),
            }),
            ends_at: Some(terms.expires_at.rfc3339()),
            starts_at: Some(terms.created_at.rfc3339()),
            title: Some(terms.reference().0),
            usage_limit: Some(1),
        }
    }

    async fn coupons_field(&self, terms: &Terms, limit: Duration) -> Answer<Stored> {
        let variables = ops::customer_coupons::Variables { id: customer_gid(terms.customer) };
        let call = self.admin.call::<ops::CustomerCoupons>(variables, ops::COUPONS_COST, limit);
        let data = pass!(call.await);
        match data.customer {
            None => Answer::Refused(Refusal::UnknownCustomer),
            Some(customer) => Answer::Done(match customer.metafield {
                Some(field) => Stored { value: field.value, digest: Some(field.compare_digest) },
                None => Stored { value: "[]".to_owned(), digest: None },
            }),
        }
    }

    /// One look and one write. `Ok(false)`: it changed in between.
    async fn record_once(&self, terms: &Terms, node: NodeId, limit: Duration) -> Answer<bool> {
        let stored = pass!(self.coupons_field(terms, limit).await);
        let entry = metafield::entry(terms, node);
        let Some(value) = metafield::with_entry(&stored.value, entry) else {
            return Answer::Refused(Refusal::Other("metafield_unreadable".to_owned()));
        };
        let input = ops::customer_coupons_set::MetafieldsSetInput {
            compare_digest: stored.digest,
            key: "coupons".to_owned(),
            namespace: Some("loyalty".to_owned()),
            owner_id: customer_gid(terms.customer),
            type_: Some("json".to_owned()),
            value,
        };
        let variables = ops::customer_coupons_set::Variables { metafields: vec![input] };
        let call = self.admin.call::<ops::CustomerCouponsSet>(variables, ops::CHANGE_COST, limit);
        let Some(payload) = pass!(call.await).metafields_set else {
            return Answer::Unknown(Why::Unreadable);
        };
        match refusal(payload.user_errors) {
            None => Answer::Done(true),
            Some(error) if error.code.as_deref() == Some("STALE_OBJECT") => Answer::Done(false),
            Some(error) if error.message == "Owner does not exist." => {
                Answer::Refused(Refusal::UnknownCustomer)
            }
            Some(error) => other(error),
        }
    }
}

struct Stored {
    value: String,
    /// `None`: the field must not exist yet when it is written.
    digest: Option<String>,
}

#[async_trait]
impl Coupons for Shopify {
    async fn create(&self, terms: &Terms, limit: Duration) -> Answer<NodeId> {
        let variables = ops::coupon_create::Variables { coupon: self.coupon_input(terms) };
        let call = self.admin.call::<ops::CouponCreate>(variables, ops::CREATE_COST, limit);
        let Some(payload) = pass!(call.await).discount_code_basic_create else {
            return Answer::Unknown(Why::Unreadable);
        };
        match refusal(payload.user_errors) {
            Some(error) if error.code.as_deref() == Some("TAKEN") => {
                Answer::Refused(Refusal::CodeTaken)
            }
            Some(error) => other(error),
            None => match payload.code_discount_node.and_then(|node| node_of(&node.id)) {
                Some(node) => Answer::Done(node),
                None => Answer::Unknown(Why::Unreadable),
            },
        }
    }

    async fn find(&self, terms: &Terms, limit: Duration) -> Answer<Found> {
        use ops::coupon_by_code::CouponByCodeCodeDiscountNodeByCodeCodeDiscount as Discount;
        let variables = ops::coupon_by_code::Variables { code: terms.code.0.clone() };
        let call = self.admin.call::<ops::CouponByCode>(variables, ops::FIND_COST, limit);
        let Some(found) = pass!(call.await).code_discount_node_by_code else {
            return Answer::Done(Found::Nothing);
        };
        let ours = match found.code_discount {
            Discount::DiscountCodeBasic(basic) => basic.title == terms.reference().0,
            _ => false,
        };
        match (ours, node_of(&found.id)) {
            (true, Some(node)) => Answer::Done(Found::Ours(node)),
            (true, None) => Answer::Unknown(Why::Unreadable),
            (false, _) => Answer::Done(Found::Strangers),
        }
    }

    async fn deactivate(&self, node: NodeId, limit: Duration) -> Answer<()> {
        let variables = ops::coupon_deactivate::Variables { id: gid(node) };
        let call = self.admin.call::<ops::CouponDeactivate>(variables, ops::CHANGE_COST, limit);
        match pass!(call.await).discount_code_deactivate {
            Some(payload) => settled(refusal(payload.user_errors)),
            None => Answer::Unknown(Why::Unreadable),
        }
    }

    async fn reactivate(&self, node: NodeId, ends_at: At, limit: Duration) -> Answer<()> {
        let variables = ops::coupon_activate::Variables { id: gid(node) };
        let call = self.admin.call::<ops::CouponActivate>(variables, ops::CHANGE_COST, limit / 2);
        let Some(payload) = pass!(call.await).discount_code_activate else {
            return Answer::Unknown(Why::Unreadable);
        };
        if let Some(error) = refusal(payload.user_errors) {
            return other(error);
        }
        let coupon = ops::coupon_update::DiscountCodeBasicInput {
            applies_once_per_customer: None,
            code: None,
            combines_with: None,
            context: None,
            customer_gets: None,
            ends_at: Some(ends_at.rfc3339()),
            starts_at: None,
            title: None,
            usage_limit: None,
        };
        let variables = ops::coupon_update::Variables { id: gid(node), coupon };
        let call = self.admin.call::<ops::CouponUpdate>(variables, ops::CHANGE_COST, limit / 2);
        let Some(payload) = pass!(call.await).discount_code_basic_update else {
            return Answer::Unknown(Why::Unreadable);
        };
        refusal(payload.user_errors).map_or(Answer::Done(()), other)
    }

    async fn delete(&self, node: NodeId, limit: Duration) -> Answer<()> {
        let variables = ops::coupon_delete::Variables { id: gid(node) };
        let call = self.admin.call::<ops::CouponDelete>(variables, ops::CHANGE_COST, limit);
        match pass!(call.await).discount_code_delete {
            Some(payload) => settled(refusal(payload.user_errors)),
            None => Answer::Unknown(Why::Unreadable),
        }
    }

    async fn record(&self, terms: &Terms, node: NodeId, limit: Duration) -> Answer<()> {
        for _ in 0..FRESH_LOOKS {
            if pass!(self.record_once(terms, node, limit / 4).await) {
                return Answer::Done(());
            }
        }
        Answer::Refused(Refusal::Wait(Duration::from_millis(50)))
    }
}
