//! Writes the answer: exactly the fields that were asked for, straight into the bytes to send.

use std::io::Write as _;

use serde_json::{Value, json};

use super::compile::{Field, Variables};
use super::cost::Weight;

/// Something with fields.
pub trait Object {
    /// The name of its concrete type.
    fn type_name(&self) -> &'static str;
    /// Writes the value of one field; exactly one write to `out`.
    fn field(&self, field: &Field, out: &mut Out<'_>);
}

/// The answer being written.
pub struct Out<'v> {
    pub variables: &'v Variables,
    pub bytes: Vec<u8>,
    /// Points that the answer really costs, so far.
    pub cost: u32,
    /// Top-level errors; a field with one is written as null.
    pub errors: Vec<Value>,
}

impl<'v> Out<'v> {
    pub fn new(variables: &'v Variables) -> Self {
        Self { variables, bytes: Vec::with_capacity(512), cost: 0, errors: Vec::new() }
    }

    pub fn null(&mut self) {
        self.bytes.extend_from_slice(b"null");
    }

    pub fn flag(&mut self, value: bool) {
        self.bytes.extend_from_slice(if value { b"true" } else { b"false" });
    }

    pub fn number(&mut self, value: impl std::fmt::Display) {
        // Writing into memory cannot fail.
        let _ = write!(self.bytes, "{value}");
    }

    pub fn text(&mut self, value: &str) {
        let _ = serde_json::to_writer(&mut self.bytes, value);
    }

    /// The text, or null.
    pub fn maybe(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// JSON that is already text.
    pub fn json(&mut self, value: &str) {
        self.bytes.extend_from_slice(value.as_bytes());
    }

    pub fn gid(&mut self, kind: &str, number: u64) {
        let _ = write!(self.bytes, "\"gid://shopify/{kind}/{number}\"");
    }

    pub fn texts<'a>(&mut self, values: impl IntoIterator<Item = &'a str>) {
        self.items(values, |out, value| out.text(value));
    }

    pub fn object(&mut self, object: &impl Object, field: &Field) {
        if field.weight == Weight::Object {
            self.cost += 1;
        }
        self.fields(object, field);
    }

    /// The object, or null.
    pub fn nullable(&mut self, object: Option<impl Object>, field: &Field) {
        match object {
            Some(object) => self.object(&object, field),
            None => self.null(),
        }
    }

    pub fn objects<T: Object>(&mut self, objects: impl IntoIterator<Item = T>, field: &Field) {
        self.items(objects, |out, object| out.object(&object, field));
    }

    /// A JSON list of whatever `write` writes.
    pub fn items<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.bytes.push(b'[');
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                self.bytes.push(b',');
            }
            write(self, item);
        }
        self.bytes.push(b']');
    }

    /// A field of the schema that no code answers: says so instead of inventing a value.
    pub fn unanswered(&mut self, of: &'static str, field: &Field) {
        let message = format!("The sandbox does not emulate '{}' of '{of}'.", field.name);
        self.error(json!({ "message": message, "extensions": { "code": "NOT_EMULATED" } }));
    }

    /// Notes a top-level error and writes null.
    pub fn error(&mut self, error: Value) {
        self.errors.push(error);
        self.null();
    }

    fn fields(&mut self, object: &impl Object, field: &Field) {
        self.bytes.push(b'{');
        for (at, inner) in field.selection.of(object).iter().enumerate() {
            if at > 0 {
                self.bytes.push(b',');
            }
            self.bytes.extend_from_slice(inner.key.as_bytes());
            if inner.name == "__typename" {
                self.text(object.type_name());
            } else {
                object.field(inner, self);
            }
        }
        self.bytes.push(b'}');
    }
}

/// A page of nodes, each with its cursor.
pub struct Connection<T> {
    /// `Order` for an `OrderConnection` of `OrderEdge`s.
    pub of: ConnectionOf,
    pub nodes: Vec<(String, T)>,
    pub has_next: bool,
    pub has_previous: bool,
}

#[derive(Clone, Copy)]
pub enum ConnectionOf {
    Codes,
    DiscountApplications,
    DiscountNodes,
    LineItems,
    OrderTransactions,
    Orders,
    RefundLineItems,
    StoreCreditAccounts,
    StoreCreditTransactions,
    WebhookSubscriptions,
}

impl ConnectionOf {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Codes => ("DiscountRedeemCodeConnection", "DiscountRedeemCodeEdge"),
            Self::DiscountApplications => {
                ("DiscountApplicationConnection", "DiscountApplicationEdge")
            }
            Self::DiscountNodes => ("DiscountNodeConnection", "DiscountNodeEdge"),
            Self::LineItems => ("LineItemConnection", "LineItemEdge"),
            Self::OrderTransactions => ("OrderTransactionConnection", "OrderTransactionEdge"),
            Self::Orders => ("OrderConnection", "OrderEdge"),
            Self::RefundLineItems => ("RefundLineItemConnection", "RefundLineItemEdge"),
            Self::StoreCreditAccounts => ("StoreCreditAccountConnection", "StoreCreditAccountEdge"),
            Self::StoreCreditTransactions => {
                ("StoreCreditAccountTransactionConnection", "StoreCreditAccountTransactionEdge")
            }
            Self::WebhookSubscriptions => {
                ("WebhookSubscriptionConnection", "WebhookSubscriptionEdge")
            }
        }
    }
}

impl<T: Object> Connection<T> {
    /// A page of `all`, cut by the field's `first`.
    pub fn write(of: ConnectionOf, all: Vec<(String, T)>, field: &Field, out: &mut Out<'_>) {
        let bad = |message: &str| {
            let extensions = json!({ "code": "BAD_REQUEST" });
            json!({ "message": message, "extensions": extensions })
        };
        let first = match field.integer("first", out.variables) {
            Some(first @ 0..=250) => usize::try_from(first).unwrap_or(0),
            Some(_) => return out.error(bad("first must be between 0 and 250")),
            None if field.integer("last", out.variables).is_some() => {
                return out.error(bad("The sandbox does not emulate 'last'."));
            }
            None => return out.error(bad("you must provide one of first or last")),
        };
        let mut nodes = all;
        let after = field.text("after", out.variables);
        let mut has_previous = false;
        if !after.is_empty() {
            let skip = nodes.iter().position(|(cursor, _)| *cursor == after).map_or(0, |at| at + 1);
            nodes.drain(..skip);
            has_previous = skip > 0;
        }
        let has_next = nodes.len() > first;
        nodes.truncate(first);
        out.cost += u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        out.object(&Self { of, nodes, has_next, has_previous }, field);
    }
}

impl<T: Object> Object for Connection<T> {
    fn type_name(&self) -> &'static str {
        self.of.names().0
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "nodes" => out.items(&self.nodes, |out, (_, node)| out.object(node, field)),
            "edges" => {
                let type_name = self.of.names().1;
                let edges = self.nodes.iter();
                out.objects(edges.map(|(cursor, node)| Edge { type_name, cursor, node }), field);
            }
            "pageInfo" => out.object(
                &PageInfo {
                    has_next: self.has_next,
                    has_previous: self.has_previous,
                    start: self.nodes.first().map(|(cursor, _)| cursor.as_str()),
                    end: self.nodes.last().map(|(cursor, _)| cursor.as_str()),
                },
                field,
            ),
            _ => out.unanswered(self.type_name(), field),
        }
    }
}

struct Edge<'a, T> {
    type_name: &'static str,
    cursor: &'a str,
    node: &'a T,
}

impl<T: Object> Object for Edge<'_, T> {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "cursor" => out.text(self.cursor),
            "node" => out.object(self.node, field),
            _ => out.unanswered(self.type_name, field),
        }
    }
}

struct PageInfo<'a> {
    has_next: bool,
    has_previous: bool,
    start: Option<&'a str>,
    end: Option<&'a str>,
}

impl Object for PageInfo<'_> {
    fn type_name(&self) -> &'static str {
        "PageInfo"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "hasNextPage" => out.flag(self.has_next),
            "hasPreviousPage" => out.flag(self.has_previous),
            "startCursor" => out.maybe(self.start),
            "endCursor" => out.maybe(self.end),
            _ => out.unanswered("PageInfo", field),
        }
    }
}
