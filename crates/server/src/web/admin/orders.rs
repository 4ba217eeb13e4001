//! `/admin/orders`: the orders that Kaeru knows, and what has come back of those that ended.

use super::{Page, coupons::Badge, forms, show};
use crate::{
    app::App,
    store::order_lists::{self, REVERT_STATUSES},
    store::orders::Status,
    web::{
        api::orders::{OrderItem, OrderQuery, filter},
        error::ApiError,
        storefront::page,
    },
};
use askama::Template;
use axum::{
    extract::{Query, RawQuery, State},
    http::Uri,
    response::Response,
};
use domain::Act;
use std::sync::Arc;

const PLACE: &str = "/admin/orders";
/// In the address: everything on the page is chosen.
const CHOSEN: &str = "chosen=all";

#[derive(Template)]
#[template(path = "admin/orders.html")]
struct OrdersPage {
    page: Page,
    q: String,
    /// By what came back: its address, its text, whether it is shown.
    tabs: Vec<(String, String, bool)>,
    revert_status: String,
    /// Names, texts, and which is chosen.
    statuses: Vec<(&'static str, String, bool)>,
    rows: Vec<Row>,
    narrowed: bool,
    may_place: bool,
    next: Option<String>,
    first: Option<String>,
    /// Several may be chosen and acted on together.
    bulk: bool,
    /// All on this page are chosen.
    chosen: bool,
    /// The address of this page with all of them chosen.
    everything: String,
}

struct Row {
    item: OrderItem,
    href: String,
    customer: String,
    status: Badge,
    revert: Badge,
}

/// Where an order is shown.
pub fn place(id: &str) -> String {
    format!("{PLACE}/{id}")
}

/// How an order stands, as a label.
pub fn status(page: &Page, status: &str) -> Badge {
    let tone = match status {
        "cancelled" => "neutral",
        "pending" => "warning",
        _ => "good",
    };
    Badge { tone, text: page.t(&format!("order-status-{status}")) }
}

/// What has come back, as a label.
pub fn reverted(page: &Page, status: &str) -> Badge {
    let tone = match status {
        "not_reverted" => "critical",
        "partly_reverted" => "warning",
        "reverted" => "good",
        _ => "neutral",
    };
    Badge { tone, text: reverted_text(page, status) }
}

fn reverted_text(page: &Page, status: &str) -> String {
    page.t(&format!("order-revert-{}", status.replace('_', "-")))
}

/// Who bought it.
pub fn buyer(page: &Page, item: &OrderItem) -> String {
    let named = |id: &str| page.with("customer-unnamed", &[("id", id)]);
    let customer = item.customer.as_ref();
    let name = customer.map(|buyer| buyer.name.clone().unwrap_or_else(|| named(&buyer.id)));
    name.unwrap_or_else(|| page.t("order-guest"))
}

/// Whether everything on the page is chosen, and the rest of the query.
fn asked(query: &str) -> Result<(bool, OrderQuery), ApiError> {
    let rest: Vec<&str> = query.split('&').filter(|pair| *pair != CHOSEN).collect();
    let all = query.split('&').any(|pair| pair == CHOSEN);
    let unreadable = |detail: String| ApiError::invalid(detail);
    let uri = format!("/?{}", rest.join("&")).parse::<Uri>();
    let uri = uri.map_err(|error| unreadable(error.to_string()))?;
    let query = Query::try_from_uri(&uri);
    let Query(asked) = query.map_err(|error| unreadable(error.body_text()))?;
    Ok((all, asked))
}

pub async fn list(
    State(app): State<Arc<App>>,
    page: Page,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    page.staff.may(Act::See)?;
    let (all, asked) = asked(query.as_deref().unwrap_or_default())?;
    let (filter, limit) = filter(&asked)?;
    let found = order_lists::list(&app.database, page.staff.shop_id(), filter).await?;
    let found =
        page::Page::of(found, limit, |row| (row.created_at, row.id.as_str()), OrderItem::from);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (q, chosen, revert) = (text(&asked.q), text(&asked.status), text(&asked.revert_status));
    let address = |revert: &str, cursor: &str| {
        let asked =
            [("q", q.as_str()), ("status", &chosen), ("revert_status", revert), ("cursor", cursor)];
        forms::address(PLACE, &asked)
    };
    let tab = |name: &str| {
        let text = if name.is_empty() { "all" } else { name };
        (address(name, ""), reverted_text(&page, text), revert == name)
    };
    let tabs = std::iter::once("").chain(REVERT_STATUSES).map(tab).collect();
    let option = |name: &'static str, text: &str| (name, page.t(text), chosen == name);
    let named = |of: Status| option(of.as_str(), &format!("order-status-{}", of.as_str()));
    let statuses =
        std::iter::once(option("", "order-status-all")).chain(Status::ALL.map(named)).collect();
    let row = |item: OrderItem| Row {
        href: place(&item.id),
        customer: buyer(&page, &item),
        status: status(&page, &item.status),
        revert: reverted(&page, &item.revert_status),
        item,
    };
    let rows = found.items.into_iter().map(row).collect();
    let next = found.next_cursor.as_deref().map(|cursor| address(&revert, cursor));
    let first = asked.cursor.as_ref().map(|_| address(&revert, ""));
    let narrowed = !(q.is_empty() && chosen.is_empty() && revert.is_empty());
    let here = address(&revert, asked.cursor.as_deref().unwrap_or_default());
    let join = if here.contains('?') { '&' } else { '?' };
    show(&OrdersPage {
        bulk: page.may(Act::Bulk),
        chosen: all,
        everything: format!("{here}{join}{CHOSEN}"),
        q,
        tabs,
        revert_status: revert,
        statuses,
        rows,
        narrowed,
        may_place: page.may(Act::PlaceOrder),
        next,
        first,
        page,
    })
}
