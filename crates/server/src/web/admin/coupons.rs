//! `/admin/coupons`: find a coupon, by tab, search, filter and order; all of it in the address.

use super::{Page, forms, show};
use crate::{
    app::App,
    store::coupons::{Order, Tab},
    web::{
        api::coupons::{self, CouponItem, ListQuery},
        error::ApiError,
    },
};
use askama::Template;
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use domain::Act;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "admin/coupons.html")]
struct CouponsPage {
    page: Page,
    asked: ListQuery,
    tabs: Vec<TabLink>,
    orders: Vec<(&'static str, String, bool)>,
    rows: Vec<Row>,
    next: Option<String>,
    /// The first page of the same list, where this is a later one.
    first: Option<String>,
    /// Something narrows the list beside the tab.
    narrowed: bool,
    /// Something beside the search does, so that the filters stand open.
    filtered: bool,
    clear: String,
    /// Several may be chosen and cancelled together.
    bulk: bool,
}

struct TabLink {
    text: String,
    count: String,
    href: String,
    here: bool,
}

struct Row {
    item: CouponItem,
    badge: Badge,
    customer: String,
    cancel: bool,
}

/// A coupon's status as a label: its tone, and what it says.
pub struct Badge {
    pub tone: &'static str,
    pub text: String,
}

impl Badge {
    /// Of the API's name of a status.
    pub fn of(page: &Page, status: &str) -> Self {
        let tone = match status {
            "unused" => "info",
            "held" | "in_doubt" => "warning",
            _ => "",
        };
        Self { tone, text: page.t(&format!("status-{}", status.replace('_', "-"))) }
    }
}

/// The name, or where there is none what stands for it.
pub fn customer_name(page: &Page, item: &CouponItem) -> String {
    let unnamed = || page.with("customer-unnamed", &[("id", &item.customer.id)]);
    item.customer.name.clone().unwrap_or_else(unnamed)
}

/// The address of a list like this one.
fn address(asked: &ListQuery, tab: &str, cursor: &str) -> String {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let status = if tab == Tab::All.as_str() { "" } else { tab };
    let expiring = asked.sort.as_deref() == Some(Order::Expiring.as_str());
    let fits = !expiring || tab == Tab::Unused.as_str();
    let sort = asked.sort.clone().filter(|sort| fits && sort != Order::Newest.as_str());
    forms::address(
        "/admin/coupons",
        &[
            ("status", status),
            ("q", &text(&asked.q)),
            ("customer", &text(&asked.customer)),
            ("from", &text(&asked.from)),
            ("to", &text(&asked.to)),
            ("amount_from", &text(&asked.amount_from)),
            ("amount_to", &text(&asked.amount_to)),
            ("sort", &text(&sort)),
            ("cursor", cursor),
        ],
    )
}

/// Every tab with how many coupons it holds: in the shop, not in the search.
async fn tabs(app: &App, page: &Page, asked: &ListQuery) -> Result<Vec<TabLink>, ApiError> {
    let found = coupons::count(app, &page.staff).await?;
    let here = asked.status.as_deref().and_then(Tab::parse).unwrap_or_default();
    let link = |tab: Tab| {
        let name = tab.as_str();
        let count = page.number(found.counts.get(name).unwrap_or(&0));
        let more = if found.more.contains(&name) { "+" } else { "" };
        TabLink {
            text: page.t(&format!("status-{}", name.replace('_', "-"))),
            count: format!("{count}{more}"),
            href: address(asked, name, ""),
            here: tab == here,
        }
    };
    Ok(Tab::ALL.into_iter().map(link).collect())
}

fn orders(page: &Page, asked: &ListQuery, tab: &str) -> Vec<(&'static str, String, bool)> {
    let chosen = asked.sort.as_deref().unwrap_or_default();
    let fits = |order: &Order| *order != Order::Expiring || tab == Tab::Unused.as_str();
    Order::ALL
        .into_iter()
        .filter(fits)
        .map(|order| {
            let name = order.as_str();
            (name, page.t(&format!("sort-{name}")), name == chosen)
        })
        .collect()
}

pub async fn list(
    State(app): State<Arc<App>>,
    page: Page,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::See)?;
    let Query(asked) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let found = coupons::read(&app, &page.staff, &asked).await?;
    let tab = asked.status.clone().unwrap_or_else(|| Tab::All.as_str().to_owned());
    let given = |text: &&Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let ListQuery { q, customer, from, to, amount_from, amount_to, .. } = &asked;
    let filtered = [customer, from, to, amount_from, amount_to].iter().any(given);
    let may = page.may(Act::Cancel);
    let row = |item: CouponItem| Row {
        badge: Badge::of(&page, item.status),
        customer: customer_name(&page, &item),
        cancel: may && item.status == Tab::Unused.as_str(),
        item,
    };
    let rows: Vec<Row> = found.items.into_iter().map(row).collect();
    show(&CouponsPage {
        tabs: tabs(&app, &page, &asked).await?,
        orders: orders(&page, &asked, &tab),
        bulk: page.may(Act::Bulk) && rows.iter().any(|row| row.cancel),
        rows,
        next: found.next_cursor.map(|cursor| address(&asked, &tab, &cursor)),
        first: asked.cursor.as_ref().map(|_| address(&asked, &tab, "")),
        narrowed: filtered || given(&q),
        filtered,
        clear: address(&ListQuery::default(), &tab, ""),
        asked,
        page,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_s_address_keeps_what_fits_the_tab() {
        let some = |text: &str| Some(text.to_owned());
        let asked = ListQuery {
            q: some("70934"),
            sort: some("expiring"),
            cursor: some("abc"),
            ..ListQuery::default()
        };
        for (tab, cursor, expected) in [
            ("all", "", "/admin/coupons?q=70934"),
            ("used", "", "/admin/coupons?status=used&q=70934"),
            ("unused", "xyz", "/admin/coupons?status=unused&q=70934&sort=expiring&cursor=xyz"),
        ] {
            assert_eq!(address(&asked, tab, cursor), expected);
        }
    }
}
