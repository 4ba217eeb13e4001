//! `/admin/customers/{id}`: what a customer has, and where their points went.

use super::{Page, coupon, coupons::Badge, customers, forms, orders, show};
use crate::{
    app::App,
    store::order_lists::{self, Filter},
    web::{
        api::{
            coupons::{self as api_coupons, CouponItem, ListQuery},
            credits::{self, OwnCredit},
            customer::{self, CustomerDetail, CustomerQuery},
            customer_history::{self, HistoryItem},
            grants,
            orders::OrderItem,
        },
        error::ApiError,
        storefront::page::PageQuery,
    },
};
use askama::Template;
use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    response::Response,
};
use domain::CustomerId;
use serde::Deserialize;
use std::sync::Arc;

/// So many movements a page: mostly all of them, so that it can be printed.
const MOVEMENTS: usize = 100;
/// So many coupons and orders stand beside them.
const NEWEST: usize = 5;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    on: Option<String>,
    cursor: Option<String>,
    /// What was done just now; the page reads it itself.
    #[serde(rename = "done")]
    _done: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/customer.html")]
struct CustomerPage {
    page: Page,
    detail: CustomerDetail,
    name: String,
    standing: Option<String>,
    place: String,
    on: String,
    coupons: Vec<(String, usize, String)>,
    all_coupons: String,
    /// The newest ones.
    latest: Vec<Issued>,
    orders: Vec<Bought>,
    all_orders: String,
    /// Store credit that Kaeru holds.
    own: Option<OwnCredit>,
    moves: Vec<Move>,
    older: Option<String>,
}

/// A movement, and its place on this page's list.
struct Move {
    item: HistoryItem,
    /// Why, in the reader's language; in the words of whoever gave a reason of their own.
    why: String,
    /// Names the row.
    anchor: String,
    /// The row of its counterpart, where it is on this page.
    pair: Option<String>,
}

/// A coupon of the customer's.
struct Issued {
    href: String,
    item: CouponItem,
    badge: Badge,
}

/// An order of the customer's.
struct Bought {
    href: String,
    item: OrderItem,
    status: Badge,
    revert: Badge,
}

/// The newest coupons and orders.
async fn belongings(
    app: &App,
    page: &Page,
    id: CustomerId,
) -> Result<(Vec<Issued>, Vec<Bought>), ApiError> {
    let query =
        ListQuery { customer: Some(id.to_string()), limit: Some(NEWEST), ..ListQuery::default() };
    let found = api_coupons::read(app, &page.staff, &query).await?.items;
    let issued = |item: CouponItem| Issued {
        href: coupon::place(&item.code),
        badge: Badge::of(page, item.status),
        item,
    };
    let issued = found.into_iter().map(issued).collect();
    let filter = Filter { customer: Some(id), most: NEWEST, ..Filter::default() };
    let found = order_lists::list(&app.database, page.staff.shop_id(), filter).await?;
    let bought = |item: OrderItem| Bought {
        href: orders::place(&item.id),
        status: orders::status(page, &item.status),
        revert: orders::reverted(page, &item.revert_status),
        item,
    };
    Ok((issued, found.into_iter().map(OrderItem::from).map(bought).collect()))
}

/// A customer's own address.
pub fn place(id: &str) -> String {
    format!("/admin/customers/{id}")
}

fn moves(page: &Page, items: Vec<HistoryItem>) -> Vec<Move> {
    let references: Vec<String> = items.iter().map(|item| item.reference.clone()).collect();
    let row = |reference: &String| references.iter().position(|other| other == reference);
    items
        .into_iter()
        .map(|item| Move {
            anchor: format!("m{}", row(&item.reference).unwrap_or_default()),
            pair: item.linked_to.as_ref().and_then(row).map(|at| format!("#m{at}")),
            why: why(page, &item.reason),
            item,
        })
        .collect()
}

/// A flow's own reason in the reader's language; people's own words stay.
fn why(page: &Page, reason: &str) -> String {
    page.t(match reason {
        "conversion" | "Coupon conversion" => "moved-conversion",
        "cancellation" | "Refund due to coupon cancellation" => "moved-cancellation",
        "reversal" | "Refund due to order cancellation" => "moved-reversal",
        "Order cancelled: points earned by it" => "moved-earned",
        "taken_back" | "Order re-opened: what came back is taken again" => "moved-taken-back",
        "Order payment" => "moved-payment",
        _ => return reason.to_owned(),
    })
}

pub async fn see(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(asked) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let on = asked.on.unwrap_or_default();
    let wanted = CustomerQuery { on: Some(on.clone()).filter(|on| !on.is_empty()) };
    let detail = customer::read(&app, &page.staff, &id, wanted).await?;
    let shop = page.staff.shop(&app)?;
    let own = credits::own(&app, shop, grants::customer(&id)?, None).await?;
    let part = PageQuery { limit: Some(MOVEMENTS), cursor: asked.cursor };
    let history = customer_history::read(&app, &page.staff, &id, part).await?;
    let (latest, orders) = belongings(&app, &page, grants::customer(&id)?).await?;
    let id = detail.customer.id.clone();
    let list =
        |status: &str| forms::address("/admin/coupons", &[("status", status), ("customer", &id)]);
    let held = detail.coupons.iter().filter(|of| of.count > 0);
    let text = |status: &str| page.t(&format!("status-{}", status.replace('_', "-")));
    let coupons = held.map(|of| (text(of.status), of.count, list(of.status))).collect();
    let older =
        history.next_cursor.map(|cursor| forms::address(&place(&id), &[("cursor", &cursor)]));
    show(&CustomerPage {
        name: customers::name(&page, &detail.customer),
        standing: customers::standing(&page, &detail.customer),
        place: place(&id),
        all_coupons: list(""),
        all_orders: forms::address("/admin/orders", &[("q", &id)]),
        latest,
        orders,
        own,
        moves: moves(&page, history.items),
        coupons,
        older,
        on,
        detail,
        page,
    })
}
