//! `order(id)` and `orders(query)`.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::execute::View;
use super::graphql::{Connection, ConnectionOf, Errors, Field, Out, gid};
use super::order_view::OrderObject;
use crate::books::Order;
use crate::clock::{self, Millis};

/// Without the scope `read_all_orders` older orders are not found.
const OLDEST_MS: Millis = 60 * 86_400 * 1_000;

pub fn by_id(view: View<'_>, field: &Field, out: &mut Out<'_>) {
    let text = field.text("id", out.variables);
    let id = gid(&text).filter(|(kind, _)| *kind == "Order");
    let order = id.and_then(|(_, id)| view.books.orders.get(&id));
    out.nullable(order.map(|order| OrderObject { order, view }), field);
}

/// A page of the orders that fit the query, oldest first unless reversed. The index lags behind the
/// orders: one is not found before the lag is over, and a change does not move it before.
pub fn search(view: View<'_>, field: &Field, out: &mut Out<'_>) {
    let query = field.text("query", out.variables);
    let refused = |what: &str, out: &mut Out<'_>| {
        let errors = Errors::not_emulated(what).to_json();
        out.error(errors["errors"][0].clone());
    };
    let terms = match terms(&query, &view.sandbox.inner.options.timezone) {
        Ok(terms) => terms,
        Err(what) => return refused(&format!("the orders filter {what}"), out),
    };
    let seen = |order: &&Order| {
        (view.now - OLDEST_MS..=view.now - view.orders_lag).contains(&order.created_at)
    };
    let fits = |order: &&Order| terms.iter().all(|term| term.fits(order, view));
    let mut found: Vec<_> = view.books.orders.values().filter(seen).filter(fits).collect();
    match field.text("sortKey", out.variables).as_str() {
        "UPDATED_AT" => found.sort_by_key(|order| (indexed_at(order, view), order.id)),
        "" | "CREATED_AT" | "PROCESSED_AT" | "ID" | "ORDER_NUMBER" => {
            found.sort_by_key(|order| (order.created_at, order.id));
        }
        other => return refused(&format!("the sort key {other} of orders"), out),
    }
    if field.flag("reverse", out.variables) {
        found.reverse();
    }
    let nodes = found.into_iter();
    let nodes = nodes.map(|order| (order.id.to_string(), OrderObject { order, view })).collect();
    Connection::write(ConnectionOf::Orders, nodes, field, out);
}

/// When the order changed last, as far as the index knows.
fn indexed_at(order: &Order, view: View<'_>) -> Millis {
    let known = order.updated_at <= view.now - view.orders_lag;
    if known { order.updated_at } else { order.created_at }
}

/// The customer that an orders query names.
pub fn customer_of_query(query: &str) -> Vec<u64> {
    let terms = terms(query, "UTC").unwrap_or_default();
    let customer = |term: &Term| match term {
        Term::Customer(id) => Some(*id),
        _ => None,
    };
    terms.iter().filter_map(customer).collect()
}

enum Term {
    Id(u64),
    Name(String),
    Customer(u64),
    /// Only the first code of an order is searched.
    Code(String),
    Created(Comparison, Millis),
    Updated(Comparison, Millis),
    FinancialStatus(String),
    Cancelled(bool),
    Any,
}

#[derive(Clone, Copy)]
pub enum Comparison {
    Less,
    AtMost,
    AtLeast,
    More,
}

impl Comparison {
    /// The comparison at the front of a filter's value, and the rest of it.
    pub fn of(text: &str) -> Option<(Self, &str)> {
        Some(match text {
            v if v.starts_with(">=") => (Self::AtLeast, &v[2..]),
            v if v.starts_with("<=") => (Self::AtMost, &v[2..]),
            v if v.starts_with('>') => (Self::More, &v[1..]),
            v if v.starts_with('<') => (Self::Less, &v[1..]),
            _ => return None,
        })
    }

    pub fn holds(self, of: i64, at: i64) -> bool {
        match self {
            Self::Less => of < at,
            Self::AtMost => of <= at,
            Self::AtLeast => of >= at,
            Self::More => of > at,
        }
    }
}

impl Term {
    fn fits(&self, order: &Order, view: View<'_>) -> bool {
        match self {
            Self::Id(id) => order.id == *id,
            Self::Name(name) => order.name.trim_start_matches('#') == name.trim_start_matches('#'),
            Self::Customer(id) => order.customer == *id,
            Self::Code(code) => {
                order.codes.first().is_some_and(|first| first.eq_ignore_ascii_case(code))
            }
            Self::Created(comparison, at) => comparison.holds(order.created_at, *at),
            Self::Updated(comparison, at) => comparison.holds(indexed_at(order, view), *at),
            Self::FinancialStatus(status) => order.financial_status().eq_ignore_ascii_case(status),
            Self::Any => true,
            Self::Cancelled(cancelled) => order.cancelled.is_some() == *cancelled,
        }
    }
}

/// `customer_id:1 created_at:>'2026-01-01T00:00:00Z'`, joined by spaces or AND.
fn terms(query: &str, timezone: &str) -> Result<Vec<Term>, String> {
    query
        .split_whitespace()
        .filter(|word| *word != "AND")
        .map(|word| term(word, timezone))
        .collect()
}

fn term(word: &str, timezone: &str) -> Result<Term, String> {
    let unknown = || format!("'{word}'");
    let (name, value) = word.split_once(':').ok_or_else(unknown)?;
    let value = value.trim_matches(['"', '\'']);
    let number = || value.parse::<u64>().map_err(|_| unknown());
    Ok(match name {
        "id" => Term::Id(number()?),
        "name" => Term::Name(value.into()),
        "customer_id" => Term::Customer(number()?),
        "discount_code" => Term::Code(value.into()),
        "created_at" | "updated_at" => {
            let (comparison, rest) = Comparison::of(value).ok_or_else(unknown)?;
            let at = time(rest.trim_matches(['"', '\'']), timezone).ok_or_else(unknown)?;
            if name == "created_at" {
                Term::Created(comparison, at)
            } else {
                Term::Updated(comparison, at)
            }
        }
        "financial_status" => Term::FinancialStatus(value.into()),
        "status" if value == "any" => Term::Any,
        "status" if value == "cancelled" => Term::Cancelled(true),
        "status" if value == "open" => Term::Cancelled(false),
        _ => return Err(unknown()),
    })
}

/// A time with its zone, or one in the shop's.
fn time(text: &str, timezone: &str) -> Option<Millis> {
    if let Some(at) = clock::parse_seconds(text) {
        return Some(at * 1_000);
    }
    let zone = TimeZone::get(timezone).ok()?;
    let civil = text
        .parse::<jiff::civil::DateTime>()
        .ok()
        .or_else(|| Some(text.parse::<Date>().ok()?.at(0, 0, 0, 0)))?;
    Some(civil.to_zoned(zone).ok()?.timestamp().as_millisecond())
}
