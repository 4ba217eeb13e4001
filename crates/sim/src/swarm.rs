//! What may go wrong in one run, and how often. Each run draws its own: a run in which everything
//! fails a little finds other mistakes than one in which one thing fails all the time.

use crate::{bundle::Bundle, chance::Chance, world::bucket::Limit};
use std::time::Duration;

/// What becomes of one call to another system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    Answered,
    /// Not let in: throttled, or not reachable.
    NotLetIn,
    /// Let in, and refused for a reason of the other side's own.
    Refused,
    RequestLost,
    ReplyLost,
    /// The request arrives long after its sender gave up.
    Later,
    /// It arrives twice, and is answered.
    Twice,
}

impl Fate {
    /// For the trace.
    pub const fn name(self) -> &'static str {
        match self {
            Fate::Answered => "answered",
            Fate::NotLetIn => "not let in",
            Fate::Refused => "refused",
            Fate::RequestLost => "request lost",
            Fate::ReplyLost => "reply lost",
            Fate::Later => "arrives later",
            Fate::Twice => "arrives twice",
        }
    }

    pub const BAD: [Fate; 6] = [
        Fate::NotLetIn,
        Fate::Refused,
        Fate::RequestLost,
        Fate::ReplyLost,
        Fate::Later,
        Fate::Twice,
    ];
}

/// What becomes of one call to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Write {
    Answered,
    /// Not written, with an error.
    Lost,
    /// Written, and the acknowledgement is lost.
    Unacknowledged,
}

/// How likely, as «one in so many»; zero: never.
#[derive(Clone, Debug, Default)]
pub struct Swarm {
    pub replicas: usize,
    pub wishes: u64,
    /// There are coupons and orders before the trouble begins.
    pub begins_later: bool,
    /// Steps until everything heals.
    pub rough_steps: u32,
    /// How many calls in a hundred have each of [`Fate::BAD`].
    pub fates: [u64; 6],
    pub write_lost: u64,
    pub write_unacknowledged: u64,
    pub task_dies: u64,
    pub replica_dies: u64,
    /// All die at once, and the store is opened anew.
    pub all_die: u64,
    /// They come back as from a backup.
    pub restores: bool,
    pub replica_sleeps: u64,
    pub clock_jumps: u64,
    pub time_leaps: u64,
    /// The longest leap.
    pub leap: Duration,
    /// How long the till's history and Shopify's look-up by code show less than is true.
    pub history_lag: Duration,
    /// How long Shopify's usage count shows less than is true.
    pub count_lag: Duration,
    /// The same of the search for orders. Both lag: a use may go unnoticed until its webhook.
    pub order_lag: Duration,
    /// How long the other side is gone altogether, from some moment on.
    pub outage: Option<(Duration, Duration)>,
    /// Shopify's limit, before the healing and after. `None`: nobody comes near it.
    pub limit: Option<Limit>,
    pub spends: u64,
    pub redeems: u64,
    pub acts: u64,
    pub reversals: u64,
    pub refunds: u64,
    /// Orders of other channels placed, cancelled and given back.
    pub places: u64,
    pub own_reversals: u64,
    /// Such orders re-opened, or what came back with them taken again.
    pub reopens: u64,
    /// Troubles that belong together.
    pub bundle: Option<Bundle>,
}

impl Swarm {
    /// Nothing goes wrong, and nobody does anything by himself.
    pub fn calm() -> Self {
        Self { replicas: 1, ..Self::default() }
    }

    pub fn draw(chance: &Chance) -> Self {
        let often = |most: u64, choices: &[u64]| {
            if chance.one_in(3) { 0 } else { most * chance.one_of(choices) }
        };
        let mut fates = [0; 6];
        for fate in &mut fates {
            *fate = chance.one_of(&[0, 0, 2, 5, 12]);
        }
        let seconds = |choices: &[u64]| Duration::from_secs(chance.one_of(choices));
        let outage = chance
            .one_in(5)
            .then(|| (seconds(&[0, 30, 300]), seconds(&[60, 1_500, 6_000, 90_000])));
        let limit = chance.one_in(4).then(|| Limit {
            size: chance.one_of(&[80, 160]),
            restore_per_s: chance.one_of(&[1, 4]),
        });
        Self {
            limit,
            replicas: 1 + chance.index(3),
            wishes: 2 + chance.below(7),
            begins_later: chance.one_in(2),
            rough_steps: chance.one_of(&[200, 300, 400, 1_200]),
            fates,
            write_lost: often(10, &[2, 6]),
            write_unacknowledged: often(10, &[2, 6]),
            task_dies: often(20, &[1, 4]),
            replica_dies: often(60, &[1, 3]),
            all_die: often(150, &[1, 3]),
            restores: chance.one_in(4),
            replica_sleeps: often(12, &[1, 4]),
            clock_jumps: often(30, &[1, 3]),
            time_leaps: often(8, &[1, 3]),
            leap: seconds(&[10, 90, 90, 1_000, 100_000]),
            history_lag: seconds(&[0, 0, 5, 60]),
            count_lag: seconds(&[0, 60, 300]),
            order_lag: seconds(&[0, 0, 0, 60]),
            outage,
            spends: often(8, &[1, 4]),
            redeems: often(12, &[1, 3]),
            acts: often(5, &[1, 3]),
            reversals: often(6, &[1, 4]),
            refunds: often(6, &[1, 3]),
            places: often(8, &[1, 3]),
            own_reversals: often(8, &[1, 3]),
            reopens: 0,
            bundle: None,
        }
    }

    /// The fate of a call.
    pub fn fate(&self, call: &str, chance: &Chance) -> Fate {
        if let Some(fate) = self.bundle.and_then(|bundle| bundle.fate(call, chance)) {
            return fate;
        }
        let mut drawn = chance.below(100);
        for (fate, weight) in Fate::BAD.into_iter().zip(self.fates) {
            if drawn < weight {
                return fate;
            }
            drawn -= weight;
        }
        Fate::Answered
    }

    pub fn write(&self, chance: &Chance) -> Write {
        if chance.one_in(self.write_lost) {
            Write::Lost
        } else if chance.one_in(self.write_unacknowledged) {
            Write::Unacknowledged
        } else {
            Write::Answered
        }
    }
}
