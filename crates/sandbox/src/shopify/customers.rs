//! `customer(id)` and `nodes(ids)`.

use serde_json::Value;

use super::credit_view::AccountObject;
use super::discount_view::DiscountNode;
use super::execute::View;
use super::graphql::{Connection, ConnectionOf, Field, Object, Out, gid};
use super::metafields::Shown;
use super::order_view::OrderObject;
use crate::books::Customer;
use crate::clock::rfc3339_s;

pub fn by_id(view: View<'_>, field: &Field, out: &mut Out<'_>) {
    let id = gid(&field.text("id", out.variables))
        .filter(|(kind, _)| *kind == "Customer")
        .map(|of| of.1);
    let customer = id.and_then(|id| view.books.customers.get(&id));
    out.nullable(customer.map(|customer| CustomerObject { customer, view }), field);
}

/// Customers, orders and discounts by gid; null in the place of each that there is not.
pub fn by_ids(view: View<'_>, field: &Field, out: &mut Out<'_>) {
    let ids = field.argument("ids", out.variables).map(std::borrow::Cow::into_owned);
    let ids = ids.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    out.items(ids, |out, id| {
        let found = id.as_str().and_then(gid);
        out.cost += u32::from(found.is_some());
        match found {
            Some(("Customer", id)) => {
                let customer = view.books.customers.get(&id);
                out.nullable(customer.map(|customer| CustomerObject { customer, view }), field);
            }
            Some(("Order", id)) => {
                let order = view.books.orders.get(&id);
                out.nullable(order.map(|order| OrderObject { order, view }), field);
            }
            Some(("DiscountCodeNode", id)) => {
                let coupon = view.books.coupons.get(&id);
                let type_name = "DiscountCodeNode";
                out.nullable(coupon.map(|coupon| DiscountNode { type_name, coupon, view }), field);
            }
            _ => out.null(),
        }
    });
}

pub struct CustomerObject<'a> {
    pub customer: &'a Customer,
    pub view: View<'a>,
}

impl Object for CustomerObject<'_> {
    fn type_name(&self) -> &'static str {
        "Customer"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        let customer = self.customer;
        match field.name.as_str() {
            "id" => out.gid("Customer", customer.id),
            "legacyResourceId" => out.text(&customer.id.to_string()),
            "displayName" => out.text(&customer.name),
            "firstName" => out.maybe(customer.first_name()),
            "lastName" => out.maybe(customer.last_name()),
            "defaultEmailAddress" => out.nullable(customer.email.as_deref().map(Email), field),
            "locale" => out.text(&customer.locale),
            "createdAt" => out.text(&rfc3339_s(customer.created_at)),
            "updatedAt" => out.text(&rfc3339_s(customer.updated_at)),
            "metafield" => {
                let namespace = field.text("namespace", out.variables);
                let key = field.text("key", out.variables);
                out.nullable(customer.metafield(&namespace, &key).map(Shown), field);
            }
            "storeCreditAccounts" => {
                let view = self.view;
                let wanted = field.text("query", out.variables);
                let wanted = wanted.strip_prefix("currency_code:");
                let nodes = view.books.credits.of(customer.id);
                let nodes = nodes.filter(|account| wanted.is_none_or(|of| of == account.currency));
                let nodes = nodes
                    .map(|account| (account.id.to_string(), AccountObject { account, view }))
                    .collect();
                Connection::write(ConnectionOf::StoreCreditAccounts, nodes, field, out);
            }
            _ => out.unanswered("Customer", field),
        }
    }
}

struct Email<'a>(&'a str);

impl Object for Email<'_> {
    fn type_name(&self) -> &'static str {
        "CustomerEmailAddress"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "emailAddress" => out.text(self.0),
            _ => out.unanswered("CustomerEmailAddress", field),
        }
    }
}
