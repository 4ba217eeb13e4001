//! What Kaeru may say and write at any moment.

use super::{Auditor, Flow, Verdict, broken, must, orders::Reverting, own_orders::OwnAct};
use crate::diary::{Deed, Word};

impl Auditor {
    pub(super) fn begun(&mut self, code: &str, flow: u128) -> Verdict {
        let customer = self.wish(code)?.customer;
        let in_doubt = self.flows.values().any(|other| {
            other.deed.is_none()
                && other.reverts.is_none()
                && other.own.is_none()
                && other.word == Word::Confirming
                && self.wishes.get(&other.code).is_some_and(|wish| wish.customer == customer)
        });
        // A coupon in another's place takes nothing from the balance.
        let takes = self.wish(code)?.replaces.is_none();
        must(!in_doubt || !takes, "I7", || {
            format!("{code} began while another conversion of customer {customer} is in doubt")
        })?;
        let wish = self.wish(code)?;
        must(wish.flow.is_none(), "I3", || format!("{code} was begun twice"))?;
        wish.flow = Some(flow);
        self.open(flow, code, None, None)
    }

    pub(super) fn acted(&mut self, code: &str, flow: u128, deed: Deed) -> Verdict {
        let wish = self.wish(code)?;
        must(wish.paid() == 1, "I2", || format!("{deed:?} of {code}, which was never paid"))?;
        if deed == Deed::Release {
            wish.held = false;
        }
        let busy = self.flows.values().any(|other| {
            other.code == code
                && other.reverts.is_none()
                && matches!(other.word, Word::Processing | Word::Confirming)
        });
        let placed = self.own_busy(code);
        must(!busy && !placed, "I4", || format!("two acts on {code} at once"))?;
        self.open(flow, code, Some(deed), None)
    }

    pub(super) fn open(
        &mut self,
        flow: u128,
        code: &str,
        deed: Option<Deed>,
        reverts: Option<Reverting>,
    ) -> Verdict {
        let lived = self.wish(code)?.should_live;
        let code = code.to_owned();
        self.insert(flow, Flow { deed, reverts, lived, ..Flow::of(code) })
    }

    /// A flow about an order of another channel.
    pub(super) fn open_own(&mut self, flow: u128, order: u64, own: OwnAct) -> Verdict {
        self.insert(flow, Flow { own: Some(own), ..Flow::of(format!("order {order}")) })
    }

    fn insert(&mut self, flow: u128, opened: Flow) -> Verdict {
        let before = self.flows.insert(flow, opened);
        must(before.is_none(), "I6", || format!("flow {flow} was begun twice"))
    }

    pub(super) fn claimed(&mut self, flow: u128, epoch: i64, version: i64) -> Verdict {
        let known = self.flow(flow)?;
        let follows = epoch == known.epoch + 1 && version == known.version;
        known.epoch = epoch;
        must(follows, "I6", || format!("flow {flow} was claimed as version {version}"))
    }

    pub(super) fn step(&mut self, flow: u128, version: i64, epoch: i64) -> Verdict {
        let known = self.flow(flow)?;
        must(epoch == known.epoch, "I6", || {
            format!("flow {flow} was moved by whoever had lost it: epoch {epoch}")
        })?;
        let follows = version == known.version + 1;
        known.version = version;
        must(follows, "I6", || format!("flow {flow}: version {version} was written over another"))
    }

    pub(super) fn ledger(&mut self, reference: &str, points: i64) -> Verdict {
        let there = self.till.get(reference).copied();
        must(there == Some(points), "I6", || {
            format!("{reference} {points} is in our ledger, and the till has {there:?}")
        })?;
        let before = self.ledger.insert(reference.to_owned(), points);
        must(before.is_none(), "I6", || format!("{reference} is in our ledger twice"))
    }

    /// Words only ever grow more certain, and what they say is so.
    pub(super) fn told(&mut self, flow: u128, word: Word) -> Verdict {
        let known = self.flow(flow)?;
        let before = std::mem::replace(&mut known.word, word);
        let (code, deed, lived) = (known.code.clone(), known.deed, known.lived);
        match (before, word) {
            (Word::Done | Word::Failed, _) => {
                return broken("I7", format!("flow {flow} was {before:?}, and is {word:?} now"));
            }
            (_, Word::Processing | Word::Confirming) => return Ok(()),
            (_, Word::Done | Word::Failed) => {}
        }
        let done = word == Word::Done;
        if let Some(asked) = known.reverts.clone() {
            return self.reverted(&asked, done);
        }
        if let Some(act) = known.own.clone() {
            return self.own_told(&act, done);
        }
        let stranger = self.strangers.contains(&code);
        let wish = self.wish(&code)?;
        match deed {
            None if done => {
                let good = wish.paid() == 1 && wish.created && wish.alive && !stranger;
                (wish.should_live, wish.should_say) = (true, Some("active"));
                must(good, "I7", || format!("{code} was given out: it is unpaid or dead"))
            }
            None => must(wish.paid() == 0, "I7", || format!("{code} failed and was paid for")),
            Some(Deed::Cancel { refund }) if done => {
                (wish.should_live, wish.should_say) = (false, Some("cancelled"));
                let good = !wish.alive && wish.refunds == u32::from(refund);
                must(good, "I7", || format!("{code} is cancelled: it lives or is not refunded"))
            }
            Some(Deed::Cancel { .. }) => {
                if wish.redeemed && !wish.alive {
                    (wish.should_live, wish.should_say) = (false, Some("used"));
                }
                let as_before = wish.redeemed || wish.alive == lived;
                let good = as_before && wish.refunds == 0;
                must(good, "I7", || format!("{code} was not cancelled, and is not as before"))
            }
            Some(Deed::Hold) => {
                (wish.should_live, wish.should_say) = (false, Some("held"));
                wish.held = true;
                must(!wish.alive, "I7", || format!("{code} is held and lives"))
            }
            Some(Deed::Release) => {
                (wish.should_live, wish.should_say) = (true, Some("active"));
                must(wish.alive, "I7", || format!("{code} is released and dead"))
            }
            Some(Deed::Used) => {
                wish.should_say = Some("used");
                must(wish.redeemed, "I7", || format!("{code} is called used"))
            }
            Some(Deed::Expired) => {
                wish.should_say = Some("expired");
                Ok(())
            }
        }
    }
}
