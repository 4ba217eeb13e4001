//! `customerMerge` and what has become of it. The second customer is the one that stays.

use std::io;

use super::execute::View;
use super::graphql::{Field, Object, Out, Variables, gid};
use super::user_error::{Shown, UserError};
use crate::acts::Act;
use crate::books::{Done, Entry, Job, Work};
use crate::settings::ms;

/// What `customerMerge` answers.
pub enum Promise {
    /// The id of the job, and who stays.
    Job(String, u64),
    Refused(UserError),
}

/// # Errors
/// When the journal cannot be written.
pub fn merge(
    field: &Field,
    variables: &Variables,
    refuse: bool,
    act: &mut Act<'_>,
) -> io::Result<Promise> {
    let wrong = |path: &[&str], code, message: &str| {
        Ok(Promise::Refused(UserError::new(path, code, message)))
    };
    if refuse {
        return wrong(&["customerOneId"], "INVALID_CUSTOMER", "Refused at the switchboard.");
    }
    let mut ids = [0, 0];
    for (id, name) in ids.iter_mut().zip(["customerOneId", "customerTwoId"]) {
        let text = field.text(name, variables);
        let number = gid(&text).map_or(0, |(_, number)| number);
        if !act.open.books().customers.contains_key(&number) {
            let message = format!("Customer does not exist with ID {number}");
            return wrong(&[name], "INVALID_CUSTOMER_ID", &message);
        }
        *id = number;
    }
    let [deleted, kept] = ids;
    if deleted == kept {
        return wrong(&[], "INVALID_CUSTOMER_ID", "Customers IDs should not match");
    }
    let job = act.job(Work::Merge { kept, deleted }, ms(&act.sandbox.inner.settings.job_ms));
    let id = job.id.clone();
    act.commit_all(vec![Entry::Job(Box::new(job.clone()))])?;
    Ok(Promise::Job(id, kept))
}

pub fn status(view: View<'_>, field: &Field, out: &mut Out<'_>) {
    let text = field.text("jobId", out.variables);
    let id = text.strip_prefix("gid://shopify/Job/").unwrap_or_default();
    let request = view.books.jobs.get(id).and_then(|job| match job.work {
        Work::Merge { kept, .. } => Some(Request { job, kept }),
        _ => None,
    });
    out.nullable(request, field);
}

struct Request<'a> {
    job: &'a Job,
    kept: u64,
}

impl Object for Request<'_> {
    fn type_name(&self) -> &'static str {
        "CustomerMergeRequest"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "jobId" => out.text(&format!("gid://shopify/Job/{}", self.job.id)),
            "resultingCustomerId" => out.gid("Customer", self.kept),
            "status" => out.text(match self.job.done {
                None => "IN_PROGRESS",
                Some(Done::Succeeded) => "COMPLETED",
                Some(Done::Failed(_)) => "FAILED",
            }),
            _ => out.unanswered("CustomerMergeRequest", field),
        }
    }
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
        "CustomerMergePayload"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match (field.name.as_str(), self.promise) {
            ("job", Promise::Job(id, _)) => {
                let job = self.view.books.jobs.get(id);
                out.nullable(job.map(super::order_cancel::JobObject), field);
            }
            ("resultingCustomerId", Promise::Job(_, kept)) => out.gid("Customer", *kept),
            ("job" | "resultingCustomerId", Promise::Refused(_)) => out.null(),
            ("userErrors", Promise::Refused(error)) => {
                out.objects([Shown("CustomerMergeUserError", error)], field);
            }
            ("userErrors", Promise::Job(..)) => out.objects(None::<Shown<'_>>, field),
            _ => out.unanswered("CustomerMergePayload", field),
        }
    }
}
