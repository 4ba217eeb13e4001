//! Mistakes made on purpose. Each is a wrapper around a port or the store, so that the production
//! code stays as it is; a law is believed only because some of these break it.

mod hunt;
mod orders;
mod own_orders;
mod ports;
mod store;

pub use hunt::{Found, Hunt, hunt};

use crate::{people::Office, world::World};
use engine::{ports::Peers, store::Store};
use std::sync::{Arc, Mutex};

macro_rules! mutants {
    ($($(#[doc = $what:literal])+ $name:ident,)*) => {
        /// A mistake.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutant {
            None,
            $($(#[doc = $what])+ $name,)*
        }

        impl Mutant {
            pub const ALL: &'static [Mutant] = &[$(Mutant::$name,)*];

            /// What is done wrong.
            pub const fn what(self) -> &'static str {
                match self {
                    Mutant::None => "no mistake",
                    $(Mutant::$name => concat!($($what,)+).trim_ascii(),)*
                }
            }
        }
    };
}

mutants! {
    /// the state before a movement is not on the disk when the movement is sent
    IntentSkipped,
    /// a commit that failed is taken for done
    CommitAssumed,
    /// a commit is written whatever version and epoch the row has now
    GuardIgnored,
    /// a commit is written whatever epoch the row has now
    FencingForgotten,
    /// a commit is written whatever version the row has now
    VersionIgnored,
    /// flows are claimed while their lease lasts
    LeaseStolen,
    /// the lease is measured by a clock that stands still while the machine sleeps
    ClockStandsStill,
    /// the day's total is read, checked, and written in separate transactions
    DailyLimitLost,
    /// the idempotency key is not kept
    KeyForgotten,
    /// a doubt does not keep its customer from converting again
    DoubtForgotten,
    /// what a conversion held back is never released
    ReservationKept,
    /// a coupon that was cancelled may be cancelled again
    CancelledTwice,
    /// a case for a person is not put on the list
    ReviewNotOpened,
    /// a person's word on one doubt is taken for a later one
    VerdictOfBefore,
    /// the movement is not written into our ledger
    LedgerForgotten,
    /// an unknown outcome of a movement is read as refused
    UnknownReadAsRefused,
    /// an unknown outcome of a movement is read as done
    UnknownReadAsDone,
    /// an unknown outcome of a refund is read as «not let in»
    RefundSentAgain,
    /// an unknown outcome of a movement is answered by sending it again
    DeductionSentAgain,
    /// the answer is given before the points are deducted
    AnsweredFirst,
    /// each try has a reference of its own
    UnstableReference,
    /// absence from the till's history is believed after five seconds
    AbsenceTrustedTooEarly,
    /// a till that forgets its refusals is replayed
    ReplayOfForgottenRefusals,
    /// a key is replayed after the till has forgotten it
    ReplayAfterTheWindow,
    /// a coupon is called dead without being deactivated
    DeactivationForgotten,
    /// the coupon is deactivated only after its points are back
    RefundBeforeKill,
    /// rolling back deletes, which frees the code for a creation that lands late
    DeletedAtOnce,
    /// whether an order used the coupon is not asked
    NoRecheck,
    /// an unknown answer about the use is read as unused
    UsageUnknownReadAsUnused,
    /// a use that was heard of by webhook is not looked at
    NewsOfUseIgnored,
    /// a code is never found at Shopify
    LookUpSkipped,
    /// a stranger's coupon under our code is taken for ours
    StrangerTakenForOurs,
    /// a coupon comes back without its old end
    EndForgotten,
    /// an unknown outcome of a kill is read as refused
    KillUnknownReadAsRefused,
    /// the metafield is called written, and is not
    RecordForgotten,
    /// a deactivation or an activation that was not answered is sent until it is, and forgotten
    StrayForgotten,
    /// a call that Shopify throttled is taken for done
    ThrottledReadAsDone,
    /// a call that Shopify throttled is taken for perhaps applied
    ThrottledReadAsUnknown,
    /// an order is called cancelled before it is
    OrderCalledCancelled,
    /// what Shopify gave back of a credit by itself is not asked
    GapNotAsked,
    /// an unknown outcome of a credit is read as done
    CreditUnknownReadAsDone,
    /// an unknown outcome of a credit is answered by giving it again
    CreditSentAgain,
    /// a credit that may have been given is not searched for
    CreditsNotSearched,
    /// a credit is searched for among those of the last minute
    CreditsSearchedTooLate,
    /// what is due is rounded for each refund, not once over all
    RoundedByRefund,
    /// a part that was given back is counted as due again
    PartGivenTwice,
    /// a cancellation gives the whole back, parts or not
    RestForgotten,
    /// what comes back as a new coupon comes back as points too
    ReplacedAndGivenBack,
    /// what is promised to a new coupon is promised no more once its flow has begun
    ReplacementForgotten,
    /// a creation in another's place that was not answered is read as refused
    ReplacementReadAsRefused,
    /// the same is answered by creating another one
    ReplacedTwice,
    /// the same is not looked for once it can land no more
    LostCreationForgotten,
    /// an order of another channel counts before its coupons are dead
    OwnOrderCountsFirst,
    /// a refused order of another channel leaves its coupons dead
    OwnOrderLeavesDead,
    /// whether an order used a coupon before is not asked for an order of another channel
    OwnOrderNotAsked,
    /// an unknown outcome of a spending of Kaeru's own credit is answered by spending it again
    OwnCreditSpentAgain,
    /// an unknown outcome of such a spending is read as refused
    OwnCreditUnknownReadAsRefused,
    /// an unknown outcome of such a spending is read as done
    OwnCreditUnknownReadAsDone,
    /// what the balance does not hold is called taken again
    ShortReadAsTaken,
}

impl Mutant {
    /// Why nothing is broken by it, where that was looked into.
    pub const fn harmless(self) -> Option<&'static str> {
        match self {
            Mutant::VersionIgnored => Some(
                "harmless alone: while the epoch is checked, one holder writes version after \
                 version; both together are found",
            ),
            Mutant::ThrottledReadAsUnknown => Some(
                "harmless: what may have been applied is looked for, is not there, and is sent \
                 again; only time is lost",
            ),
            _ => None,
        }
    }
}

/// The store as the engine sees it.
pub(crate) fn above(mutant: Mutant, store: Arc<dyn Store>, office: &Arc<Office>) -> Arc<dyn Store> {
    if store::is_above(mutant) {
        let (office, held) = (Arc::clone(office), Mutex::default());
        Arc::new(store::Above { inner: store, mutant, office, held })
    } else {
        store
    }
}

/// The store as it truly is.
pub(crate) fn below(mutant: Mutant, store: Arc<dyn Store>) -> Arc<dyn Store> {
    if store::is_below(mutant) { Arc::new(store::Below { inner: store, mutant }) } else { store }
}

pub(crate) fn peers(mutant: Mutant, world: &Arc<World>) -> Peers {
    let credits = Some(own_orders::clerk(mutant, world));
    let of_coupons = ports::is_here(mutant) || own_orders::is_of_coupons(mutant);
    if of_coupons || orders::is_here(mutant) {
        let wrong = Arc::new(ports::Wrong::new(Arc::clone(world), mutant));
        let (points, coupons) = (Arc::clone(&wrong) as _, Arc::clone(&wrong) as _);
        Peers { points, coupons, orders: wrong, credits }
    } else {
        let (points, coupons) = (Arc::clone(world) as _, Arc::clone(world) as _);
        Peers { points, coupons, orders: Arc::clone(world) as _, credits }
    }
}
