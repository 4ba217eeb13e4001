//! Shopify: typed operations, tokens, the cost bucket, and the coupon's port.

mod admin;
mod coupons;
mod limiter;
pub mod metafield;
mod operations;
mod tokens;

pub use tokens::Auth;

use admin::Admin;
use domain::{CustomerId, MemberNo, PosId};
use engine::ports::Answer;
use iso_currency::Currency;
use reqwest::Client;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    /// Without a slash at the end.
    pub base_url: String,
    pub api_version: String,
    pub auth: Auth,
    pub currency: Currency,
    pub combines_with: CombinesWith,
    pub pos_id: Source,
    pub member_no: Source,
}

/// Which other discounts a coupon may meet in a cart.
#[derive(Clone, Copy, Debug, Default)]
pub struct CombinesWith {
    pub order: bool,
    pub product: bool,
    pub shipping: bool,
}

/// Where a customer's number at the till, or on the card, is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    ShopifyId,
    Metafield { namespace: String, key: String },
}

/// What Kaeru reads of a Shopify customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerCard {
    pub pos_id: PosId,
    pub member_no: MemberNo,
    pub name: String,
    pub locale: String,
}

/// One shop at Shopify.
pub struct Shopify {
    admin: Admin,
    combines_with: CombinesWith,
    pos_id: Source,
    member_no: Source,
}

impl Shopify {
    pub fn new(settings: Settings, client: Client) -> Self {
        Self {
            admin: Admin::new(&settings, client),
            combines_with: settings.combines_with,
            pos_id: settings.pos_id,
            member_no: settings.member_no,
        }
    }

    /// The customer as Shopify knows it; `None` where there is none.
    pub async fn customer(&self, id: CustomerId, limit: Duration) -> Answer<Option<CustomerCard>> {
        use operations::{CustomerCard as Operation, customer_card as operation};
        let (pos_namespace, pos_key) = named(&self.pos_id);
        let (member_namespace, member_key) = named(&self.member_no);
        let variables = operation::Variables {
            id: customer_gid(id),
            pos_namespace,
            pos_key,
            member_namespace,
            member_key,
        };
        match self.admin.call::<Operation>(variables, operations::CARD_COST, limit).await {
            Answer::Done(data) => Answer::Done(data.customer.and_then(|found| {
                let read = |source: &Source, field: Option<String>| match source {
                    Source::ShopifyId => Some(id.to_string()),
                    Source::Metafield { .. } => field.filter(|value| !value.trim().is_empty()),
                };
                let member_no = read(&self.member_no, found.member_no.map(|field| field.value));
                Some(CustomerCard {
                    pos_id: PosId(read(&self.pos_id, found.pos_id.map(|field| field.value))?),
                    member_no: MemberNo(member_no.unwrap_or_else(|| id.to_string())),
                    name: found.display_name,
                    locale: found.locale,
                })
            })),
            Answer::Refused(refusal) => Answer::Refused(refusal),
            Answer::Unknown(why) => Answer::Unknown(why),
        }
    }
}

fn named(source: &Source) -> (String, String) {
    match source {
        // Asked for all the same, and not read: one operation serves every configuration.
        Source::ShopifyId => ("loyalty".to_owned(), "unused".to_owned()),
        Source::Metafield { namespace, key } => (namespace.clone(), key.clone()),
    }
}

fn customer_gid(id: CustomerId) -> String {
    format!("gid://shopify/Customer/{id}")
}

#[cfg(test)]
mod tests;
