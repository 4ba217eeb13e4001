//! Mistakes about Shopify's orders and credits.

use super::{Mutant, ports::Wrong};
use async_trait::async_trait;
use domain::{At, OrderId, reversal::Cancel};
use engine::ports::{Answer, Credit, CreditOrder, Orders, Progress};
use std::time::Duration;

pub fn is_here(mutant: Mutant) -> bool {
    matches!(
        mutant,
        Mutant::OrderCalledCancelled
            | Mutant::GapNotAsked
            | Mutant::CreditUnknownReadAsDone
            | Mutant::CreditSentAgain
            | Mutant::CreditsNotSearched
            | Mutant::CreditsSearchedTooLate
    )
}

/// A minute ago.
fn lately(now: At) -> At {
    At(now.0 - 60_000_000)
}

#[async_trait]
impl Orders for Wrong {
    async fn cancel(
        &self,
        order: &OrderId,
        cancel: &Cancel,
        limit: Duration,
    ) -> Answer<Option<String>> {
        Orders::cancel(&*self.world, order, cancel, limit).await
    }

    async fn progress(
        &self,
        order: &OrderId,
        job: Option<&str>,
        limit: Duration,
    ) -> Answer<Progress> {
        match (self.world.progress(order, job, limit).await, self.mutant) {
            (Answer::Done(_), Mutant::OrderCalledCancelled) => Answer::Done(Progress::Cancelled),
            (answer, _) => answer,
        }
    }

    async fn reverted(&self, order: &OrderId, limit: Duration) -> Answer<Vec<(u64, i64)>> {
        match (self.world.reverted(order, limit).await, self.mutant) {
            (Answer::Done(_), Mutant::GapNotAsked) => Answer::Done(vec![]),
            (answer, _) => answer,
        }
    }

    async fn credit(&self, order: CreditOrder, limit: Duration) -> Answer<Credit> {
        match (self.world.credit(order, limit).await, self.mutant) {
            (Answer::Unknown(_), Mutant::CreditUnknownReadAsDone) => {
                let (minor, at) = (order.amount.minor, self.world.shared.now());
                Answer::Done(Credit { transaction: 0, minor, expires_at: order.expires_at, at })
            }
            (Answer::Unknown(_), Mutant::CreditSentAgain) => self.world.credit(order, limit).await,
            (answer, _) => answer,
        }
    }

    async fn credits(&self, like: CreditOrder, since: At, limit: Duration) -> Answer<Vec<Credit>> {
        let since = match self.mutant {
            Mutant::CreditsSearchedTooLate => since.max(lately(self.world.shared.now())),
            _ => since,
        };
        match (self.world.credits(like, since, limit).await, self.mutant) {
            (Answer::Done(_), Mutant::CreditsNotSearched) => Answer::Done(vec![]),
            (answer, _) => answer,
        }
    }
}
