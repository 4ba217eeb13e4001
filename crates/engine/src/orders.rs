//! Performs what a reversal asks of Shopify: cancel the order, look at its credits, give credit.
//!
//! A credit carries no reference. Sent and not answered, it is searched among the credits that the
//! customer was given since, by its amount and the second of its expiry. What is found with another
//! second may be ours or another's: a person decides. Absence is believed after the horizon.

use crate::{
    Engine,
    ports::{Answer, Credit, CreditOrder, Peers, Progress},
    recovery::{Outcome, next_look, nothing_to_send},
};
use domain::{
    At, Effect, Input, Money, Refusal, Reversal, ShopId,
    effect::Reason,
    reversal::{CANCEL_PATIENCE, Item},
};
use std::time::Duration;

/// How long a credit that was not answered may still land.
pub const CREDIT_HORIZON: Duration = Duration::from_secs(600);
/// How far Shopify's clock and ours may stand apart.
const SKEW: Duration = Duration::from_secs(5);
/// How often it is looked for credit that Shopify may give back by itself.
const REVERT_LOOK: Duration = Duration::from_secs(5);
const FIRST_LOOK: Duration = Duration::from_secs(1);

impl Engine {
    pub(crate) async fn about_order(
        &self,
        peers: &Peers,
        flow: &Reversal,
        effect: Effect,
        fresh: bool,
        remembers_less: bool,
        limit: Duration,
    ) -> Outcome {
        match effect {
            Effect::CancelOrder { maybe: false } if !fresh => Outcome::Input(Input::Unclear),
            Effect::CancelOrder { maybe } => cancel(peers, flow, maybe, limit).await,
            Effect::FollowCancel { since, told } => {
                self.follow(peers, flow, since, told, fresh, limit).await
            }
            Effect::LookCredits => match peers.orders.reverted(&flow.terms.order, limit).await {
                Answer::Done(reverted) => self.reverted(flow, reverted),
                answer => unanswered(answer),
            },
            // Found in this state by a claim: whoever committed it may have sent it.
            Effect::Credit if !fresh => Outcome::Input(Input::InDoubt),
            Effect::Credit => match wanted(flow) {
                Some(order) => credit(peers, order, limit).await,
                None => nothing_to_send(),
            },
            Effect::SettleCredit { doubt } => match wanted(flow) {
                Some(order) => {
                    // Ours may be as old as the order.
                    let from = if remembers_less { flow.terms.placed_at } else { doubt.sent };
                    let (shop, times) = (&flow.terms.shop, (doubt.since, from));
                    self.settle_credit(peers, shop, order, times, fresh, limit).await
                }
                None => nothing_to_send(),
            },
            _ => nothing_to_send(),
        }
    }

    /// What is missing may still come back by itself: it is waited for.
    fn reverted(&self, flow: &Reversal, reverted: Vec<(u64, i64)>) -> Outcome {
        let (now, by) = (self.clock.now(), flow.reverts_by());
        if now < by && flow.missing(&reverted) > 0 {
            return Outcome::Wait { until: now.plus(REVERT_LOOK).min(by) };
        }
        Outcome::Input(Input::Reverted(reverted))
    }

    /// Shopify's job is asked again and again, less and less often.
    async fn follow(
        &self,
        peers: &Peers,
        flow: &Reversal,
        since: At,
        told: bool,
        fresh: bool,
        limit: Duration,
    ) -> Outcome {
        let now = self.clock.now();
        let age = now.since(since);
        let pause = match age.as_secs() {
            0..5 => Duration::from_millis(300),
            5..60 => Duration::from_secs(2),
            _ => Duration::from_secs(30),
        };
        if fresh && age < pause {
            return Outcome::Wait { until: since.plus(pause) };
        }
        match peers.orders.progress(&flow.terms.order, flow.job(), limit).await {
            Answer::Done(Progress::Cancelled) => Outcome::Input(Input::Done),
            Answer::Done(Progress::Failed) => {
                Outcome::Input(Input::Refused(Refusal::Other("cancel_failed".to_owned())))
            }
            _ if age >= CANCEL_PATIENCE && !told => Outcome::Input(Input::Stubborn),
            _ => Outcome::Wait { until: self.clock.now().plus(pause) },
        }
    }

    async fn settle_credit(
        &self,
        peers: &Peers,
        shop: &ShopId,
        order: CreditOrder,
        (since, from): (At, At),
        fresh: bool,
        limit: Duration,
    ) -> Outcome {
        if fresh && self.clock.now().since(since) < FIRST_LOOK {
            return Outcome::Wait { until: since.plus(FIRST_LOOK) };
        }
        let age = self.clock.now().since(since);
        let from = At(from.0 - i64::try_from(SKEW.as_micros()).unwrap_or(0)).floor_second();
        let found = match peers.orders.credits(order, from, limit).await {
            Answer::Done(found) => found,
            _ if age >= CREDIT_HORIZON * 7 => {
                return Outcome::Input(Input::Parked(Reason::CreditsUnknown));
            }
            _ => return self.look_later(since),
        };
        let found = match self.strangers(shop, found).await {
            Ok(found) => found,
            Err(error) => return Outcome::failed(error, Input::Parked(Reason::CreditsUnknown)),
        };
        match ours(&found, order) {
            Some(Ok(credit)) => Outcome::Input(credited(credit)),
            Some(Err(())) => Outcome::Input(Input::Parked(Reason::CreditUnclear)),
            None if age >= CREDIT_HORIZON => {
                Outcome::Input(Input::Refused(Refusal::Other("never_arrived".to_owned())))
            }
            None => self.look_later(since),
        }
    }

    fn look_later(&self, since: At) -> Outcome {
        Outcome::Wait { until: next_look(since, self.clock.now(), CREDIT_HORIZON) }
    }

    /// Without those that are known to be of other flows.
    async fn strangers(
        &self,
        shop: &ShopId,
        found: Vec<Credit>,
    ) -> Result<Vec<Credit>, crate::store::StoreError> {
        let mut strangers = Vec::with_capacity(found.len());
        for credit in found {
            if !self.store.credit_known(shop, credit.transaction).await? {
                strangers.push(credit);
            }
        }
        Ok(strangers)
    }
}

/// The credit among them. `Err`: it may be among them, and nobody can tell.
fn ours(found: &[Credit], order: CreditOrder) -> Option<Result<Credit, ()>> {
    let like: Vec<_> = found.iter().filter(|of| of.minor == order.amount.minor).collect();
    let second = |at: Option<At>| at.map(At::floor_second);
    let wanted = second(order.expires_at);
    let exact: Vec<_> =
        like.iter().filter(|of| wanted.is_some() && second(of.expires_at) == wanted).collect();
    match (exact.as_slice(), like.as_slice()) {
        ([one], _) => Some(Ok(***one)),
        ([], []) => None,
        _ => Some(Err(())),
    }
}

fn wanted(flow: &Reversal) -> Option<CreditOrder> {
    match flow.current()? {
        Item::Credit { amount, expiry, .. } => Some(CreditOrder {
            customer: flow.terms.customer,
            amount: Money { minor: flow.gap(), currency: amount.currency },
            expires_at: expiry.requested,
        }),
        Item::Points { .. }
        | Item::Replacement { .. }
        | Item::OwnCredit { .. }
        | Item::Earned { .. }
        | Item::PointsAgain { .. }
        | Item::CreditAgain { .. } => None,
    }
}

fn credited(credit: Credit) -> Input {
    Input::Credited { transaction: credit.transaction, honoured: credit.expires_at }
}

async fn credit(peers: &Peers, order: CreditOrder, limit: Duration) -> Outcome {
    Outcome::Input(match peers.orders.credit(order, limit).await {
        Answer::Done(credit) => credited(credit),
        Answer::Refused(refusal) => Input::Refused(refusal),
        Answer::Unknown(_) => Input::InDoubt,
    })
}

/// An order that may have been told is looked at before it is told again.
async fn cancel(peers: &Peers, flow: &Reversal, maybe: bool, limit: Duration) -> Outcome {
    let Some(cancel) = &flow.terms.cancel else { return nothing_to_send() };
    let order = &flow.terms.order;
    if maybe {
        match peers.orders.progress(order, None, limit / 2).await {
            Answer::Done(Progress::Cancelled) => return Outcome::Input(Input::Done),
            Answer::Done(_) => {}
            answer => return unanswered(answer),
        }
    }
    let limit = if maybe { limit / 2 } else { limit };
    match peers.orders.cancel(order, cancel, limit).await {
        Answer::Done(job) => Outcome::Input(Input::CancelAccepted { job }),
        Answer::Refused(Refusal::Wait(wait)) => Outcome::Failed {
            why: "not accepted for now".to_owned(),
            retry: Some(wait.max(Duration::from_millis(1))),
            last: Input::Refused(Refusal::Wait(wait)),
        },
        // This try did not happen; an earlier one may have.
        Answer::Refused(refusal) if maybe => Outcome::Failed {
            why: format!("refused: {refusal:?}"),
            retry: None,
            last: Input::GaveUp { maybe },
        },
        Answer::Refused(refusal) => Outcome::Input(Input::Refused(refusal)),
        Answer::Unknown(_) if !maybe => Outcome::Input(Input::Unclear),
        Answer::Unknown(why) => Outcome::failed(why, Input::GaveUp { maybe }),
    }
}

/// A read that brought nothing: made again.
fn unanswered<T>(answer: Answer<T>) -> Outcome {
    let last = Input::GaveUp { maybe: false };
    match answer {
        Answer::Refused(Refusal::Wait(wait)) => Outcome::Failed {
            why: "not accepted for now".to_owned(),
            retry: Some(wait.max(Duration::from_millis(1))),
            last,
        },
        Answer::Refused(refusal) => Outcome::failed(format!("refused: {refusal:?}"), last),
        Answer::Unknown(why) => Outcome::failed(why, last),
        Answer::Done(_) => nothing_to_send(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::CustomerId;
    use iso_currency::Currency;

    #[test]
    fn a_credit_is_told_by_its_second() {
        let order = |expires_at: Option<i64>| CreditOrder {
            customer: CustomerId(1),
            amount: Money { minor: 300, currency: Currency::JPY },
            expires_at: expires_at.map(|s| At(s * 1_000_000 + 5)),
        };
        let credit = |transaction: u64, minor: i64, expires_at: Option<i64>| Credit {
            transaction,
            minor,
            expires_at: expires_at.map(|s| At(s * 1_000_000)),
            at: At(0),
        };
        let (own, other) = (credit(1, 300, Some(90)), credit(2, 300, Some(91)));
        for (found, expires_at, expected) in [
            (vec![], Some(90), None),
            (vec![own], Some(90), Some(Ok(own))),
            (vec![own, other], Some(90), Some(Ok(own))),
            (vec![credit(3, 299, Some(90))], Some(90), None),
            // Another second: it may be ours, cut short, or somebody else's.
            (vec![other], Some(90), Some(Err(()))),
            (vec![own, own], Some(90), Some(Err(()))),
            (vec![credit(4, 300, None)], Some(90), Some(Err(()))),
            (vec![credit(4, 300, None)], None, Some(Err(()))),
            (vec![], None, None),
        ] {
            assert_eq!(ours(&found, order(expires_at)), expected, "{found:?} {expires_at:?}");
        }
    }
}
