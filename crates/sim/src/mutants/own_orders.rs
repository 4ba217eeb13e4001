//! Mistakes about orders of other channels and the store credit that Kaeru holds.

use super::Mutant;
use crate::world::{World, own_credit::Clerk};
use async_trait::async_trait;
use domain::{NodeId, Points, PosId, Reference, Refusal, effect::Moved};
use engine::ports::{Answer, Movement, PointsBook, PointsOrder, Recovery};
use std::{sync::Arc, time::Duration};

/// Made where the credit is kept.
pub fn is_of_credit(mutant: Mutant) -> bool {
    matches!(
        mutant,
        Mutant::OwnCreditSpentAgain
            | Mutant::OwnCreditUnknownReadAsRefused
            | Mutant::OwnCreditUnknownReadAsDone
    )
}

/// Made where coupons are switched.
pub fn is_of_coupons(mutant: Mutant) -> bool {
    matches!(mutant, Mutant::OwnOrderLeavesDead | Mutant::OwnOrderNotAsked)
}

/// Whether an order of another channel has taken the coupon.
pub fn taken(world: &World, node: NodeId) -> bool {
    world.books().own_credit.at_orders.contains(&node.0)
}

pub struct WrongClerk {
    pub clerk: Clerk,
    pub mutant: Mutant,
}

/// The book of credit as the engine sees it.
pub fn clerk(mutant: Mutant, world: &Arc<World>) -> Arc<dyn PointsBook> {
    let clerk = Clerk(Arc::clone(world));
    if is_of_credit(mutant) { Arc::new(WrongClerk { clerk, mutant }) } else { Arc::new(clerk) }
}

#[async_trait]
impl PointsBook for WrongClerk {
    async fn balance(&self, customer: &PosId, limit: Duration) -> Answer<Points> {
        self.clerk.balance(customer, limit).await
    }

    async fn deduct(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved> {
        match (self.clerk.deduct(order.clone(), limit).await, self.mutant) {
            (Answer::Unknown(_), Mutant::OwnCreditSpentAgain) => {
                self.clerk.deduct(order, limit).await
            }
            (Answer::Unknown(_), Mutant::OwnCreditUnknownReadAsRefused) => {
                Answer::Refused(Refusal::Other("a lie".to_owned()))
            }
            (Answer::Unknown(_), Mutant::OwnCreditUnknownReadAsDone) => {
                Answer::Done(Moved::default())
            }
            (answer, _) => answer,
        }
    }

    async fn add(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved> {
        self.clerk.add(order, limit).await
    }

    async fn find(
        &self,
        customer: &PosId,
        reference: &Reference,
        limit: Duration,
    ) -> Answer<Vec<Movement>> {
        self.clerk.find(customer, reference, limit).await
    }

    fn recovery(&self) -> Recovery {
        self.clerk.recovery()
    }
}
