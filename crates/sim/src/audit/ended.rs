//! What must be true once nothing is under way: first while people are still to decide, then at
//! the very end.

use super::{Auditor, Flow, Verdict, Wish, must};
use crate::diary::{Deed, Word};

impl Auditor {
    /// What has not ended waits for a person, with a named reason.
    pub(super) fn stalled(&self) -> Verdict {
        for (number, flow) in &self.flows {
            let over = matches!(flow.word, Word::Done | Word::Failed);
            let named = flow.parked && flow.reviews.values().any(|open| *open);
            must(over || named, "I5", || {
                format!("flow {number} of {} is {:?} and waits for nothing", flow.code, flow.word)
            })?;
        }
        Ok(())
    }

    pub(super) fn quiet(&self) -> Verdict {
        for (number, flow) in &self.flows {
            let over = matches!(flow.word, Word::Done | Word::Failed) && !flow.parked;
            must(over, "I5", || format!("flow {number} never ended: {:?}", flow.word))?;
            self.doubts_are_over(*number, flow)?;
        }
        for (code, wish) in &self.wishes {
            self.books_agree(code, wish)?;
        }
        for (reference, points) in &self.till {
            let ours = self.ledger.get(reference);
            let agrees = reference.starts_with("SPEND-") || ours == Some(points);
            must(agrees, "I6", || format!("{reference}: the till has {points}, we have {ours:?}"))?;
        }
        self.orders_agree()?;
        self.own_orders_agree()?;
        must(self.ledger.keys().all(|ours| self.till.contains_key(ours)), "I6", || {
            "our ledger knows more than the till".to_owned()
        })
    }

    /// Reviews of what could not be known are closed; those of what could not be done may stay.
    fn doubts_are_over(&self, number: u128, flow: &Flow) -> Verdict {
        const MAY_STAY: [&str; 4] =
            ["not_recorded", "used_after_cancel", "used_twice", "not_replaced"];
        let stays = |reason: &&'static str| flow.reviews[*reason] && !MAY_STAY.contains(reason);
        let open = flow.reviews.keys().find(|reason| stays(reason));
        must(open.is_none(), "I5", || format!("flow {number} is over, and {open:?} is open"))
    }

    pub(super) fn reviewed(&self, code: &str, reason: &str) -> bool {
        let of_code = self.flows.values().filter(|flow| flow.code == code || flow.takes(code));
        of_code.into_iter().any(|flow| flow.reviews.get(reason) == Some(&true))
    }

    fn books_agree(&self, code: &str, wish: &Wish) -> Verdict {
        let flow = wish.flow.and_then(|flow| self.flows.get(&flow));
        let done = flow.is_some_and(|flow| flow.word == Word::Done);
        must(wish.paid() == u32::from(done), "I2", || {
            format!("{code} was paid for {} times, told done: {done}", wish.paid())
        })?;
        let cancelled = self.flows.values().any(|flow| {
            flow.code == code
                && flow.deed == Some(Deed::Cancel { refund: true })
                && flow.word == Word::Done
        });
        must(wish.refunds == u32::from(cancelled), "I2", || {
            format!("{code} was refunded {} times, told so: {cancelled}", wish.refunds)
        })?;
        let lives = wish.alive == wish.should_live || wish.redeemed;
        must(lives, "I2", || format!("{code} lives: {}, and should not be so", wish.alive))?;
        must(!wish.redeemed || wish.heard, "I7", || format!("nobody heard of {code}'s use"))?;
        let both = wish.redeemed && wish.refunds > 0;
        must(!both || self.reviewed(code, "used_after_cancel"), "I4", || {
            format!("{code} was used and refunded, and nobody is told")
        })?;
        let says = wish.says == wish.should_say || self.reviewed(code, "not_recorded");
        must(says, "I7", || {
            format!("the metafield says {:?} of {code}, not {:?}", wish.says, wish.should_say)
        })
    }
}
