//! What Shopify does by itself, when its time has come: jobs, and lots of credit that end.

use std::io;

use crate::Sandbox;
use crate::acts::Act;
use crate::books::{Books, CreditEvent, Done, Entry, Job, Occasion, Open, Work};
use crate::clock::Millis;

/// When there is something to do next.
pub fn next_at(books: &Books) -> Option<Millis> {
    let ends = books.credits.next_end().map(|(at, _, _)| at.saturating_mul(1_000));
    let job = books.next_job().map(|job| job.due_at);
    ends.into_iter().chain(job).min()
}

/// Does all that is due.
///
/// # Errors
/// When the journal cannot be written.
pub fn settle(sandbox: &Sandbox, open: &mut Open, now: Millis) -> io::Result<()> {
    while let Some((at, account, lot)) = open.books().credits.next_end()
        && at.saturating_mul(1_000) <= now
    {
        let credits = &open.books().credits;
        let event = CreditEvent::Adjustment;
        let occasion = Occasion { id: credits.next_transaction(), at: now, event, origin: None };
        let ended = credits.accounts.get(&account).and_then(|of| of.expire(occasion, lot));
        let Some(transaction) = ended else { break };
        open.commit(Entry::Credit { account, transaction })?;
    }
    while let Some(job) = open.books().next_job().filter(|job| job.due_at <= now).cloned() {
        Act { sandbox, open: &mut *open, now }.run(job)?;
    }
    Ok(())
}

impl Act<'_> {
    /// Does the job; that it is done is committed with its work.
    fn run(&mut self, job: Job) -> io::Result<()> {
        let end = |done| Entry::Job(Box::new(Job { done: Some(done), ..job.clone() }));
        let succeeded = vec![end(Done::Succeeded)];
        let done = match &job.work {
            Work::Cancel(wish) => self.cancel(wish, succeeded)?,
            Work::RevertCredit { order } => self.revert_credit(*order, succeeded)?,
            Work::Merge { kept, deleted } => {
                self.merge(*kept, *deleted, Some(&job.id), succeeded)?
            }
        };
        if let Done::Failed(_) = done {
            self.open.commit(end(done))?;
        }
        Ok(())
    }
}
