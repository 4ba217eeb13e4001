//! Performs effects, and settles what their answers leave open.
//!
//! ```text
//!   effect      answer lost, or the process died        sent again?
//!   create      look the code up, then try again        yes: the code is the key at Shopify
//!   deduct, add in doubt                                never blindly
//!   settle      look again / replay / a person          by the points book's Recovery
//!   deactivate, kill, reactivate, delete, record        yes: applied twice is applied once
//!   recheck     asked again                             yes: it is a read
//!   credit      in doubt: the customer's credits are    never blindly
//!               searched for its amount and second
//! ```
//!
//! Late answers: a creation that lands after we gave up is chased until the horizon; a deduction
//! that lands late is found by the look-up, which believes in absence only after the horizon; a
//! deactivation or an activation that lands late finds the opposite not begun.

use crate::{
    Engine,
    ports::{Answer, Found, Movement, Peers, PointsBook, PointsOrder, Recovery, Usage, Why},
    store::Row,
};
use domain::{
    At, Effect, Input, NodeId, Points, Problem, Refusal, Terms,
    conversion::CREATE_HORIZON,
    effect::{Doubt, Moved, Reason},
    flow::Order,
};
use std::time::Duration;

/// More than any effect takes: three balance reads of 15 s beside a creation and its look-up.
pub const LONGEST_EFFECT: Duration = Duration::from_secs(46);
const BALANCE_LIMIT: Duration = Duration::from_secs(15);
const BALANCE_TRIES: u32 = 3;
/// When a doubt is looked into, counted from its beginning; the horizon comes last.
const LOOKS: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
];
/// How often after that.
const LOOK_AGAIN: Duration = Duration::from_secs(600);
/// A doubt older than this is not the customer's to wait for with a live coupon beside it.
const DOUBT_AGES: Duration = Duration::from_secs(30);
/// How long after the horizon a look-up that does not answer is waited for.
const LOOK_UP_PATIENCE: Duration = Duration::from_secs(60 * 60);

/// What an effect came to.
pub(crate) enum Outcome {
    Input(Input),
    /// Nothing new yet: look again then.
    Wait {
        until: At,
    },
    /// No result. `retry`: how long the other side asked to wait; `last`: what the flow hears when
    /// no try is left.
    Failed {
        why: String,
        retry: Option<Duration>,
        last: Input,
    },
}

impl Outcome {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Outcome::Input(Input::Refused(_)) => "refused",
            Outcome::Input(Input::InDoubt) => "unknown",
            Outcome::Input(Input::Parked(_)) => "parked",
            Outcome::Input(_) => "applied",
            Outcome::Wait { .. } => "waits",
            Outcome::Failed { .. } => "failed",
        }
    }

    pub(crate) fn failed(why: impl ToString, last: Input) -> Self {
        Self::Failed { why: why.to_string(), retry: None, last }
    }
}

/// Calls that only flows with a coupon behind them make.
async fn about_coupon(peers: &Peers, row: &Row, effect: Effect, fresh: bool) -> Outcome {
    let under_way = || row.flow.coupon().map(|coupon| &coupon.terms);
    let Some(terms) = row.flow.terms().or_else(under_way) else { return nothing_to_send() };
    let limit = effect.policy().limit;
    match effect {
        Effect::Create { check, look } => {
            let maybe = !fresh || row.tries > 0;
            if check {
                let create = create(peers, terms, (maybe, look), limit);
                let (created, verdict) = futures::join!(create, payable(peers, terms));
                with_verdict(created, verdict)
            } else {
                create(peers, terms, (maybe, look), limit).await
            }
        }
        Effect::Reactivate { node, maybe } => {
            switched(peers.coupons.reactivate(node, terms.expires_at, limit).await, maybe)
        }
        _ => nothing_to_send(),
    }
}

impl Engine {
    pub(crate) async fn perform(
        &self,
        peers: &Peers,
        row: &Row,
        effect: Effect,
        fresh: bool,
    ) -> Outcome {
        let limit = effect.policy().limit;
        match effect {
            // Found by a claim: whoever committed it may have sent it, and it may land later.
            Effect::Deactivate { maybe: false, .. } | Effect::Reactivate { maybe: false, .. }
                if !fresh =>
            {
                Outcome::Input(Input::Unclear)
            }
            Effect::Create { .. } | Effect::Reactivate { .. } => {
                about_coupon(peers, row, effect, fresh).await
            }
            // Found in this state by a claim: whoever committed it may have sent it.
            Effect::Deduct | Effect::Add if !fresh => Outcome::Input(Input::InDoubt),
            Effect::Deduct | Effect::Add => match row.flow.order() {
                Some(order) => match move_points(peers, &order, limit).await {
                    Answer::Done(moved) => Outcome::Input(Input::Moved(moved)),
                    Answer::Refused(refusal) => Outcome::Input(Input::Refused(refusal)),
                    Answer::Unknown(_) => Outcome::Input(Input::InDoubt),
                },
                None => nothing_to_send(),
            },
            Effect::Settle { doubt, shelved } => match row.flow.order() {
                Some(order) => self.settle(peers, &order, doubt, shelved, fresh, limit).await,
                None => nothing_to_send(),
            },
            Effect::Deactivate { node, maybe } => {
                switched(peers.coupons.deactivate(node, limit).await, maybe)
            }
            Effect::Kill { maybe: false, .. } if !fresh => Outcome::Input(Input::Unclear),
            Effect::Kill { node, maybe } => kill(peers, node, maybe, limit).await,
            Effect::Recheck { .. } => self.recheck(peers, row, limit).await,
            Effect::Delete { node } => plain(peers.coupons.delete(node, limit).await),
            Effect::Chase { until } => match row.flow.terms() {
                Some(terms) => self.chase(peers, terms, until, fresh, limit).await,
                None => nothing_to_send(),
            },
            Effect::Record => match row.flow.entry() {
                Some(entry) => plain(peers.coupons.record(&entry, limit).await),
                None => nothing_to_send(),
            },
            Effect::CancelOrder { .. }
            | Effect::FollowCancel { .. }
            | Effect::LookCredits
            | Effect::Credit
            | Effect::SettleCredit { .. } => match row.flow.reversal() {
                Some(flow) => {
                    let less = self.remembers_less(row);
                    self.about_order(peers, flow, effect, fresh, less, limit).await
                }
                None => nothing_to_send(),
            },
        }
    }

    /// Shopify is asked, then what was heard of an order: so that news which comes while Shopify
    /// does not know it yet is not passed over.
    async fn recheck(&self, peers: &Peers, row: &Row, limit: Duration) -> Outcome {
        let Some(coupon) = row.flow.coupon() else { return nothing_to_send() };
        let usage = match peers.coupons.usage(coupon, limit).await {
            Answer::Done(usage) => usage,
            Answer::Refused(refusal) => {
                let why = format!("refused: {refusal:?}");
                return Outcome::failed(why, Input::GaveUp { maybe: false });
            }
            Answer::Unknown(why) => return Outcome::failed(why, Input::GaveUp { maybe: false }),
        };
        if let Usage::Used { order } = usage {
            return Outcome::Input(Input::Used { order });
        }
        match self.store.use_of(&coupon.terms.shop, &coupon.terms.code).await {
            Ok(None) => Outcome::Input(Input::Done),
            Ok(order) => Outcome::Input(Input::Used { order }),
            Err(error) => Outcome::failed(error, Input::GaveUp { maybe: false }),
        }
    }

    async fn settle(
        &self,
        peers: &Peers,
        order: &Order<'_>,
        Doubt { since, sent }: Doubt,
        shelved: bool,
        fresh: bool,
        limit: Duration,
    ) -> Outcome {
        let Some(book) = peers.book(order.book) else {
            return Outcome::Input(Input::Parked(Reason::LookUpDown));
        };
        let recovery = book.recovery();
        let patience = match recovery {
            Recovery::Review => return Outcome::Input(Input::Parked(Reason::NoLookUp)),
            Recovery::LookUp { horizon } => horizon,
            Recovery::Replay { window } => window,
        };
        let first_look = LOOKS[0].min(patience);
        if fresh && self.clock.now().since(since) < first_look {
            return Outcome::Wait { until: since.plus(first_look) };
        }
        let looked_at = self.clock.now();
        let age = looked_at.since(since);
        let seen = match recovery {
            // A key that is forgotten by the time it arrives would move the points again.
            Recovery::Replay { window } if looked_at.since(sent) + limit >= window => {
                return Outcome::Input(Input::Parked(Reason::LookUpDown));
            }
            Recovery::Replay { .. } => replay(peers, order, limit).await,
            _ => look_up(book, order, limit).await,
        };
        match seen {
            Seen::Settled(input) => Outcome::Input(input),
            Seen::Absent if age >= patience => {
                Outcome::Input(Input::Refused(Refusal::Other("never_arrived".to_owned())))
            }
            Seen::Silent if age >= patience.saturating_add(LOOK_UP_PATIENCE) => {
                Outcome::Input(Input::Parked(Reason::LookUpDown))
            }
            Seen::Absent | Seen::Silent if !shelved && age >= DOUBT_AGES => {
                Outcome::Input(Input::DoubtAged)
            }
            Seen::Absent | Seen::Silent => {
                Outcome::Wait { until: next_look(since, self.clock.now(), patience) }
            }
        }
    }

    async fn chase(
        &self,
        peers: &Peers,
        terms: &Terms,
        until: At,
        fresh: bool,
        limit: Duration,
    ) -> Outcome {
        let since = At(until.0 - i64::try_from(CREATE_HORIZON.as_micros()).unwrap_or(0));
        let looked_at = self.clock.now();
        if fresh && looked_at.since(since) < LOOKS[0] {
            return Outcome::Wait { until: since.plus(LOOKS[0]) };
        }
        match peers.coupons.find(terms, limit).await {
            Answer::Done(Found::Ours(node)) => {
                Outcome::Input(Input::Created { node, unpayable: None })
            }
            Answer::Done(Found::Nothing | Found::Strangers) if looked_at >= until => {
                Outcome::Input(Input::Due)
            }
            _ => Outcome::Wait { until: next_look(since, self.clock.now(), CREATE_HORIZON) },
        }
    }
}

/// The first look that is still to come: the fixed ones, then at intervals, and never later than
/// the moment from which absence can be believed.
pub(crate) fn next_look(since: At, now: At, patience: Duration) -> At {
    let end = since.plus(patience);
    let next = LOOKS
        .into_iter()
        .map(|look| since.plus(look))
        .find(|at| *at > now)
        .unwrap_or_else(|| now.plus(LOOK_AGAIN));
    if now < end { next.min(end) } else { next }
}

/// `maybe`: a try of this effect may have been sent; `look`: an earlier one was, and nothing is
/// sent before it is looked for.
async fn create(
    peers: &Peers,
    terms: &Terms,
    (maybe, look): (bool, bool),
    limit: Duration,
) -> Outcome {
    if maybe || look {
        // An earlier try may have landed, and the code is the key: look before sending again.
        match peers.coupons.find(terms, limit).await {
            Answer::Done(Found::Ours(node)) => return created(node),
            Answer::Done(Found::Nothing) => {}
            Answer::Done(Found::Strangers) => return taken(),
            Answer::Refused(refusal) => return create_failed(refusal, true),
            Answer::Unknown(why) => return unclear(why),
        }
    }
    match peers.coupons.create(terms, limit).await {
        Answer::Done(node) => created(node),
        Answer::Refused(Refusal::CodeTaken) => match peers.coupons.find(terms, limit).await {
            Answer::Done(Found::Ours(node)) => created(node),
            Answer::Done(Found::Strangers) => taken(),
            // Taken a moment ago and gone now: look again with the next try.
            Answer::Done(Found::Nothing) => unclear(Why::Unreadable),
            Answer::Refused(refusal) => create_failed(refusal, true),
            Answer::Unknown(why) => unclear(why),
        },
        Answer::Refused(refusal) => create_failed(refusal, maybe),
        Answer::Unknown(why) => unclear(why),
    }
}

fn created(node: NodeId) -> Outcome {
    Outcome::Input(Input::Created { node, unpayable: None })
}

fn taken() -> Outcome {
    Outcome::Input(Input::Refused(Refusal::CodeTaken))
}

/// Sent, and not known: the next try looks first, at once.
fn unclear(why: Why) -> Outcome {
    let last = Input::GaveUp { maybe: true };
    Outcome::Failed { why: why.to_string(), retry: Some(Duration::ZERO), last }
}

fn create_failed(refusal: Refusal, maybe: bool) -> Outcome {
    match refusal {
        Refusal::Wait(wait) => Outcome::Failed {
            why: "not accepted for now".to_owned(),
            retry: Some(wait.max(Duration::from_millis(1))),
            last: Input::GaveUp { maybe },
        },
        // This try did not happen; an earlier one still may.
        _ if maybe => Outcome::Input(Input::GaveUp { maybe }),
        refusal => Outcome::Input(Input::Refused(refusal)),
    }
}

/// Whether the balance does, read anew. `None`: it does.
async fn payable(peers: &Peers, terms: &Terms) -> Option<Problem> {
    for _ in 0..BALANCE_TRIES {
        match peers.points.balance(&terms.pos_id, BALANCE_LIMIT).await {
            Answer::Done(balance) if balance >= terms.points => return None,
            Answer::Done(_) => return Some(Problem::InsufficientPoints),
            Answer::Refused(Refusal::UnknownCustomer) => return Some(Problem::UnknownCustomer),
            Answer::Refused(_) => return Some(Problem::PointsUnavailable),
            Answer::Unknown(_) => {}
        }
    }
    Some(Problem::PointsUnavailable)
}

fn with_verdict(created: Outcome, verdict: Option<Problem>) -> Outcome {
    match created {
        Outcome::Input(Input::Created { node, .. }) => {
            Outcome::Input(Input::Created { node, unpayable: verdict })
        }
        other => other,
    }
}

async fn move_points(peers: &Peers, order: &Order<'_>, limit: Duration) -> Answer<Moved> {
    let magnitude = i64::try_from(order.points.unsigned_abs()).ok().and_then(Points::new);
    let Some(points) = magnitude else {
        return Answer::Refused(Refusal::Other("not_a_number_of_points".to_owned()));
    };
    let sent = PointsOrder {
        customer: &order.customer,
        points,
        reference: &order.reference,
        reason: order.reason,
        expires_at: order.expires_at,
    };
    let Some(book) = peers.book(order.book) else {
        return Answer::Refused(Refusal::Other("no_such_book".to_owned()));
    };
    if order.points < 0 { book.deduct(sent, limit).await } else { book.add(sent, limit).await }
}

/// Deactivates a coupon that may stay alive if this is surely refused.
async fn kill(peers: &Peers, node: NodeId, maybe: bool, limit: Duration) -> Outcome {
    match peers.coupons.deactivate(node, limit).await {
        Answer::Unknown(_) if !maybe => Outcome::Input(Input::Unclear),
        Answer::Refused(refusal) if !maybe => Outcome::Failed {
            why: format!("refused: {refusal:?}"),
            retry: Some(match refusal {
                Refusal::Wait(wait) => wait.max(Duration::from_millis(1)),
                _ => Duration::ZERO,
            }),
            last: Input::Refused(refusal),
        },
        answer => plain(answer),
    }
}

/// A state asked for an effect that its flow says nothing about: never sent.
pub(crate) fn nothing_to_send() -> Outcome {
    Outcome::failed("nothing to send", Input::GaveUp { maybe: false })
}

/// What one look into a doubt showed.
enum Seen {
    Settled(Input),
    Absent,
    Silent,
}

async fn replay(peers: &Peers, order: &Order<'_>, limit: Duration) -> Seen {
    match move_points(peers, order, limit).await {
        Answer::Done(moved) => Seen::Settled(Input::Moved(moved)),
        // Not let in at all says nothing about the first time.
        Answer::Refused(Refusal::Wait(_) | Refusal::Other(_)) | Answer::Unknown(_) => Seen::Silent,
        Answer::Refused(refusal) => Seen::Settled(Input::Refused(refusal)),
    }
}

async fn look_up(book: &dyn PointsBook, order: &Order<'_>, limit: Duration) -> Seen {
    match book.find(&order.customer, &order.reference, limit).await {
        Answer::Done(found) => match found.as_slice() {
            [] => Seen::Absent,
            [Movement { points, balance, honoured }] if *points == order.points => {
                let before = balance.and_then(|after| Points::new(after.get() - order.points));
                Seen::Settled(Input::Moved(Moved { before, after: *balance, honoured: *honoured }))
            }
            _ => Seen::Settled(Input::Parked(Reason::Contradiction)),
        },
        Answer::Refused(_) | Answer::Unknown(_) => Seen::Silent,
    }
}

/// A deactivation or an activation. That it was not answered is noted before it is sent again.
fn switched(answer: Answer<()>, maybe: bool) -> Outcome {
    match answer {
        Answer::Unknown(_) if !maybe => Outcome::Input(Input::Unclear),
        answer => plain(answer),
    }
}

/// An effect that may be applied twice without harm.
pub(crate) fn plain(answer: Answer<()>) -> Outcome {
    match answer {
        Answer::Done(()) => Outcome::Input(Input::Done),
        Answer::Refused(Refusal::Wait(wait)) => Outcome::Failed {
            why: "not accepted for now".to_owned(),
            retry: Some(wait.max(Duration::from_millis(1))),
            last: Input::GaveUp { maybe: false },
        },
        Answer::Refused(refusal) => {
            let why = format!("refused: {refusal:?}");
            Outcome::Failed { why, retry: None, last: Input::Refused(refusal) }
        }
        Answer::Unknown(why) => Outcome::failed(why, Input::GaveUp { maybe: true }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_come_at_their_times_and_end_with_the_horizon() {
        let since = At(0);
        let minutes = |n: u64| Duration::from_secs(60 * n);
        for (age, patience, next_ms) in [
            (0, minutes(10), 1_000),
            (1_000, minutes(10), 5_000),
            (5_001, minutes(10), 30_000),
            (45_000, minutes(10), 120_000),
            (120_000, minutes(10), 600_000),
            (120_000, minutes(60), 720_000),
            (600_000, minutes(10), 1_200_000),
            (1_500, Duration::from_secs(3), 3_000),
        ] {
            let now = since.plus(Duration::from_millis(age));
            let next = next_look(since, now, patience);
            assert_eq!(next, since.plus(Duration::from_millis(next_ms)), "at {age} ms");
        }
    }
}
