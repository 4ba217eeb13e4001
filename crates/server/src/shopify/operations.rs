//! The operations, typed from their files against the schema that the project keeps.

use super::{limiter::Turn, user_error::UserError};
use graphql_client::GraphQLQuery;
use serde_json::json;
use std::sync::LazyLock;

/// An operation, and the points that it requests by Shopify's rule: a mutation 10 with all that
/// its payload answers, an object 1, a union the most of its members, a connection as many of its
/// nodes as are asked for.
pub trait Operation: GraphQLQuery {
    const NAME: &'static str;
    const COST: u32;
    const TURN: Turn;

    /// The request's body up to its variables: the document, whose spaces mean nothing, is written
    /// once for all.
    fn head() -> &'static [u8];
}

/// A request's body.
///
/// # Errors
/// Where the variables are no JSON.
pub fn body<O: Operation>(variables: &O::Variables) -> serde_json::Result<Vec<u8>> {
    let mut body = O::head().to_vec();
    serde_json::to_writer(&mut body, variables)?;
    body.push(b'}');
    Ok(body)
}

/// A request's body up to its variables.
pub fn head(name: &str, document: &str) -> Vec<u8> {
    let words: Vec<&str> = document.split_whitespace().collect();
    let (document, name) = (json!(words.join(" ")), json!(name));
    format!(r#"{{"query":{document},"operationName":{name},"variables":"#).into_bytes()
}

// Scalars and enums as the generated types name them. Codes stay text, as they grow each quarter.
type DateTime = String;
type Decimal = String;
type DiscountErrorCode = String;
type MetafieldsSetUserErrorCode = String;
type CurrencyCode = String;
type OrderCancelReason = String;
type OrderCancelUserErrorCode = String;
type OrderDisplayFinancialStatus = String;
type OrderDisplayFulfillmentStatus = String;
type OrderTransactionKind = String;
type OrderTransactionStatus = String;
type StoreCreditAccountCreditUserErrorCode = String;
type WebhookSubscriptionTopic = String;

macro_rules! operations {
    ($($name:ident = $file:tt costs $cost:literal $turn:ident;)*) => {
        $(
            #[derive(GraphQLQuery)]
            #[graphql(
                schema_path = "src/shopify/schema.graphql",
                query_path = $file,
                response_derives = "Debug",
                extern_enums(
                    "CurrencyCode",
                    "DiscountErrorCode",
                    "MetafieldsSetUserErrorCode",
                    "OrderCancelReason",
                    "OrderCancelUserErrorCode",
                    "OrderDisplayFinancialStatus",
                    "OrderDisplayFulfillmentStatus",
                    "OrderTransactionKind",
                    "OrderTransactionStatus",
                    "StoreCreditAccountCreditUserErrorCode",
                    "WebhookSubscriptionTopic"
                ),
                fragments_other_variant = "true"
            )]
            pub struct $name;

            impl Operation for $name {
                const NAME: &'static str = stringify!($name);
                const COST: u32 = $cost;
                const TURN: Turn = Turn::$turn;

                fn head() -> &'static [u8] {
                    static HEAD: LazyLock<Vec<u8>> =
                        LazyLock::new(|| head($name::NAME, include_str!(concat!("../../", $file))));
                    &HEAD
                }
            }
        )*

        /// Name, document and cost of each operation.
        #[cfg(test)]
        pub const ALL: &[(&str, &str, u32)] =
            &[$(($name::NAME, include_str!(concat!("../../", $file)), $cost)),*];
    };
}

operations! {
    CancelProgress = "src/shopify/operations/cancel_progress.graphql" costs 2 Last;
    CouponActivate = "src/shopify/operations/coupon_activate.graphql" costs 10 Later;
    CouponByCode = "src/shopify/operations/coupon_by_code.graphql" costs 2 Later;
    CouponCreate = "src/shopify/operations/coupon_create.graphql" costs 10 Later;
    CouponDeactivate = "src/shopify/operations/coupon_deactivate.graphql" costs 10 First;
    CouponDelete = "src/shopify/operations/coupon_delete.graphql" costs 10 Later;
    CouponEnd = "src/shopify/operations/coupon_end.graphql" costs 10 Later;
    CouponStatus = "src/shopify/operations/coupon_status.graphql" costs 2 Later;
    CouponUsage = "src/shopify/operations/coupon_usage.graphql" costs 52 Later;
    CouponsRead = "src/shopify/operations/coupons_read.graphql" costs 2 First;
    CouponsWrite = "src/shopify/operations/coupons_write.graphql" costs 10 First;
    CustomerAddress = "src/shopify/operations/customer_address.graphql" costs 2 Later;
    CreditGive = "src/shopify/operations/credit_give.graphql" costs 10 Last;
    CreditsRead = "src/shopify/operations/credits_read.graphql" costs 184 Last;
    CreditsReverted = "src/shopify/operations/credits_reverted.graphql" costs 126 Last;
    CustomerCredit = "src/shopify/operations/customer_credit.graphql" costs 11 Later;
    CustomerCard = "src/shopify/operations/customer_card.graphql" costs 4 Later;
    DiscountsNewest = "src/shopify/operations/discounts_newest.graphql" costs 100 Last;
    Installation = "src/shopify/operations/installation.graphql" costs 53 Later;
    OrderCancel = "src/shopify/operations/order_cancel.graphql" costs 10 Last;
    OrderProgress = "src/shopify/operations/order_progress.graphql" costs 1 Last;
    OrderRead = "src/shopify/operations/order_read.graphql" costs 55 Last;
    OrdersChanged = "src/shopify/operations/orders_changed.graphql" costs 50 Last;
    WebhookSubscribe = "src/shopify/operations/webhook_subscribe.graphql" costs 10 Later;
}

macro_rules! user_errors {
    ($($module:ident :: $generated:ident,)*) => {
        $(impl From<$module::$generated> for UserError {
            fn from(error: $module::$generated) -> Self {
                let field = error.field.unwrap_or_default();
                Self { code: error.code, field, message: error.message, element: None }
            }
        })*
    };
}

// This mutation's errors have no code.
impl From<webhook_subscribe::WebhookSubscribeWebhookSubscriptionCreateUserErrors> for UserError {
    fn from(error: webhook_subscribe::WebhookSubscribeWebhookSubscriptionCreateUserErrors) -> Self {
        let field = error.field.unwrap_or_default();
        Self { code: None, field, message: error.message, element: None }
    }
}

impl From<coupons_write::CouponsWriteMetafieldsSetUserErrors> for UserError {
    fn from(error: coupons_write::CouponsWriteMetafieldsSetUserErrors) -> Self {
        let field = error.field.unwrap_or_default();
        let element = error.element_index.and_then(|index| usize::try_from(index).ok());
        Self { code: error.code, field, message: error.message, element }
    }
}

user_errors! {
    coupon_activate::CouponActivateDiscountCodeActivateUserErrors,
    credit_give::CreditGiveStoreCreditAccountCreditUserErrors,
    coupon_create::CouponCreateDiscountCodeBasicCreateUserErrors,
    coupon_deactivate::CouponDeactivateDiscountCodeDeactivateUserErrors,
    coupon_delete::CouponDeleteDiscountCodeDeleteUserErrors,
    coupon_end::CouponEndDiscountCodeBasicUpdateUserErrors,
    order_cancel::OrderCancelOrderCancelOrderCancelUserErrors,
}
