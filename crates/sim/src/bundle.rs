//! Troubles that belong together. Some mistakes show only where several things go wrong with one
//! coupon or one flow, one after the other, and chance alone brings them together once in many
//! thousand runs. A few runs draw a bundle, from a stream of their own: what all other seeds mean
//! stays as it was.

use crate::{
    chance::Chance,
    swarm::{Fate, Swarm},
};
use engine::ports::Recovery;
use std::time::Duration;

/// One run in so many has a bundle.
const RARE: u64 = 16;
/// A word is given so long after its doubt was looked into, at most, in seconds.
const SLOWEST_WORD_S: u64 = 900;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bundle {
    /// Shopify creates coupons without an answer, then finds none of them for a while, and at last
    /// refuses to create any: an access scope that is taken away bit by bit.
    LostCreation,
    /// Deactivations and activations are not answered and land minutes later, while staff hold,
    /// release and cancel the same few coupons.
    LateSwitches,
    /// A till that can tell nothing loses what brings points back, or its answer, again and again,
    /// and staff answer in dialogs that have been open for long.
    TwoDoubts,
    /// Orders of other channels are cancelled, stand again, and are cancelled again.
    Reopened,
}

impl Bundle {
    /// Tasks that get on in each step.
    pub const POLLS: u32 = 3;
    const ALL: [Bundle; 4] =
        [Bundle::LostCreation, Bundle::LateSwitches, Bundle::TwoDoubts, Bundle::Reopened];

    /// For the trace.
    pub const fn name(self) -> &'static str {
        match self {
            Bundle::LostCreation => "bundle: creations are lost",
            Bundle::LateSwitches => "bundle: switches land late",
            Bundle::TwoDoubts => "bundle: doubt follows doubt",
            Bundle::Reopened => "bundle: cancelled orders stand again",
        }
    }

    /// A few runs have one, which changes what they drew.
    pub fn draw(seed: u64, swarm: &mut Swarm) -> Option<Self> {
        let aside = Chance::new(!seed);
        let bundle = aside.one_in(RARE).then(|| aside.one_of(&Self::ALL))?;
        bundle.shape(swarm);
        if aside.one_in(2) {
            swarm.fates = [0; 6];
        }
        Some(bundle)
    }

    /// The run in which they happen: there are coupons to give back, and time enough.
    fn shape(self, swarm: &mut Swarm) {
        (swarm.begins_later, swarm.rough_steps) = (true, 400);
        (swarm.outage, swarm.limit) = (None, None);
        let leap = if self == Bundle::LateSwitches { 100 } else { 1_000 };
        (swarm.time_leaps, swarm.leap) = (12, Duration::from_secs(leap));
        // Little else happens: whatever is under way gets on.
        (swarm.wishes, swarm.spends, swarm.refunds) = (2, 0, 0);
        (swarm.places, swarm.own_reversals) = (0, 0);
        (swarm.acts, swarm.reversals) = match self {
            Bundle::LostCreation => (0, 20),
            Bundle::LateSwitches => (6, 0),
            Bundle::TwoDoubts => (12, 30),
            Bundle::Reopened => (0, 0),
        };
        if self == Bundle::Reopened {
            (swarm.spends, swarm.redeems) = (12, 0);
            (swarm.places, swarm.own_reversals, swarm.reopens) = (24, 12, 12);
        }
        swarm.bundle = Some(self);
    }

    /// What becomes of the call; `None`: as in any run.
    pub fn fate(self, call: &str, chance: &Chance) -> Option<Fate> {
        match (self, call) {
            (Bundle::LostCreation, "create") => {
                Some(chance.one_of(&[Fate::ReplyLost, Fate::Refused]))
            }
            (Bundle::LostCreation, "look up") if !chance.one_in(4) => Some(Fate::RequestLost),
            (Bundle::LateSwitches, "deactivate" | "activate") if chance.one_in(3) => {
                Some(Fate::Later)
            }
            (Bundle::TwoDoubts, "add") if !chance.one_in(8) => {
                Some(chance.one_of(&[Fate::RequestLost, Fate::ReplyLost]))
            }
            _ => None,
        }
    }

    /// How the till lets a doubt be settled; `None`: in any way.
    pub const fn recovery(self) -> Option<Recovery> {
        match self {
            Bundle::LostCreation | Bundle::LateSwitches | Bundle::Reopened => None,
            Bundle::TwoDoubts => Some(Recovery::Review),
        }
    }

    /// Staff want new coupons for used ones.
    pub fn replaces(self) -> bool {
        self == Bundle::LostCreation
    }

    /// Among how many of the acts on a coupon staff choose: cancellations, holds, releases, others.
    pub const fn acts(self) -> u64 {
        match self {
            Bundle::LostCreation | Bundle::Reopened => 8,
            Bundle::LateSwitches => 6,
            Bundle::TwoDoubts => 3,
        }
    }

    /// How long a second person's dialog stays open, where one does.
    pub fn slow_word(self, chance: &Chance) -> Option<Duration> {
        let slow = || Duration::from_secs(chance.below(SLOWEST_WORD_S));
        (self == Bundle::TwoDoubts).then(slow)
    }
}
