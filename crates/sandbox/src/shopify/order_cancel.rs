//! `orderCancel`, and the jobs that it and others promise.

use std::io;

use serde_json::Value;

use super::execute::View;
use super::graphql::{Field, Object, Out, Variables, gid};
use super::order_view::OrderObject;
use super::user_error::{Shown, UserError};
use crate::acts::{ALREADY_CANCELLED, Act};
use crate::books::{Cancel, CancelledBy, Done, Entry, Job, Repay, Work};
use crate::clock::parse_seconds;
use crate::settings::ms;

/// Characters of a staff note.
const LONGEST_NOTE: usize = 255;

/// What `orderCancel` answers.
pub enum Promise {
    /// The id of the job.
    Job(String),
    Refused(UserError),
}

/// # Errors
/// When the journal cannot be written.
pub fn cancel(
    field: &Field,
    variables: &Variables,
    refuse: bool,
    act: &mut Act<'_>,
) -> io::Result<Promise> {
    if refuse {
        let (field, message) = (&["orderId"], "Refused at the switchboard.");
        let error = UserError::new(field, "NO_REFUND_PERMISSION", message);
        return Ok(Promise::Refused(error));
    }
    match wish(field, variables, act) {
        Ok(wish) => {
            let after = ms(&act.sandbox.inner.settings.job_ms);
            let job = act.job(Work::Cancel(wish), after);
            let id = job.id.clone();
            act.commit_all(vec![Entry::Job(Box::new(job))])?;
            Ok(Promise::Job(id))
        }
        Err(error) => Ok(Promise::Refused(error)),
    }
}

fn wish(field: &Field, variables: &Variables, act: &Act<'_>) -> Result<Cancel, UserError> {
    let wrong = |path: &[&str], code, message: &str| Err(UserError::new(path, code, message));
    let text = |name| {
        let value = field.argument(name, variables);
        value.as_deref().and_then(Value::as_str).map(str::to_owned)
    };
    let flag = |name| field.argument(name, variables).as_deref().and_then(Value::as_bool);
    let note = text("staffNote");
    if note.as_ref().is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
        let message = "Staff note is too long. Maximum length is 255 characters.";
        return wrong(&["staffNote"], "INVALID", message);
    }
    let method = field.argument("refundMethod", variables);
    let method = method.as_deref().filter(|method| !method.is_null());
    if flag("refund").is_some() && method.is_some() {
        let message = "Only one of the arguments `refund` or `refund_method` is allowed.";
        return wrong(&["refund"], "INVALID", message);
    }
    let id = field.text("orderId", variables);
    let order = gid(&id).filter(|(kind, _)| *kind == "Order");
    let Some(order) = order.and_then(|(_, id)| act.open.books().orders.get(&id)) else {
        return wrong(&["orderId"], "NOT_FOUND", "Order does not exist");
    };
    if order.cancelled.is_some() {
        return wrong(&["orderId"], "INVALID", ALREADY_CANCELLED);
    }
    let repay = match method {
        Some(method) => match method.get("storeCreditRefund").filter(|of| !of.is_null()) {
            Some(credit) => {
                let at = credit.get("expiresAt").and_then(Value::as_str).and_then(parse_seconds);
                if at.is_some_and(|at| at.saturating_mul(1_000) <= act.now) {
                    let path = &["refundMethod", "storeCreditRefund", "expiresAt"];
                    let code = "STORE_CREDIT_REFUND_EXPIRATION_IN_PAST";
                    return wrong(path, code, "The expiry date must be in the future");
                }
                Repay::StoreCredit { expires_at: at }
            }
            None if method["originalPaymentMethodsRefund"] == Value::Bool(true) => Repay::Original,
            None => Repay::Nothing,
        },
        None if flag("refund") == Some(true) => Repay::Original,
        None => Repay::Nothing,
    };
    Ok(Cancel {
        order: order.id,
        by: CancelledBy::from_reason(&text("reason").unwrap_or_default()),
        note,
        restock: flag("restock").unwrap_or(false),
        repay,
    })
}

pub fn job(view: View<'_>, field: &Field, out: &mut Out<'_>) {
    let text = field.text("id", out.variables);
    let id = text.strip_prefix("gid://shopify/Job/").unwrap_or_default();
    out.nullable(view.books.jobs.get(id).map(JobObject), field);
}

impl Promise {
    pub fn write(&self, act: &Act<'_>, field: &Field, out: &mut Out<'_>) {
        out.object(&Payload { promise: self, view: View::after(act) }, field);
    }
}

struct Payload<'a> {
    promise: &'a Promise,
    view: View<'a>,
}

impl Object for Payload<'_> {
    fn type_name(&self) -> &'static str {
        "OrderCancelPayload"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        let view = self.view;
        let (job, error) = match self.promise {
            Promise::Job(id) => (view.books.jobs.get(id), None),
            Promise::Refused(error) => (None, Some(error)),
        };
        match field.name.as_str() {
            "job" => out.nullable(job.map(JobObject), field),
            "jobResult" => out.nullable(job.map(|job| ResultObject { job, view }), field),
            "orderCancelUserErrors" => {
                out.objects(error.map(|error| Shown("OrderCancelUserError", error)), field);
            }
            "userErrors" => out.objects(error.map(|error| Shown("UserError", error)), field),
            _ => out.unanswered("OrderCancelPayload", field),
        }
    }
}

pub struct JobObject<'a>(pub &'a Job);

impl Object for JobObject<'_> {
    fn type_name(&self) -> &'static str {
        "Job"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "id" => out.text(&format!("gid://shopify/Job/{}", self.0.id)),
            "done" => out.flag(self.0.done.is_some()),
            _ => out.unanswered("Job", field),
        }
    }
}

struct ResultObject<'a> {
    job: &'a Job,
    view: View<'a>,
}

impl Object for ResultObject<'_> {
    fn type_name(&self) -> &'static str {
        "OrderCancelJobResult"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        let (job, view) = (self.job, self.view);
        let order = match &job.work {
            Work::Cancel(wish) => view.books.orders.get(&wish.order),
            _ => None,
        };
        match field.name.as_str() {
            "id" => out.text(&format!("gid://shopify/OrderCancelJobResult/{}", job.id)),
            "done" => out.flag(job.done.is_some()),
            "status" => out.text(match job.done {
                None => "STARTED",
                Some(Done::Succeeded) => "SUCCEEDED",
                Some(Done::Failed(_)) => "FAILED",
            }),
            "errors" => {
                let error = match &job.done {
                    Some(Done::Failed(why)) => Some(UserError::new(&["orderId"], "INVALID", why)),
                    _ => None,
                };
                let shown = error.as_ref().map(|error| Shown("OrderCancelUserError", error));
                out.objects(shown, field);
            }
            "order" => out.nullable(order.map(|order| OrderObject { order, view }), field),
            _ => out.unanswered("OrderCancelJobResult", field),
        }
    }
}
