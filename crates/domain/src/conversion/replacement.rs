//! A coupon in the place of another, whose order was cancelled: a conversion without a deduction.
//!
//! ```text
//!     Owing ──due──▶ Replacing ──created──▶ Recording ──▶ Completed
//!       ▲                │
//!       └──not answered──┤
//!                        └─refused, and nothing can land any more──▶ Failed
//! ```
//!
//! **Who begins it.** Staff choose it when they give back a cancelled order; the reversal begins it
//! once the order is cancelled (`reversal.rs`). In the transaction in which the reversal begins,
//! the old coupon's points are promised as they would be to come back, so that nothing else can
//! give them, and the new code is registered, so that nothing else takes it. What has come back in
//! part already, by partial refunds, comes back as points for the rest.
//!
//! **Never both.** Either the new coupon is the customer's, and the old one's points are its own
//! from then on; or it surely does not stand, and they are free again for another reversal. Which
//! of both is one commit: the coupon becomes active and the order's row is settled in it.
//!
//! **One, or surely none.** The code is the key at Shopify: created twice is created once, so a
//! creation that was not answered is simply made again. It is owed, and never given up for that.
//! It ends without a coupon only where Shopify refuses, or a stranger has the code, and no earlier
//! try has landed, which is looked for first, or can land any more; then a person is told, and may
//! choose again.
//!
//! **What it is worth.** The same points and money; good as long as any new coupon, or until the
//! day that staff chose. Nothing of the day's allowance or of the balance is used. Cancelled unused
//! it gives back those points under its own `CANCEL-{code}`; used in an order that is cancelled, it
//! comes back like any coupon. `paid_by` names the one deduction behind the whole line, so that
//! the points return to the lots that they came from.

use super::{
    CREATE_HORIZON, Conversion, Next, State, Terms, create_problem, recording_of, stubborn, to,
};
use crate::{
    actor::Actor,
    effect::{Fact, Input, Notice, Reason},
    ids::{Code, NodeId, OrderId},
    time::At,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// After so many tries a person is told.
const TELL_AFTER: u32 = 3;
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// The coupon in whose place a new one is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaces {
    pub code: Code,
    /// The cancelled order that had used it.
    pub order: OrderId,
    /// The coupon whose deduction paid for all of them: the first of the line.
    pub paid_by: Code,
    /// Who chose it.
    pub by: Actor,
}

impl Terms {
    /// The coupon whose deduction paid for this one: itself, unless it is a replacement.
    pub fn paid_by(&self) -> &Code {
        self.replaces.as_ref().map_or(&self.code, |replaced| &replaced.paid_by)
    }
}

fn backoff(tries: u32) -> Duration {
    Duration::from_secs(1 << tries.min(10)).min(LONGEST_WAIT)
}

impl Conversion {
    pub(super) fn replacing(
        &self,
        stray: Option<At>,
        tries: u32,
        input: &Input,
        now: At,
    ) -> Option<Next> {
        Some(match input {
            Input::Created { node, .. } => self.replaced(*node, tries),
            Input::Refused(refusal) if stray.is_none_or(|until| until <= now) => {
                let mut facts = vec![Fact::Voided, Fact::NotReplaced];
                facts.extend(stubborn(Reason::NotReplaced));
                to(State::Failed { problem: create_problem(refusal) }, "not_replaced", facts)
            }
            Input::Refused(_) => owing(stray, tries + 1, now),
            Input::GaveUp { maybe } => {
                let stray = if *maybe { Some(now.plus(CREATE_HORIZON)) } else { stray };
                owing(stray, tries + 1, now)
            }
            _ => return None,
        })
    }

    /// The new coupon becomes the customer's, and takes the old one's place.
    fn replaced(&self, node: NodeId, tries: u32) -> Next {
        let mut facts = vec![Fact::Issued { node }, Fact::Replaced];
        facts.extend((tries >= TELL_AFTER).then_some(Fact::ReviewClosed(Reason::NotReplaced)));
        facts.extend(self.terms.receipt.then_some(Fact::Notify(Notice::CouponReplaced)));
        to(recording_of(node), "replaced", facts)
    }
}

/// Not answered, or not let in, or refused while an earlier try may still land: tried again.
fn owing(stray: Option<At>, tries: u32, now: At) -> Next {
    let until = now.plus(backoff(tries));
    let facts = if tries == TELL_AFTER { stubborn(Reason::NotReplaced) } else { vec![] };
    to(State::Owing { stray, tries, until }, "replacement_owed", facts)
}

#[cfg(test)]
mod tests;
