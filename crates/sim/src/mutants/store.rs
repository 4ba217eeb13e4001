//! Mistakes about the database: above the bad connection, where the engine errs, and below it,
//! where the store does.

use super::Mutant;
use crate::people::Office;
use async_trait::async_trait;
use domain::{
    At, Code, CustomerId, Effect, Fact, Flow, FlowId, Pending, Points, Problem, ShopId,
    conversion::State,
    coupon::Status,
    effect::Moved,
    reversal::{Expiry, Item, Outcome},
};
use engine::store::{Begun, Commit, Committed, Guard, Request, Row, Start, Store, StoreError};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub fn is_above(mutant: Mutant) -> bool {
    matches!(
        mutant,
        Mutant::IntentSkipped
            | Mutant::CommitAssumed
            | Mutant::LeaseStolen
            | Mutant::DailyLimitLost
            | Mutant::KeyForgotten
            | Mutant::DoubtForgotten
            | Mutant::ReservationKept
            | Mutant::CancelledTwice
            | Mutant::ReviewNotOpened
            | Mutant::LedgerForgotten
            | Mutant::NewsOfUseIgnored
            | Mutant::ReplacedAndGivenBack
            | Mutant::ReplacementForgotten
            | Mutant::LostCreationForgotten
            | Mutant::ShortReadAsTaken
    )
}

pub fn is_below(mutant: Mutant) -> bool {
    matches!(mutant, Mutant::GuardIgnored | Mutant::FencingForgotten | Mutant::VersionIgnored)
}

/// Between the engine and the connection.
pub struct Above {
    pub inner: Arc<dyn Store>,
    pub mutant: Mutant,
    pub office: Arc<Office>,
    /// Commits that this process only remembers.
    pub held: Mutex<BTreeMap<FlowId, Commit>>,
}

impl Above {
    fn held(&self) -> MutexGuard<'_, BTreeMap<FlowId, Commit>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forgets(&self, fact: &Fact) -> bool {
        match self.mutant {
            Mutant::DoubtForgotten => matches!(fact, Fact::DoubtOpened | Fact::DoubtClosed),
            Mutant::ReservationKept => matches!(fact, Fact::Released { .. }),
            Mutant::ReviewNotOpened => matches!(fact, Fact::ReviewOpened(_)),
            Mutant::LedgerForgotten => matches!(fact, Fact::Moved { .. }),
            _ => false,
        }
    }

    /// Reads the day's total; by the time it is written, it may be another.
    async fn admit_by_an_old_total(&self, start: &mut Start) -> Option<Problem> {
        let Guard::Reserve { daily_limit, .. } = &mut start.guard else { return None };
        let terms = start.flow.terms()?;
        let taken = self.office.picture().taken_on(terms.customer, terms.day);
        if taken + terms.points.get() > daily_limit.get() {
            return Some(Problem::DailyLimitExceeded);
        }
        *daily_limit = Points::new(i64::MAX / 2)?;
        self.office.shared.pause().await;
        None
    }
}

/// The points beside the new coupon.
fn give_back_too(flow: &mut Flow) {
    let Flow::Reversal(flow) = flow else { return };
    let new = flow.terms.items.iter().find_map(|item| match item {
        Item::Replacement { code, terms, .. } => Some(Item::Points {
            code: code.clone(),
            pos_id: terms.pos_id.clone(),
            points: terms.points,
            part: 1,
            expiry: Expiry::default(),
            paid_by: None,
        }),
        _ => None,
    });
    flow.terms.items.extend(new);
}

/// What did not go with a re-opened order.
fn call_taken(commit: &mut Commit) {
    let again = commit.row.flow.reversal().is_some_and(|flow| flow.terms.again.is_some());
    for fact in commit.facts.iter_mut().filter(|_| again) {
        if let Fact::ItemEnded { outcome: outcome @ Outcome::Short, .. } = fact {
            *outcome = Outcome::Moved(Moved::default());
        }
    }
}

/// What was sent, not answered, and cannot land any more.
fn forget_creation(flow: &mut Flow, now: At) {
    if let Flow::Conversion(flow) = flow
        && let State::Owing { stray, .. } = &mut flow.state
    {
        *stray = stray.filter(|until| *until > now);
    }
}

#[async_trait]
impl Store for Above {
    async fn begin(&self, mut start: Start) -> Result<Begun, StoreError> {
        match self.mutant {
            Mutant::KeyForgotten => start.request = None,
            Mutant::DailyLimitLost => {
                if let Some(problem) = self.admit_by_an_old_total(&mut start).await {
                    return Ok(Begun::Refused(problem));
                }
            }
            Mutant::CancelledTwice => {
                if let Guard::Take { from, to: Status::Cancelling } = &mut start.guard {
                    from.push(Status::Cancelled);
                }
            }
            Mutant::ReplacedAndGivenBack => give_back_too(&mut start.flow),
            _ => {}
        }
        self.inner.begin(start).await
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        let mut commit = commit.clone();
        if self.mutant == Mutant::ReplacementForgotten {
            let begun = commit.facts.iter().filter_map(|fact| match fact {
                Fact::ReplacementBegun { item } => Some(Fact::ItemFreed { item: *item }),
                _ => None,
            });
            let freed: Vec<_> = begun.collect();
            commit.facts.extend(freed);
        }
        if self.mutant == Mutant::ShortReadAsTaken {
            call_taken(&mut commit);
        }
        commit.facts.retain(|fact| !self.forgets(fact));
        if self.mutant == Mutant::IntentSkipped {
            let moves = Pending::Effect(Effect::Deduct);
            let adds = Pending::Effect(Effect::Add);
            if [moves, adds].contains(&commit.row.flow.pending()) {
                self.held().insert(commit.row.id, commit);
                return Ok(Committed::Yes);
            }
            let held = self.held().remove(&commit.row.id);
            if let Some(held) = held {
                let _ = self.inner.commit(&held).await?;
            }
        }
        match self.inner.commit(&commit).await {
            Err(_) if self.mutant == Mutant::CommitAssumed => Ok(Committed::Yes),
            answer => answer,
        }
    }

    async fn claim(&self, now: At, lease: Duration, most: usize) -> Result<Vec<Row>, StoreError> {
        let steals = self.mutant == Mutant::LeaseStolen;
        let now = if steals { now.plus(engine::LEASE) } else { now };
        let mut rows = self.inner.claim(now, lease, most).await?;
        if self.mutant == Mutant::LostCreationForgotten {
            rows.iter_mut().for_each(|row| forget_creation(&mut row.flow, now));
        }
        Ok(rows)
    }

    async fn seize(&self, id: FlowId, now: At, lease: Duration) -> Result<Option<Row>, StoreError> {
        self.inner.seize(id, now, lease).await
    }

    async fn load(&self, id: FlowId) -> Result<Option<Row>, StoreError> {
        self.inner.load(id).await
    }

    async fn by_key(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        request: &Request,
    ) -> Result<Option<(Row, bool)>, StoreError> {
        self.inner.by_key(shop, customer, request).await
    }

    async fn credit_known(&self, shop: &ShopId, transaction: u64) -> Result<bool, StoreError> {
        self.inner.credit_known(shop, transaction).await
    }

    async fn use_of(&self, shop: &ShopId, code: &Code) -> Result<Option<String>, StoreError> {
        if self.mutant == Mutant::NewsOfUseIgnored {
            return Ok(None);
        }
        self.inner.use_of(shop, code).await
    }
}

/// Between the connection and the store.
pub struct Below {
    pub inner: Arc<dyn Store>,
    pub mutant: Mutant,
}

#[async_trait]
impl Store for Below {
    async fn begin(&self, start: Start) -> Result<Begun, StoreError> {
        self.inner.begin(start).await
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        let mut forced = commit.clone();
        if let Some(now) = self.inner.load(commit.row.id).await? {
            if self.mutant != Mutant::VersionIgnored {
                forced.row.epoch = now.epoch;
            }
            if self.mutant != Mutant::FencingForgotten {
                forced.row.version = now.version + 1;
            }
        }
        self.inner.commit(&forced).await
    }

    async fn claim(&self, now: At, lease: Duration, most: usize) -> Result<Vec<Row>, StoreError> {
        self.inner.claim(now, lease, most).await
    }

    async fn seize(&self, id: FlowId, now: At, lease: Duration) -> Result<Option<Row>, StoreError> {
        self.inner.seize(id, now, lease).await
    }

    async fn load(&self, id: FlowId) -> Result<Option<Row>, StoreError> {
        self.inner.load(id).await
    }

    async fn by_key(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        request: &Request,
    ) -> Result<Option<(Row, bool)>, StoreError> {
        self.inner.by_key(shop, customer, request).await
    }

    async fn credit_known(&self, shop: &ShopId, transaction: u64) -> Result<bool, StoreError> {
        self.inner.credit_known(shop, transaction).await
    }

    async fn use_of(&self, shop: &ShopId, code: &Code) -> Result<Option<String>, StoreError> {
        self.inner.use_of(shop, code).await
    }
}
