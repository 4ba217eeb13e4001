//! Runs an operation on the books and writes the answer, all under the books' lock.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::graphql::{Compiled, Field, Operation, Out, Variables};
use super::http::Cost;
use super::root::Root;
use super::{
    credits, customer_merge, customers, discounts, metafields, order_cancel, orders, shop,
    subscriptions,
};
use crate::acts::{Act, background};
use crate::books::{Books, Open};
use crate::bucket::Level;
use crate::clock::{self, Millis};
use crate::perform::Mode;
use crate::reply::Reply;
use crate::{Sandbox, settings};

/// An operation that is ready to run; its points are already taken.
pub struct Job {
    pub sandbox: Sandbox,
    pub compiled: Arc<Compiled>,
    pub operation: Option<String>,
    pub variables: Variables,
    pub cost: u32,
}

/// What objects need to know beside themselves.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub books: &'a Books,
    pub now: Millis,
    pub usage_lag: Millis,
    pub orders_lag: Millis,
    pub sandbox: &'a Sandbox,
}

impl<'a> View<'a> {
    pub fn after(act: &'a Act<'_>) -> Self {
        Self::of(act.open, act.now, act.sandbox)
    }

    pub fn of(open: &'a Open, now: Millis, sandbox: &'a Sandbox) -> Self {
        let usage_lag = settings::ms(&sandbox.inner.settings.usage_lag_ms);
        let orders_lag = settings::ms(&sandbox.inner.settings.orders_lag_ms);
        Self { books: open.books(), now, usage_lag, orders_lag, sandbox }
    }

    pub fn currency(&self) -> &'a str {
        &self.sandbox.inner.options.currency
    }
}

impl Job {
    /// Runs the operation; the answer with its `extensions.cost`.
    pub fn run(self, mode: Mode) -> Reply {
        let bucket = &self.sandbox.inner.bucket;
        if mode == Mode::Throttle {
            let counters = &self.sandbox.inner.counters;
            counters.throttled();
            counters.throttled_by_fault.fetch_add(1, Ordering::Relaxed);
            return throttled(self.cost, bucket.refund(self.cost));
        }
        // Found once already, when the request came in.
        let Ok(operation) = self.compiled.operation(self.operation.as_deref()) else {
            return Reply::raw(StatusCode::INTERNAL_SERVER_ERROR, Vec::new());
        };
        if mode == Mode::Refuse && !operation.mutation {
            return self.access_denied(operation);
        }
        let mut out = Out::new(&self.variables);
        out.json("{\"data\":");
        let ran = self
            .sandbox
            .inner
            .books
            .with(|open| run_roots(&self.sandbox, operation, mode, open, &mut out));
        if let Err(error) = ran {
            tracing::error!(%error, "the sandbox's journal cannot be written");
            let body = json!({ "errors": "Internal Server Error" });
            return Reply::json(StatusCode::INTERNAL_SERVER_ERROR, &body);
        }
        let actual = out.cost.min(self.cost);
        let level = bucket.refund(self.cost - actual);
        if let Some((root, _)) = operation.roots.first() {
            self.sandbox.inner.counters.spent(root.call(), actual);
        }
        finish(out, Cost { requested: self.cost, actual: Some(actual), level })
    }

    /// The refusal of a query: the app lacks the scope.
    fn access_denied(&self, operation: &Operation) -> Reply {
        let denied = |field: &Field| {
            json!({
                "message": format!("Access denied for {} field.", field.name),
                "extensions": {
                    "code": "ACCESS_DENIED",
                    "documentation": "https://shopify.dev/api/usage/access-scopes",
                },
                "path": [field.name],
            })
        };
        let errors: Vec<_> = operation.roots.iter().map(|(_, field)| denied(field)).collect();
        let level = self.sandbox.inner.bucket.level();
        let cost = Cost { requested: self.cost, actual: Some(self.cost), level };
        let extensions = json!({ "cost": cost.to_json() });
        let body = json!({ "errors": errors, "data": Value::Null, "extensions": extensions });
        Reply::json(StatusCode::OK, &body)
    }
}

fn run_roots(
    sandbox: &Sandbox,
    operation: &Operation,
    mode: Mode,
    open: &mut Open,
    out: &mut Out<'_>,
) -> io::Result<()> {
    let now = clock::now_ms();
    background::settle(sandbox, open, now)?;
    out.json("{");
    for (at, (root, field)) in operation.roots.iter().enumerate() {
        if at > 0 {
            out.json(",");
        }
        out.json(&field.key);
        if operation.mutation && *root != Root::TypeName {
            out.cost += super::graphql::MUTATION;
        }
        run_root(*root, field, mode, (sandbox, now), open, out)?;
    }
    out.json("}");
    Ok(())
}

fn run_root(
    root: Root,
    field: &Field,
    mode: Mode,
    (sandbox, now): (&Sandbox, Millis),
    open: &mut Open,
    out: &mut Out<'_>,
) -> io::Result<()> {
    let refuse = mode == Mode::Refuse;
    match root {
        Root::DiscountCreate => {
            let done = discounts::create(field, out.variables, refuse, open, now)?;
            done.write("DiscountCodeBasicCreatePayload", View::of(open, now, sandbox), field, out);
        }
        Root::DiscountUpdate => {
            let done = discounts::update(field, out.variables, refuse, open, now)?;
            done.write("DiscountCodeBasicUpdatePayload", View::of(open, now, sandbox), field, out);
        }
        Root::DiscountActivate => {
            let done = discounts::activate(field, out.variables, refuse, open, now)?;
            done.write("DiscountCodeActivatePayload", View::of(open, now, sandbox), field, out);
        }
        Root::DiscountDeactivate => {
            let done = discounts::deactivate(field, out.variables, refuse, open, now)?;
            done.write("DiscountCodeDeactivatePayload", View::of(open, now, sandbox), field, out);
        }
        Root::DiscountDelete => {
            let done = discounts::delete(field, out.variables, refuse, open)?;
            done.write("DiscountCodeDeletePayload", View::of(open, now, sandbox), field, out);
        }
        Root::MetafieldsSet => {
            let done = metafields::set(field, out.variables, refuse, open, now)?;
            out.object(&done, field);
        }
        Root::StoreCreditCredit
        | Root::StoreCreditDebit
        | Root::OrderCancel
        | Root::CustomerMerge
        | Root::WebhookSubscriptionCreate
        | Root::WebhookSubscriptionDelete => {
            return act(root, field, refuse, Act { sandbox, open, now }, out);
        }
        _ => read(root, field, View::of(open, now, sandbox), out),
    }
    Ok(())
}

/// The mutations that cause more than one thing.
fn act(
    root: Root,
    field: &Field,
    refuse: bool,
    mut act: Act<'_>,
    out: &mut Out<'_>,
) -> io::Result<()> {
    let (variables, act) = (out.variables, &mut act);
    match root {
        Root::StoreCreditCredit => {
            credits::credit(field, variables, refuse, act)?.write(true, act, field, out);
        }
        Root::StoreCreditDebit => {
            credits::debit(field, variables, refuse, act)?.write(false, act, field, out);
        }
        Root::OrderCancel => {
            order_cancel::cancel(field, variables, refuse, act)?.write(act, field, out);
        }
        Root::CustomerMerge => {
            customer_merge::merge(field, variables, refuse, act)?.write(act, field, out);
        }
        Root::WebhookSubscriptionCreate => {
            let done = subscriptions::create(field, variables, refuse, act)?;
            done.write("WebhookSubscriptionCreatePayload", act, field, out);
        }
        _ => {
            let done = subscriptions::delete(field, variables, refuse, act)?;
            done.write("WebhookSubscriptionDeletePayload", act, field, out);
        }
    }
    Ok(())
}

fn read(root: Root, field: &Field, view: View<'_>, out: &mut Out<'_>) {
    match root {
        Root::DiscountByCode => discounts::by_code(view, field, out),
        Root::CodeDiscountNode => discounts::by_id(view, field, "DiscountCodeNode", out),
        Root::DiscountNode => discounts::by_id(view, field, "DiscountNode", out),
        Root::DiscountNodes => discounts::list(view, field, out),
        Root::Customer => customers::by_id(view, field, out),
        Root::Nodes => customers::by_ids(view, field, out),
        Root::Order => orders::by_id(view, field, out),
        Root::Orders => orders::search(view, field, out),
        Root::Shop => shop::shop(view, field, out),
        Root::AppInstallation => shop::app_installation(field, out),
        Root::StoreCreditAccount => credits::by_id(view, field, out),
        Root::Job => order_cancel::job(view, field, out),
        Root::CustomerMergeStatus => customer_merge::status(view, field, out),
        Root::WebhookSubscriptions => subscriptions::list(view, field, out),
        // The type's own name; and the mutations, which `run_root` has taken.
        _ => out.text("QueryRoot"),
    }
}

/// The end of an answer: top-level errors, if any, and the cost.
fn finish(mut out: Out<'_>, cost: Cost) -> Reply {
    if !out.errors.is_empty() {
        let errors = Value::Array(std::mem::take(&mut out.errors)).to_string();
        out.json(",\"errors\":");
        out.json(&errors);
    }
    out.json(",\"extensions\":{\"cost\":");
    cost.write(&mut out);
    out.json("}}");
    Reply::raw(StatusCode::OK, out.bytes)
}

/// HTTP 200, as Shopify answers it.
pub fn throttled(requested: u32, level: Level) -> Reply {
    let cost = Cost { requested, actual: None, level };
    let body = json!({
        "errors": [{
            "message": "Throttled",
            "extensions": {
                "code": "THROTTLED",
                "documentation": "https://shopify.dev/api/usage/rate-limits",
            },
        }],
        "extensions": { "cost": cost.to_json() },
    });
    Reply::json(StatusCode::OK, &body)
}
