//! `order(id)` and `orders(query)`.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::customers::CustomerObject;
use super::execute::View;
use super::graphql::{Connection, ConnectionOf, Errors, Field, Object, Out, gid};
use super::money::Bag;
use crate::books::Order;
use crate::clock::{self, Millis, rfc3339_s};

pub fn by_id(view: View<'_>, field: &Field, out: &mut Out<'_>) {
    let text = field.text("id", out.variables);
    let id = gid(&text).filter(|(kind, _)| *kind == "Order");
    let order = id.and_then(|(_, id)| view.books.orders.get(&id));
    out.nullable(order.map(|order| OrderObject { order, view }), field);
}

/// A page of the orders that fit the query, by time of creation, oldest first unless reversed.
pub fn search(view: View<'_>, field: &Field, out: &mut Out<'_>) {
    let query = field.text("query", out.variables);
    let terms = match terms(&query, &view.sandbox.inner.options.timezone) {
        Ok(terms) => terms,
        Err(what) => {
            let errors = Errors::not_emulated(&format!("the orders filter {what}")).to_json();
            return out.error(errors["errors"][0].clone());
        }
    };
    let fits = |order: &&Order| terms.iter().all(|term| term.fits(order));
    let mut found: Vec<_> = view.books.orders.values().filter(fits).collect();
    if field.flag("reverse", out.variables) {
        found.reverse();
    }
    let nodes = found.into_iter();
    let nodes = nodes.map(|order| (order.id.to_string(), OrderObject { order, view })).collect();
    Connection::write(ConnectionOf::Orders, nodes, field, out);
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
    Cancelled(bool),
}

#[derive(Clone, Copy)]
enum Comparison {
    Less,
    AtMost,
    AtLeast,
    More,
}

impl Term {
    fn fits(&self, order: &Order) -> bool {
        match self {
            Self::Id(id) => order.id == *id,
            Self::Name(name) => order.name.trim_start_matches('#') == name.trim_start_matches('#'),
            Self::Customer(id) => order.customer == *id,
            Self::Code(code) => {
                order.codes.first().is_some_and(|first| first.eq_ignore_ascii_case(code))
            }
            Self::Created(Comparison::Less, at) => order.created_at < *at,
            Self::Created(Comparison::AtMost, at) => order.created_at <= *at,
            Self::Created(Comparison::AtLeast, at) => order.created_at >= *at,
            Self::Created(Comparison::More, at) => order.created_at > *at,
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
        "created_at" => {
            let (comparison, rest) = match value {
                v if v.starts_with(">=") => (Comparison::AtLeast, &v[2..]),
                v if v.starts_with("<=") => (Comparison::AtMost, &v[2..]),
                v if v.starts_with('>') => (Comparison::More, &v[1..]),
                v if v.starts_with('<') => (Comparison::Less, &v[1..]),
                _ => return Err(unknown()),
            };
            let at = time(rest.trim_matches(['"', '\'']), timezone).ok_or_else(unknown)?;
            Term::Created(comparison, at)
        }
        "status" if value == "any" => Term::Created(Comparison::AtLeast, 0),
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

#[derive(Clone, Copy)]
pub struct OrderObject<'a> {
    pub order: &'a Order,
    pub view: View<'a>,
}

impl Object for OrderObject<'_> {
    fn type_name(&self) -> &'static str {
        "Order"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        let order = self.order;
        let seconds = |at: Millis| rfc3339_s(at.div_euclid(1_000));
        let bag = |amount| Bag { amount, currency: self.view.currency() };
        match field.name.as_str() {
            "id" => out.gid("Order", order.id),
            "legacyResourceId" => out.text(&order.id.to_string()),
            "name" => out.text(&order.name),
            "createdAt" => out.text(&seconds(order.created_at)),
            "updatedAt" => {
                let at = order.cancelled.map_or(order.created_at, |cancelled| cancelled.at);
                out.text(&seconds(at));
            }
            "cancelledAt" => {
                out.maybe(order.cancelled.map(|cancelled| seconds(cancelled.at)).as_deref());
            }
            "cancelReason" => out.maybe(order.cancelled.map(|cancelled| cancelled.by.reason())),
            "discountCode" => out.maybe(order.codes.first().map(String::as_str)),
            "discountCodes" => out.texts(order.codes.iter().map(String::as_str)),
            "displayFinancialStatus" => out.text(order.financial_status()),
            "customer" => {
                let customer = self.view.books.customers.get(&order.customer);
                out.nullable(customer.map(CustomerObject), field);
            }
            "totalPriceSet" => out.object(&bag(order.total), field),
            "totalDiscountsSet" => out.object(&bag(order.discount), field),
            // The sandbox's checkout is paid at once.
            "paymentTerms" => out.null(),
            _ => out.unanswered("Order", field),
        }
    }
}
