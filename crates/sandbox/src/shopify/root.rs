//! The root fields that the sandbox answers, and the call that each of them is.

use serde_json::Value;

use super::graphql::{Field, Variables, gid};
use crate::books::{Books, Buyers};
use crate::calls::Call;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    DiscountCreate,
    DiscountUpdate,
    DiscountActivate,
    DiscountDeactivate,
    DiscountDelete,
    MetafieldsSet,
    DiscountByCode,
    CodeDiscountNode,
    DiscountNode,
    DiscountNodes,
    Customer,
    Nodes,
    Order,
    Orders,
    Shop,
    AppInstallation,
    StoreCreditAccount,
    StoreCreditCredit,
    StoreCreditDebit,
    OrderCancel,
    Job,
    CustomerMerge,
    CustomerMergeStatus,
    WebhookSubscriptions,
    WebhookSubscriptionCreate,
    WebhookSubscriptionDelete,
    TypeName,
}

impl Root {
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "discountCodeBasicCreate" => Self::DiscountCreate,
            "discountCodeBasicUpdate" => Self::DiscountUpdate,
            "discountCodeActivate" => Self::DiscountActivate,
            "discountCodeDeactivate" => Self::DiscountDeactivate,
            "discountCodeDelete" => Self::DiscountDelete,
            "metafieldsSet" => Self::MetafieldsSet,
            "codeDiscountNodeByCode" => Self::DiscountByCode,
            "codeDiscountNode" => Self::CodeDiscountNode,
            "discountNode" => Self::DiscountNode,
            "discountNodes" => Self::DiscountNodes,
            "customer" => Self::Customer,
            "nodes" => Self::Nodes,
            "order" => Self::Order,
            "orders" => Self::Orders,
            "shop" => Self::Shop,
            "currentAppInstallation" => Self::AppInstallation,
            "storeCreditAccount" => Self::StoreCreditAccount,
            "storeCreditAccountCredit" => Self::StoreCreditCredit,
            "storeCreditAccountDebit" => Self::StoreCreditDebit,
            "orderCancel" => Self::OrderCancel,
            "job" => Self::Job,
            "customerMerge" => Self::CustomerMerge,
            "customerMergeJobStatus" => Self::CustomerMergeStatus,
            "webhookSubscriptions" => Self::WebhookSubscriptions,
            "webhookSubscriptionCreate" => Self::WebhookSubscriptionCreate,
            "webhookSubscriptionDelete" => Self::WebhookSubscriptionDelete,
            "__typename" => Self::TypeName,
            _ => return None,
        })
    }

    pub fn call(self) -> Call {
        match self {
            Self::DiscountCreate => Call::ShopifyCreate,
            Self::DiscountUpdate => Call::ShopifyUpdate,
            Self::DiscountActivate => Call::ShopifyActivate,
            Self::DiscountDeactivate => Call::ShopifyDeactivate,
            Self::DiscountDelete => Call::ShopifyDelete,
            Self::MetafieldsSet => Call::ShopifyMetafield,
            Self::DiscountByCode
            | Self::CodeDiscountNode
            | Self::DiscountNode
            | Self::DiscountNodes => Call::ShopifyLookup,
            Self::Customer | Self::Nodes => Call::ShopifyCustomer,
            Self::Order | Self::Orders => Call::ShopifyOrders,
            Self::Shop | Self::AppInstallation | Self::TypeName => Call::ShopifyShop,
            Self::StoreCreditAccount => Call::ShopifyCredits,
            Self::StoreCreditCredit | Self::StoreCreditDebit => Call::ShopifyCredit,
            Self::OrderCancel => Call::ShopifyCancel,
            Self::Job | Self::CustomerMergeStatus => Call::ShopifyJob,
            Self::CustomerMerge => Call::ShopifyMerge,
            Self::WebhookSubscriptions
            | Self::WebhookSubscriptionCreate
            | Self::WebhookSubscriptionDelete => Call::ShopifyWebhooks,
        }
    }

    /// The customers that the field is about, for faults that are set for one of them.
    pub fn customers(self, field: &Field, variables: &Variables, books: &Books) -> Vec<String> {
        let number = |name| gid(&field.text(name, variables)).map(|(_, number)| number);
        let buyers = |id: Option<u64>| match id.and_then(|id| books.coupons.get(&id)) {
            Some(coupon) => match &coupon.buyers {
                Buyers::All => vec![],
                Buyers::Customers(only) => only.clone(),
            },
            None => vec![],
        };
        let customers = match self {
            Self::DiscountCreate => {
                let input = field.argument("basicCodeDiscount", variables);
                gids(input.as_deref().and_then(|input| input.pointer("/context/customers/add")))
            }
            Self::DiscountUpdate
            | Self::DiscountActivate
            | Self::DiscountDeactivate
            | Self::DiscountDelete
            | Self::CodeDiscountNode
            | Self::DiscountNode => buyers(number("id")),
            Self::DiscountByCode => {
                buyers(books.coupon_by_code(&field.text("code", variables)).map(|of| of.id))
            }
            Self::MetafieldsSet => {
                let input = field.argument("metafields", variables);
                let rows = input.as_deref().and_then(Value::as_array).into_iter().flatten();
                rows.flat_map(|row| gids(row.get("ownerId"))).collect()
            }
            Self::Customer => number("id").into_iter().collect(),
            Self::Nodes => gids(field.argument("ids", variables).as_deref()),
            Self::Order => number("id")
                .and_then(|id| books.orders.get(&id))
                .map(|of| of.customer)
                .into_iter()
                .collect(),
            Self::Orders => super::orders::customer_of_query(&field.text("query", variables)),
            Self::OrderCancel => number("orderId")
                .and_then(|id| books.orders.get(&id))
                .map(|of| of.customer)
                .into_iter()
                .collect(),
            Self::StoreCreditAccount | Self::StoreCreditCredit | Self::StoreCreditDebit => {
                let text = field.text("id", variables);
                let customer = match gid(&text) {
                    Some(("Customer", id)) => Some(id),
                    Some((_, id)) => books.credits.accounts.get(&id).map(|of| of.customer),
                    None => None,
                };
                customer.into_iter().collect()
            }
            Self::CustomerMerge => {
                number("customerOneId").into_iter().chain(number("customerTwoId")).collect()
            }
            Self::DiscountNodes
            | Self::Shop
            | Self::AppInstallation
            | Self::Job
            | Self::CustomerMergeStatus
            | Self::WebhookSubscriptions
            | Self::WebhookSubscriptionCreate
            | Self::WebhookSubscriptionDelete
            | Self::TypeName => vec![],
        };
        customers.iter().map(u64::to_string).collect()
    }
}

/// The numbers of one gid, or of a list of them.
fn gids(value: Option<&Value>) -> Vec<u64> {
    let number = |text: &Value| gid(text.as_str()?).map(|(_, number)| number);
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(number).collect(),
        Some(one) => number(one).into_iter().collect(),
        None => vec![],
    }
}
