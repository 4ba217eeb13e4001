//! The operations, typed from their files against the schema that the project keeps.

use graphql_client::GraphQLQuery;

/// Requested costs by Shopify's rule: a mutation 10, an object 1, a union the most of its members.
pub const CREATE_COST: f64 = 11.0;
pub const CHANGE_COST: f64 = 10.0;
pub const FIND_COST: f64 = 2.0;
pub const CARD_COST: f64 = 3.0;
pub const COUPONS_COST: f64 = 2.0;

type DateTime = String;
type Decimal = String;

macro_rules! operation {
    ($name:ident, $file:tt) => {
        #[derive(GraphQLQuery)]
        #[graphql(
                            schema_path = "src/shopify/schema.graphql",
                            query_path = $file,
                            variables_derives = "Debug, Clone",
                            response_derives = "Debug",
                            skip_serializing_none
                        )]
        pub struct $name;
    };
}

operation!(CouponCreate, "src/shopify/operations/coupon_create.graphql");
operation!(CouponUpdate, "src/shopify/operations/coupon_update.graphql");
operation!(CouponActivate, "src/shopify/operations/coupon_activate.graphql");
operation!(CouponDeactivate, "src/shopify/operations/coupon_deactivate.graphql");
operation!(CouponDelete, "src/shopify/operations/coupon_delete.graphql");
operation!(CouponByCode, "src/shopify/operations/coupon_by_code.graphql");
operation!(CustomerCard, "src/shopify/operations/customer_card.graphql");
operation!(CustomerCoupons, "src/shopify/operations/customer_coupons.graphql");

/// A null digest means «must not exist yet», so nulls are sent.
#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "src/shopify/schema.graphql",
    query_path = "src/shopify/operations/customer_coupons_set.graphql",
    variables_derives = "Debug, Clone",
    response_derives = "Debug"
)]
pub struct CustomerCouponsSet;

/// A user error, whichever mutation it came from.
#[derive(Debug)]
pub struct UserError {
    /// `None` where Shopify gave none.
    pub code: Option<String>,
    pub field: Vec<String>,
    pub message: String,
}

macro_rules! user_errors {
    ($($module:ident :: $list:ident),* $(,)?) => {$(
        impl From<$module::$list> for UserError {
            fn from(error: $module::$list) -> Self {
                let code = error.code.and_then(|code| serde_json::to_value(code).ok());
                Self {
                    code: code.and_then(|code| code.as_str().map(str::to_owned)),
                    field: error.field.unwrap_or_default(),
                    message: error.message,
                }
            }
        }
    )*};
}

user_errors!(
    coupon_create::CouponCreateDiscountCodeBasicCreateUserErrors,
    coupon_update::CouponUpdateDiscountCodeBasicUpdateUserErrors,
    coupon_activate::CouponActivateDiscountCodeActivateUserErrors,
    coupon_deactivate::CouponDeactivateDiscountCodeDeactivateUserErrors,
    coupon_delete::CouponDeleteDiscountCodeDeleteUserErrors,
    customer_coupons_set::CustomerCouponsSetMetafieldsSetUserErrors,
);
