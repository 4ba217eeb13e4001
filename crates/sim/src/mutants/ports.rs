//! Mistakes about the other systems.

use super::{Mutant, own_orders};
use crate::world::{Late, World};
use async_trait::async_trait;
use domain::{
    At, Code, Coupon, NodeId, Points, PosId, Reference, Refusal, Terms, coupon::Entry,
    effect::Moved,
};
use engine::ports::{
    Answer, Coupons, Found, Movement, PointsBook, PointsOrder, Recovery, Usage, Why,
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub fn is_here(mutant: Mutant) -> bool {
    matches!(
        mutant,
        Mutant::UnknownReadAsRefused
            | Mutant::UnknownReadAsDone
            | Mutant::RefundSentAgain
            | Mutant::DeductionSentAgain
            | Mutant::AnsweredFirst
            | Mutant::UnstableReference
            | Mutant::AbsenceTrustedTooEarly
            | Mutant::ReplayOfForgottenRefusals
            | Mutant::ReplayAfterTheWindow
            | Mutant::DeactivationForgotten
            | Mutant::RefundBeforeKill
            | Mutant::DeletedAtOnce
            | Mutant::NoRecheck
            | Mutant::UsageUnknownReadAsUnused
            | Mutant::LookUpSkipped
            | Mutant::StrangerTakenForOurs
            | Mutant::EndForgotten
            | Mutant::KillUnknownReadAsRefused
            | Mutant::RecordForgotten
            | Mutant::StrayForgotten
            | Mutant::ThrottledReadAsDone
            | Mutant::ThrottledReadAsUnknown
            | Mutant::ReplacementReadAsRefused
            | Mutant::ReplacedTwice
    )
}

pub struct Wrong {
    pub(super) world: Arc<World>,
    pub(super) mutant: Mutant,
    tries: AtomicU64,
    /// Coupons that are to be deactivated after the refund.
    spared: Mutex<Vec<NodeId>>,
}

fn lie<T>() -> Answer<T> {
    Answer::Refused(Refusal::Other("a lie".to_owned()))
}

/// What Shopify says of a deactivation, an activation or the metafield.
fn misread(answer: Answer<()>, mutant: Mutant) -> Answer<()> {
    match (answer, mutant) {
        (Answer::Refused(Refusal::Wait(_)), Mutant::ThrottledReadAsDone) => Answer::Done(()),
        (Answer::Refused(Refusal::Wait(_)), Mutant::ThrottledReadAsUnknown) => {
            Answer::Unknown(Why::TimedOut)
        }
        (answer, _) => answer,
    }
}

impl Wrong {
    pub fn new(world: Arc<World>, mutant: Mutant) -> Self {
        Self { world, mutant, tries: AtomicU64::new(0), spared: Mutex::default() }
    }

    /// The same order under another reference with each try.
    fn renamed(&self, order: &PointsOrder<'_>) -> Reference {
        if self.mutant == Mutant::UnstableReference {
            let number = self.tries.fetch_add(1, Ordering::Relaxed);
            if number > 0 {
                return Reference(format!("{}.{number}", order.reference));
            }
        }
        order.reference.clone()
    }
}

#[async_trait]
impl PointsBook for Wrong {
    async fn balance(&self, customer: &PosId, limit: Duration) -> Answer<Points> {
        self.world.balance(customer, limit).await
    }

    async fn deduct(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved> {
        let reference = self.renamed(&order);
        if self.mutant == Mutant::AnsweredFirst {
            let customer = order.customer.as_str().parse().unwrap_or(0);
            let (points, reference) = (-order.points.get(), reference.to_string());
            let late = Late::Move { customer, points, reference };
            self.world.send_late(late, Duration::from_secs(1));
            return Answer::Done(Moved::default());
        }
        let order = PointsOrder { reference: &reference, ..order };
        let answer = self.world.deduct(order.clone(), limit).await;
        match (answer, self.mutant) {
            (Answer::Unknown(_), Mutant::UnknownReadAsRefused) => lie(),
            (Answer::Unknown(_), Mutant::UnknownReadAsDone) => Answer::Done(Moved::default()),
            (Answer::Unknown(_), Mutant::DeductionSentAgain) => {
                self.world.deduct(order, limit).await
            }
            (answer, _) => answer,
        }
    }

    async fn add(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved> {
        let reference = self.renamed(&order);
        let order = PointsOrder { reference: &reference, ..order };
        let answer = self.world.add(order, limit).await;
        let spared =
            std::mem::take(&mut *self.spared.lock().unwrap_or_else(PoisonError::into_inner));
        for node in spared {
            // Whatever comes of it: the mistake is the order.
            let _ = self.world.deactivate(node, limit).await;
        }
        match (answer, self.mutant) {
            (Answer::Unknown(_), Mutant::RefundSentAgain) => {
                Answer::Refused(Refusal::Wait(Duration::from_secs(1)))
            }
            (answer, _) => answer,
        }
    }

    async fn find(
        &self,
        customer: &PosId,
        reference: &Reference,
        limit: Duration,
    ) -> Answer<Vec<Movement>> {
        PointsBook::find(&*self.world, customer, reference, limit).await
    }

    fn recovery(&self) -> Recovery {
        match (self.world.recovery, self.mutant) {
            (Recovery::LookUp { .. }, Mutant::AbsenceTrustedTooEarly) => {
                Recovery::LookUp { horizon: Duration::from_secs(5) }
            }
            (Recovery::LookUp { .. }, Mutant::ReplayOfForgottenRefusals) => {
                self.world.books().till.keep_only_successes();
                Recovery::Replay { window: crate::world::WINDOW }
            }
            (Recovery::Replay { .. }, Mutant::ReplayAfterTheWindow) => {
                Recovery::Replay { window: Duration::from_secs(86_400 * 365) }
            }
            (recovery, _) => recovery,
        }
    }
}

#[async_trait]
impl Coupons for Wrong {
    async fn create(&self, terms: &Terms, limit: Duration) -> Answer<NodeId> {
        let replaces = terms.replaces.is_some();
        match (self.world.create(terms, limit).await, self.mutant) {
            (Answer::Unknown(_), Mutant::ReplacementReadAsRefused) if replaces => lie(),
            (Answer::Unknown(_), Mutant::ReplacedTwice) if replaces => {
                let code = Code(format!("{}-2", terms.code));
                self.world.create(&Terms { code, ..terms.clone() }, limit).await
            }
            (answer, _) => answer,
        }
    }

    async fn find(&self, terms: &Terms, limit: Duration) -> Answer<Found> {
        let found = Coupons::find(&*self.world, terms, limit).await;
        match (found, self.mutant) {
            (Answer::Done(_), Mutant::LookUpSkipped) => Answer::Done(Found::Nothing),
            (Answer::Done(Found::Strangers), Mutant::StrangerTakenForOurs) => {
                let books = self.world.books();
                let node = books.shopify.coupons.get(terms.code.as_str()).map_or(0, |c| c.node);
                Answer::Done(Found::Ours(NodeId(node)))
            }
            (found, _) => found,
        }
    }

    async fn deactivate(&self, node: NodeId, limit: Duration) -> Answer<()> {
        match self.mutant {
            Mutant::DeactivationForgotten => return Answer::Done(()),
            Mutant::RefundBeforeKill => {
                self.spared.lock().unwrap_or_else(PoisonError::into_inner).push(node);
                return Answer::Done(());
            }
            Mutant::DeletedAtOnce => return self.world.delete(node, limit).await,
            _ => {}
        }
        loop {
            match (self.world.deactivate(node, limit).await, self.mutant) {
                (Answer::Unknown(_), Mutant::KillUnknownReadAsRefused) => return lie(),
                (Answer::Unknown(_), Mutant::StrayForgotten) => {}
                (answer, mutant) => return misread(answer, mutant),
            }
        }
    }

    async fn reactivate(&self, node: NodeId, ends_at: At, limit: Duration) -> Answer<()> {
        if self.mutant == Mutant::OwnOrderLeavesDead && own_orders::taken(&self.world, node) {
            return Answer::Done(());
        }
        let forgets = self.mutant == Mutant::EndForgotten;
        let ends_at = if forgets { At(i64::MAX) } else { ends_at };
        loop {
            match (self.world.reactivate(node, ends_at, limit).await, self.mutant) {
                (Answer::Unknown(_), Mutant::StrayForgotten) => {}
                (answer, mutant) => return misread(answer, mutant),
            }
        }
    }

    async fn delete(&self, node: NodeId, limit: Duration) -> Answer<()> {
        self.world.delete(node, limit).await
    }

    async fn usage(&self, coupon: &Coupon, limit: Duration) -> Answer<Usage> {
        let of_own = || own_orders::taken(&self.world, coupon.node);
        if self.mutant == Mutant::NoRecheck || (self.mutant == Mutant::OwnOrderNotAsked && of_own())
        {
            return Answer::Done(Usage::Unused);
        }
        match (self.world.usage(coupon, limit).await, self.mutant) {
            (Answer::Unknown(_), Mutant::UsageUnknownReadAsUnused) => Answer::Done(Usage::Unused),
            (answer, _) => answer,
        }
    }

    async fn record(&self, entry: &Entry, limit: Duration) -> Answer<()> {
        if self.mutant == Mutant::RecordForgotten {
            return Answer::Done(());
        }
        misread(self.world.record(entry, limit).await, self.mutant)
    }
}
