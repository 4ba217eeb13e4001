//! Kaeru's own points book: the ledger in its database.
//!
//! A movement is a transaction of its own, not the flow's: under its reference, once. Where the
//! process dies before the flow hears of it, the look-up finds it. A movement that a flow asks for
//! is made before its limit or not at all, so that absence is proof soon after.

use crate::{
    book::{Book, Wanted, code},
    store::ledger::{self, Done, InTime, Order, Outcome},
};
use async_trait::async_trait;
use domain::{Points, PosId, Reference, Refusal, effect::Moved, ledger::Declined};
use engine::{
    ports::{Answer, Movement, PointsBook, PointsOrder, Recovery, Why},
    store::StoreError,
};
use std::time::Duration;

/// From when absence is proof: longer than any limit that a flow sets.
const HORIZON: Duration = Duration::from_secs(20);

impl Book {
    async fn carry_out(&self, mut order: Order, limit: Duration) -> Answer<Moved> {
        let until = order.now.plus(limit);
        order.in_time = Some(InTime { clock: self.clock.clone(), until });
        match within(limit, ledger::post(&self.database, order)).await {
            Ok(outcome) => answer(&outcome),
            Err(why) => Answer::Unknown(why),
        }
    }
}

/// A transaction goes on where nobody waits for it any more, so its outcome is unknown then.
async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Why> {
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => {
            tracing::error!(%error, "the built-in points book did not answer");
            Err(Why::ConnectionLost)
        }
        Err(_) => Err(Why::TimedOut),
    }
}

fn answer(outcome: &Outcome) -> Answer<Moved> {
    let other = |code: &str| Answer::Refused(Refusal::Other(code.to_owned()));
    match outcome {
        Outcome::Posted(Done { amount, balance, expires_at })
        | Outcome::Known(Done { amount, balance, expires_at }) => {
            let (before, after) = (Points::new(balance - amount), Points::new(*balance));
            Answer::Done(Moved { before, after, honoured: *expires_at })
        }
        Outcome::Declined(Declined::Short { .. }) => Answer::Refused(Refusal::InsufficientPoints),
        Outcome::Declined(declined) => other(code(*declined)),
        Outcome::ReferenceTaken => other("reference_reused"),
        Outcome::KeyReused | Outcome::Answered { .. } => other("key_reused"),
        Outcome::TooLate => other("too_late"),
    }
}

#[async_trait]
impl PointsBook for Book {
    async fn balance(&self, customer: &PosId, limit: Duration) -> Answer<Points> {
        let holder = self.holder(customer);
        match within(limit, ledger::balance(&self.database, &holder, self.now())).await {
            Ok(balance) => {
                Points::new(balance.amount).map_or(Answer::Unknown(Why::Unreadable), Answer::Done)
            }
            Err(why) => Answer::Unknown(why),
        }
    }

    async fn deduct(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved> {
        self.carry_out(self.deduction(&wanted(&order)), limit).await
    }

    async fn add(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved> {
        self.carry_out(self.addition(&wanted(&order)), limit).await
    }

    async fn find(
        &self,
        customer: &PosId,
        reference: &Reference,
        limit: Duration,
    ) -> Answer<Vec<Movement>> {
        let holder = self.holder(customer);
        match within(limit, ledger::find_for_good(&self.database, holder, reference.clone())).await
        {
            Ok(found) => Answer::Done(
                found
                    .map(|done| Movement {
                        points: done.amount,
                        balance: Points::new(done.balance),
                        honoured: done.expires_at,
                    })
                    .into_iter()
                    .collect(),
            ),
            Err(why) => Answer::Unknown(why),
        }
    }

    fn recovery(&self) -> Recovery {
        Recovery::LookUp { horizon: HORIZON }
    }
}

fn wanted<'a>(order: &PointsOrder<'a>) -> Wanted<'a> {
    Wanted {
        customer: order.customer,
        points: order.points,
        reference: order.reference,
        reason: order.reason,
        expires_at: order.expires_at,
    }
}
