//! `GET /admin/api/v1/orders`: the list, by status and by what has come back.

use crate::{
    app::App,
    store::{
        order_lists::{self, Filter, Listed, REVERT_STATUSES},
        orders::Status,
    },
    web::{
        auth_staff::Staff,
        error::{ApiError, ProblemBody},
        storefront::{
            page::{Page, PageQuery},
            points::MoneyBody,
        },
    },
};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use domain::{Act, At, CustomerId, Money};
use iso_currency::Currency;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct OrderQuery {
    /// An order's name or id, a coupon's code, a customer's id or the beginning of their name.
    pub q: Option<String>,
    /// `pending`, `confirmed`, `completed` or `cancelled`.
    pub status: Option<String>,
    /// `not_reverted`, `partly_reverted`, `reverted` or `nothing_to_revert`.
    pub revert_status: Option<String>,
    /// A Shopify customer id.
    pub customer: Option<String>,
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BuyerBody {
    #[schema(example = "12345")]
    pub id: String,
    pub name: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OrderItem {
    #[schema(example = "6100000000001")]
    pub id: String,
    #[schema(example = "#1001")]
    pub name: String,
    /// `shopify`, or the channel that it came by.
    pub channel: String,
    /// Absent where nobody signed in.
    pub customer: Option<BuyerBody>,
    pub total: MoneyBody,
    /// `pending`, `confirmed`, `completed` or `cancelled`.
    #[schema(example = "cancelled")]
    pub status: String,
    /// As Shopify says.
    pub financial_status: Option<String>,
    /// `not_reverted`, `partly_reverted`, `reverted` or `nothing_to_revert`.
    #[schema(example = "not_reverted")]
    pub revert_status: String,
    /// Of the coupons that were applied.
    pub points: i64,
    /// Store credit that paid for some of it.
    pub credit: MoneyBody,
    pub created_at: String,
    pub cancelled_at: Option<String>,
    pub cancel_reason: Option<String>,
}

/// Minor units of a currency by its code.
pub fn money(minor: i64, currency: &str) -> Money {
    Money { minor, currency: Currency::from_code(currency).unwrap_or(Currency::XXX) }
}

impl From<Listed> for OrderItem {
    fn from(row: Listed) -> Self {
        let name = row.customer_name;
        Self {
            customer: row.customer.map(|id| BuyerBody { id: id.to_string(), name }),
            total: MoneyBody::from(money(row.total, &row.currency)),
            credit: MoneyBody::from(money(row.credit, &row.currency)),
            id: row.id.0,
            name: row.name,
            channel: row.channel,
            status: row.status,
            financial_status: row.financial_status,
            revert_status: row.revert_status,
            points: row.points,
            created_at: row.created_at.rfc3339(),
            cancelled_at: row.cancelled_at.map(At::rfc3339),
            cancel_reason: row.cancel_reason,
        }
    }
}

fn one_of(
    name: &str,
    text: Option<&String>,
    all: &[&'static str],
) -> Result<Option<&'static str>, ApiError> {
    match text.map(|text| text.trim()).filter(|text| !text.is_empty() && *text != "all") {
        None => Ok(None),
        Some(text) => {
            let found = all.iter().find(|word| **word == text).copied();
            let wrong = || ApiError::invalid(format!("{name}: choose one of {}", all.join(", ")));
            found.map(Some).ok_or_else(wrong)
        }
    }
}

/// What the query asks for. One more row than a page holds, to know whether there is a next one.
pub fn filter(query: &OrderQuery) -> Result<(Filter, usize), ApiError> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor.clone() };
    let customer = query.customer.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let customer = customer.map(|text| {
        CustomerId::parse(text).ok_or_else(|| {
            ApiError::invalid(format!("customer: {text:?} is not a Shopify customer id"))
        })
    });
    let filter = Filter {
        q: query.q.clone(),
        status: one_of("status", query.status.as_ref(), &Status::ALL.map(Status::as_str))?,
        revert_status: one_of("revert_status", query.revert_status.as_ref(), &REVERT_STATUSES)?,
        customer: customer.transpose()?,
        before: page.before()?,
        most: page.limit() + 1,
    };
    Ok((filter, page.limit()))
}

#[utoipa::path(get, path = "/admin/api/v1/orders", tag = "staff", security(("staff" = [])),
    params(OrderQuery),
    responses((status = 200, body = Page<OrderItem>), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody)))]
pub async fn list(
    State(app): State<Arc<App>>,
    staff: Staff,
    query: Result<Query<OrderQuery>, QueryRejection>,
) -> Result<Json<Page<OrderItem>>, ApiError> {
    staff.may(Act::See)?;
    let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let (filter, limit) = filter(&query)?;
    let rows = order_lists::list(&app.database, staff.shop_id(), filter).await?;
    Ok(Json(Page::of(rows, limit, |row| (row.created_at, row.id.as_str()), OrderItem::from)))
}
