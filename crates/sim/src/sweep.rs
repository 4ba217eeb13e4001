//! Every single fault, and every pair of faults, at every call of one flow of each kind: refused,
//! repeated, lost, late, not written, not acknowledged, dead before it, dead after it. What chance
//! finds often, this finds always.

use crate::{
    Failure,
    backend::InMemory,
    chance::Chance,
    mutants::Mutant,
    own_orders::OwnOrder,
    people::{Do, Wish},
    run::{Run, Setup},
    script::{Fault, Script, Where},
    swarm::Swarm,
    world::{HORIZON, WINDOW},
};
use engine::ports::Recovery;
use std::sync::Arc;

/// The flow that suffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Conversion,
    /// With a recent balance, so that it is read anew beside the creation.
    ConversionWithCheck,
    Cancellation,
    Hold,
    Release,
    /// A hold that is confirmed, with the points given back.
    ConfirmedHold,
    /// The same without.
    ConfirmedHoldKeepingPoints,
    Use,
    Expiry,
    /// An order is cancelled; a coupon's points, store credit and what was earned come back.
    Reversal,
    /// The same, with a new coupon instead of the points.
    Replacement,
    /// An order of another channel, with a coupon and store credit that Kaeru holds.
    Placing,
    /// The same with more credit than there is.
    PlacingRefused,
    /// Such an order is cancelled, and everything comes back.
    OwnReversal,
    /// It stands again, and what came back is taken again.
    TakingAgain,
    /// The same where the customer has spent it.
    TakingAgainSpent,
}

impl Kind {
    pub const ALL: [Kind; 16] = [
        Kind::Conversion,
        Kind::ConversionWithCheck,
        Kind::Cancellation,
        Kind::Hold,
        Kind::Release,
        Kind::ConfirmedHold,
        Kind::ConfirmedHoldKeepingPoints,
        Kind::Use,
        Kind::Expiry,
        Kind::Reversal,
        Kind::Replacement,
        Kind::Placing,
        Kind::PlacingRefused,
        Kind::OwnReversal,
        Kind::TakingAgain,
        Kind::TakingAgainSpent,
    ];
}

impl Kind {
    const fn takes_again(self) -> bool {
        matches!(self, Kind::TakingAgain | Kind::TakingAgainSpent)
    }
}

/// The tills, by how they let a doubt be settled.
pub const TILLS: [(&str, Recovery); 3] = [
    ("replay", Recovery::Replay { window: WINDOW }),
    ("look-up", Recovery::LookUp { horizon: HORIZON }),
    ("neither", Recovery::Review),
];

/// How many runs a sweep made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub singles: u64,
    pub doubles: u64,
}

/// A fault, or two, under which a law was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?} with {faults:?}: {failure}")]
pub struct Broken {
    pub kind: Kind,
    pub faults: Vec<(usize, Fault)>,
    pub failure: Failure,
}

/// Runs every single fault, and with `pairs` every second one after it.
///
/// # Errors
/// With the faults under which a law was broken.
pub fn sweep(kind: Kind, recovery: Recovery, pairs: bool) -> Result<Swept, Broken> {
    let run = |faults: &[(usize, Fault)]| {
        one(kind, recovery, faults, false).map_err(|failure| {
            let again = one(kind, recovery, faults, true);
            let failure = again.err().unwrap_or(failure);
            Broken { kind, faults: faults.to_vec(), failure }
        })
    };
    let mut swept = Swept::default();
    let calls = run(&[])?;
    for (first, place) in calls.iter().enumerate() {
        for fault in Fault::at(*place) {
            let calls = run(&[(first, fault)])?;
            swept.singles += 1;
            if !pairs {
                continue;
            }
            for (second, place) in calls.iter().enumerate().skip(first + 1) {
                for then in Fault::at(*place) {
                    run(&[(first, fault), (second, then)])?;
                    swept.doubles += 1;
                }
            }
        }
    }
    Ok(swept)
}

/// One flow under these faults; where each of its calls went.
fn one(
    kind: Kind,
    recovery: Recovery,
    faults: &[(usize, Fault)],
    trace: bool,
) -> Result<Vec<Where>, Failure> {
    let backend = Arc::new(InMemory::default());
    let setup = Setup { mutant: Mutant::None, backend, trace };
    let script = Script::new(faults);
    let mut run = Run::new(setup, Chance::new(1), Swarm::calm(), recovery, Some(script));
    run.grant_credit();
    let remembered = (kind == Kind::ConversionWithCheck).then_some(1_000);
    let wish = Wish { key: 0, customer: 1, points: 500, remembered, taken: false };
    if matches!(kind, Kind::Conversion | Kind::ConversionWithCheck) {
        run.arm(true);
        run.press(wish);
    } else {
        run.press(wish);
        run.calm_down()?;
        prepare(&mut run, kind)?;
        run.arm(true);
        suffer(&mut run, kind);
    }
    run.calm_down()?;
    run.arm(false);
    if let Some(coupon) = coupon(&run).filter(|_| kind.takes_again()) {
        run.cancelled_once_more(&own_order(coupon, 500))?;
    }
    run.everybody_can_convert_again()?;
    Ok(run.calls())
}

/// Its credit comes from two lots.
fn own_order(coupon: domain::Coupon, credit: i64) -> OwnOrder {
    let customer = coupon.terms.customer.0;
    OwnOrder { order: 1_000_000, customer, coupons: vec![coupon], credit }
}

fn coupon(run: &Run) -> Option<domain::Coupon> {
    run.office.picture().issued.first().cloned()
}

/// What must have happened before.
fn prepare(run: &mut Run, kind: Kind) -> Result<(), Failure> {
    let held = [Kind::Release, Kind::ConfirmedHold, Kind::ConfirmedHoldKeepingPoints];
    if let Some(coupon) = coupon(run).filter(|_| held.contains(&kind)) {
        run.do_to(coupon, Do::Hold, None);
        run.calm_down()?;
    }
    let returns = matches!(kind, Kind::Reversal | Kind::Replacement);
    if let Some(coupon) = coupon(run).filter(|_| returns) {
        run.redeem(&coupon);
        run.calm_down()?;
    }
    let placed = kind == Kind::OwnReversal || kind.takes_again();
    if let Some(own) = coupon(run).filter(|_| placed).map(|coupon| own_order(coupon, 500)) {
        run.place_this(&own, 1);
        run.calm_down()?;
        if kind.takes_again() {
            run.give_back_this(&own, true, 1);
            run.calm_down()?;
            run.reopen_this(&own);
            run.calm_down()?;
        }
    }
    if kind == Kind::TakingAgainSpent {
        run.spend_all();
    }
    if kind == Kind::Expiry {
        run.shared.advance(run.office.valid);
    }
    Ok(())
}

fn suffer(run: &mut Run, kind: Kind) {
    let Some(coupon) = coupon(run) else { return };
    let what = match kind {
        Kind::Conversion | Kind::ConversionWithCheck => return,
        Kind::Cancellation => Do::Cancel { by_owner: false, notify: true },
        Kind::Hold => Do::Hold,
        Kind::Release => Do::Release,
        Kind::ConfirmedHold => Do::Confirm { refund: true },
        Kind::ConfirmedHoldKeepingPoints => Do::Confirm { refund: false },
        Kind::Use => return run.redeem(&coupon),
        Kind::Reversal => return run.revert(false),
        Kind::Replacement => return run.revert(true),
        Kind::Placing => return run.place_this(&own_order(coupon, 500), 1),
        Kind::PlacingRefused => return run.place_this(&own_order(coupon, 5_000), 1),
        Kind::OwnReversal => return run.give_back_this(&own_order(coupon, 500), true, 1),
        Kind::TakingAgain | Kind::TakingAgainSpent => {
            return run.take_again(&own_order(coupon, 500), 1);
        }
        Kind::Expiry => Do::Expire,
    };
    run.do_to(coupon, what, Some("act"));
}
