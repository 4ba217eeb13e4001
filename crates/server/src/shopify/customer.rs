//! The customer as Shopify knows them: their numbers, what they are called, what they read.

use super::{
    Shopify, Source, customer_gid,
    metafield::Field,
    operations::{self, customer_address, customer_card, customer_credit},
};
use crate::{
    http_client::Deadline,
    outcome::{self, Stop},
};
use domain::{CustomerId, MemberNo, Money, PosId, Refusal};
use engine::ports::Answer;
use iso_currency::Currency;
use std::time::Duration;
use tokio::time::Instant;

/// What Kaeru reads of a Shopify customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerCard {
    pub pos_id: PosId,
    /// The Shopify id where there is no other.
    pub member_no: MemberNo,
    /// As shown in Shopify's admin.
    pub name: Option<String>,
    /// Such as `ja` or `zh-TW`.
    pub locale: Option<String>,
}

/// Whom a mail goes to. Read when it is sent, and neither stored nor logged: it has no `Debug`.
pub struct Contact {
    pub name: Option<String>,
    /// Such as `ja` or `zh-TW`.
    pub locale: Option<String>,
    /// `None` where the customer has none.
    pub email: Option<String>,
}

impl Shopify {
    /// Where the customer is written to. `None` where there is no such customer.
    pub async fn contact(&self, id: CustomerId, limit: Duration) -> Answer<Option<Contact>> {
        let variables = customer_address::Variables { id: customer_gid(id) };
        let until = Deadline::after(limit);
        let data = self.admin.call::<operations::CustomerAddress>(variables, until).await;
        outcome::answer(data.map(|data| {
            data.customer.map(|customer| Contact {
                name: filled(customer.display_name),
                locale: filled(customer.locale),
                email: customer.default_email_address.and_then(|of| filled(of.email_address)),
            })
        }))
    }

    /// What the customer has of store credit that Shopify holds, an account each currency.
    ///
    /// A read, as above.
    pub async fn store_credit(&self, id: CustomerId, limit: Duration) -> Answer<Vec<Money>> {
        outcome::answer(self.read_credit(id, Deadline::after(limit)).await)
    }

    async fn read_credit(&self, id: CustomerId, until: Deadline) -> Result<Vec<Money>, Stop> {
        let variables = customer_credit::Variables { id: customer_gid(id) };
        let data = self.admin.call::<operations::CustomerCredit>(variables, until).await?;
        let customer = data.customer.ok_or(Stop::Refused(Refusal::UnknownCustomer))?;
        let accounts = customer.store_credit_accounts.nodes.into_iter().map(|of| of.balance);
        let money = |amount: &str, currency: &str| {
            let currency = Currency::from_code(currency)?;
            Money::exact(amount.parse().ok()?, currency)
        };
        accounts.map(|of| money(&of.amount, &of.currency_code).ok_or(Stop::UNREADABLE)).collect()
    }

    /// The customer's card. `None` where there is no such customer, or they are not known at the
    /// points book: the metafield that should name them there is missing or blank.
    ///
    /// A read: refused and unknown alike say only that it may be tried again.
    pub async fn customer(&self, id: CustomerId, limit: Duration) -> Answer<Option<CustomerCard>> {
        outcome::answer(self.card(id, Deadline::after(limit)).await)
    }

    async fn card(&self, id: CustomerId, until: Deadline) -> Result<Option<CustomerCard>, Stop> {
        let (pos_namespace, pos_key) = self.pos_id.name();
        let (member_namespace, member_key) = self.member_no.name();
        let id_text = id.to_string();
        let variables = customer_card::Variables {
            id: customer_gid(id),
            pos_namespace,
            pos_key,
            member_namespace,
            member_key,
        };
        let asked_at = Instant::now();
        let data = self.admin.call::<operations::CustomerCard>(variables, until).await?;
        let Some(customer) = data.customer else { return Ok(None) };
        // Who looks at their points may convert them soon: the first write needs no look then.
        let coupons = customer.coupons.map(|field| (field.value, field.compare_digest));
        self.recorder.learn(id, Field::read(coupons), asked_at);
        let pos_id = self.pos_id.read(&id_text, customer.pos_id.map(|field| field.value));
        let Some(pos_id) = pos_id else { return Ok(None) };
        let member_no = self.member_no.read(&id_text, customer.member_no.map(|field| field.value));
        Ok(Some(CustomerCard {
            pos_id: PosId(pos_id),
            member_no: MemberNo(member_no.unwrap_or(id_text)),
            name: filled(customer.display_name),
            locale: filled(customer.locale),
        }))
    }
}

impl Source {
    /// Namespace and key to ask for. One operation serves every configuration, so a field is asked
    /// for all the same where the Shopify id does.
    fn name(&self) -> (String, String) {
        match self {
            Source::ShopifyId => ("loyalty".to_owned(), "unused".to_owned()),
            Source::Metafield { namespace, key } => (namespace.clone(), key.clone()),
        }
    }

    fn read(&self, shopify_id: &str, field: Option<String>) -> Option<String> {
        match self {
            Source::ShopifyId => Some(shopify_id.to_owned()),
            Source::Metafield { .. } => field.and_then(filled),
        }
    }
}

fn filled(text: String) -> Option<String> {
    let trimmed = text.trim();
    if trimmed.is_empty() { None } else { Some(trimmed.to_owned()) }
}
