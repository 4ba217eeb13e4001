//! `GET /admin/api/v1/coupons`: the list, and `/coupons/counts`: how many each tab holds.

use crate::{
    app::App,
    store::coupons::{self, Filter, Listed, MOST_COUNTED, Order, Tab},
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
use std::{collections::BTreeMap, sync::Arc};
use utoipa::{IntoParams, ToSchema};

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Customer id, member number, name, or any part of a code.
    pub q: Option<String>,
    /// `all`, `unused`, `used`, `expired`, `cancelled`, `held` or `in_doubt`.
    pub status: Option<String>,
    /// A Shopify customer id.
    pub customer: Option<String>,
    /// Issued at this moment or later (RFC 3339), or on this day in the shop's time zone.
    pub from: Option<String>,
    /// Issued before this moment, or on this day or earlier.
    pub to: Option<String>,
    /// Worth at least so much, in the shop's currency.
    #[param(example = "500")]
    pub amount_from: Option<String>,
    /// Worth at most so much.
    pub amount_to: Option<String>,
    /// `newest`, `oldest`, or with `status=unused` also `expiring`: what ends soonest.
    pub sort: Option<String>,
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerBody {
    #[schema(example = "12345")]
    pub id: String,
    pub name: Option<String>,
    #[schema(example = "70934")]
    pub member_no: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CouponItem {
    #[schema(example = "70934-AC37DE-500")]
    pub code: String,
    pub customer: CustomerBody,
    pub amount: MoneyBody,
    pub points_used: i64,
    /// `unused`, `used`, `expired`, `cancelled`, `held` or `in_doubt`.
    #[schema(example = "unused")]
    pub status: &'static str,
    pub created_at: String,
    pub expires_at: String,
    /// When it was cancelled, used or expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// The order that used it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
}

impl From<Listed> for CouponItem {
    fn from(row: Listed) -> Self {
        let currency = Currency::from_code(&row.currency).unwrap_or(Currency::XXX);
        Self {
            code: row.code,
            customer: CustomerBody {
                id: row.customer.to_string(),
                name: row.name,
                member_no: row.member_no,
            },
            amount: MoneyBody::from(Money { minor: row.amount, currency }),
            points_used: row.points,
            status: row.tab.as_str(),
            created_at: row.created_at.rfc3339(),
            expires_at: row.expires_at.rfc3339(),
            ended_at: row.ended_at.map(At::rfc3339),
            order: row.used_in.filter(|order| !order.is_empty()),
        }
    }
}

/// A moment, or a day in the shop's time zone: its beginning, or with `end` the next one's.
pub fn moment(name: &str, text: &str, app: &App, staff: &Staff, end: bool) -> Result<At, ApiError> {
    let invalid = || ApiError::invalid(format!("{name}: {text:?} is neither a day nor a moment"));
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(At::from(at));
    }
    let day: jiff::civil::Date = text.parse().map_err(|_| invalid())?;
    let day = if end { day.tomorrow().map_err(|_| invalid())? } else { day };
    let start = day.to_zoned(staff.shop(app)?.zone.clone()).map_err(|_| invalid())?;
    Ok(At::from(start.timestamp()))
}

/// What stands in a field, if anything does.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// An amount in the shop's currency, in minor units.
fn amount(name: &str, text: &str, currency: Currency) -> Result<i64, ApiError> {
    let money = text.parse().ok().and_then(|amount| Money::exact(amount, currency));
    let invalid = || ApiError::invalid(format!("{name}: {text:?} is not an amount of money"));
    money.map(|money| money.minor).ok_or_else(invalid)
}

fn order(text: Option<&str>, tab: Tab) -> Result<Order, ApiError> {
    let Some(text) = text else { return Ok(Order::default()) };
    let order = Order::ALL.into_iter().find(|order| order.as_str() == text);
    let order =
        order.ok_or_else(|| ApiError::invalid(format!("sort: {text:?} is not an order")))?;
    if order == Order::Expiring && tab != Tab::Unused {
        return Err(ApiError::invalid("sort: expiring goes with status=unused".to_owned()));
    }
    Ok(order)
}

/// What the query asks for. One more row than a page holds, to know whether there is a next one.
pub fn filter(app: &App, staff: &Staff, query: &ListQuery) -> Result<(Filter, usize), ApiError> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor.clone() };
    let tab = match given(&query.status) {
        None => Tab::All,
        Some(text) => Tab::parse(text)
            .ok_or_else(|| ApiError::invalid(format!("status: {text:?} is not a status")))?,
    };
    let customer = match given(&query.customer) {
        None => None,
        Some(text) => Some(CustomerId::parse(text).ok_or_else(|| {
            ApiError::invalid(format!("customer: {text:?} is not a Shopify customer id"))
        })?),
    };
    let limit = page.limit();
    let at = |name, text: &Option<String>, end| {
        given(text).map(|text| moment(name, text, app, staff, end)).transpose()
    };
    let currency = staff.shop(app)?.rules.rate.currency();
    let worth = |name, text: &Option<String>| {
        given(text).map(|text| amount(name, text, currency)).transpose()
    };
    let filter = Filter {
        tab,
        q: given(&query.q).map(str::to_owned),
        customer,
        from: at("from", &query.from, false)?,
        to: at("to", &query.to, true)?,
        least: worth("amount_from", &query.amount_from)?,
        greatest: worth("amount_to", &query.amount_to)?,
        order: order(given(&query.sort), tab)?,
        before: page.before()?,
        most: limit + 1,
        now: app.now(),
    };
    Ok((filter, limit))
}

#[utoipa::path(get, path = "/admin/api/v1/coupons", tag = "staff", security(("staff" = [])),
    params(ListQuery),
    responses((status = 200, body = Page<CouponItem>), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody)))]
pub async fn list(
    State(app): State<Arc<App>>,
    staff: Staff,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Page<CouponItem>>, ApiError> {
    staff.may(Act::See)?;
    let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    read(&app, &staff, &query).await.map(Json)
}

/// A page of the list.
pub async fn read(
    app: &App,
    staff: &Staff,
    query: &ListQuery,
) -> Result<Page<CouponItem>, ApiError> {
    let (filter, limit) = filter(app, staff, query)?;
    let order = filter.order;
    let rows = coupons::list(&app.database, staff.shop_id(), filter).await?;
    Ok(Page::of(rows, limit, |row| (order.place(row), &row.code), CouponItem::from))
}

/// By the tabs' names; in a large shop as they were some seconds ago.
/// `more` holds those that were counted only so far.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountsBody {
    pub counts: BTreeMap<&'static str, i64>,
    pub more: Vec<&'static str>,
}

#[utoipa::path(get, path = "/admin/api/v1/coupons/counts", tag = "staff",
    security(("staff" = [])),
    responses((status = 200, body = CountsBody), (status = 401, body = ProblemBody)))]
pub async fn counts(
    State(app): State<Arc<App>>,
    staff: Staff,
) -> Result<Json<CountsBody>, ApiError> {
    staff.may(Act::See)?;
    count(&app, &staff).await.map(Json)
}

/// How many coupons each tab holds.
pub async fn count(app: &App, staff: &Staff) -> Result<CountsBody, ApiError> {
    let shop = staff.shop_id();
    let found = app.counts.or(shop, coupons::counts(&app.database, shop, app.now())).await?;
    let more = found.iter().filter(|(_, n)| *n > MOST_COUNTED).map(|(tab, _)| tab.as_str());
    let more = more.collect();
    let counts = found.into_iter().map(|(tab, n)| (tab.as_str(), n.min(MOST_COUNTED))).collect();
    Ok(CountsBody { counts, more })
}
