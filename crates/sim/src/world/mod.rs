//! The other side, as rude as the real one, with books of its own. It shares no code with what it
//! judges.

pub mod bucket;
pub mod orders;
pub mod own_credit;
mod shopify;
mod till;

use crate::{diary::Entry, shared::Death, shared::Shared, swarm::Fate};
use domain::{At, Refusal};
use engine::ports::{Answer, Recovery, Why};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Absence from the till's history proves something after this.
pub const HORIZON: Duration = Duration::from_secs(600);
/// How long the till keeps a key; what its adapter promises is a little less.
pub const WINDOW: Duration = Duration::from_secs(86_400);
const WINDOW_SLACK: Duration = Duration::from_secs(60);
/// The latest that a request arrives after its sender gave up, in seconds.
const LATEST_S: u64 = 450;

/// What Shopify and the till hold to be true.
#[derive(Debug, Default)]
pub struct Books {
    pub till: till::Till,
    pub shopify: shopify::Shopify,
    pub orders: orders::OrderBooks,
    pub own_credit: own_credit::OwnCredit,
    bucket: bucket::Bucket,
    late: Vec<(At, Late)>,
}

/// Something that arrives after its sender has given up, or a second time.
#[derive(Clone, Debug)]
pub enum Late {
    Create { code: String, title: String, ends_at: At },
    Move { customer: u64, points: i64, reference: String },
    Deactivate { node: u64 },
    Reactivate { node: u64, ends_at: At },
    Delete { node: u64 },
    CancelOrder { order: u64 },
    Credit { customer: u64, minor: i64, expires_at: Option<At> },
    OwnCredit { customer: u64, minor: i64, reference: String, until: Option<At> },
}

impl Late {
    /// The order that a credit under way is for.
    fn credited(&self) -> Option<u64> {
        match self {
            Late::Credit { minor, .. } => Some(orders::number_of(*minor)),
            _ => None,
        }
    }

    /// The movement that is under way.
    fn reference(&self) -> Option<&str> {
        match self {
            Late::Move { reference, .. } | Late::OwnCredit { reference, .. } => Some(reference),
            Late::Create { .. }
            | Late::Deactivate { .. }
            | Late::Reactivate { .. }
            | Late::Delete { .. }
            | Late::CancelOrder { .. }
            | Late::Credit { .. } => None,
        }
    }
}

pub struct World {
    books: Mutex<Books>,
    pub shared: Arc<Shared>,
    pub recovery: Recovery,
}

impl World {
    pub fn new(shared: Arc<Shared>, recovery: Recovery, balances: BTreeMap<u64, i64>) -> Self {
        let keyed = matches!(recovery, Recovery::Replay { .. });
        let till = till::Till::new(balances, keyed);
        let books = Books { till, ..Books::default() };
        Self { books: Mutex::new(books), shared, recovery }
    }

    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next late arrival, if any is under way.
    pub fn next_late(&self) -> Option<At> {
        self.books().late.iter().map(|(at, _)| *at).min()
    }

    /// Sends something that nobody waits for: it arrives after the delay.
    pub fn send_late(&self, late: Late, delay: Duration) {
        let at = self.shared.now().plus(delay);
        self.books().late.push((at, late));
    }

    /// What the till's own people see of a movement; `None` while it may still arrive.
    pub fn moved(&self, reference: &str) -> Option<bool> {
        let books = self.books();
        if let Some((_, order)) = reference.split_once("-CREDIT-") {
            let order = order.parse().ok()?;
            let under_way = books.late.iter().any(|(_, late)| late.credited() == Some(order));
            return (!under_way).then(|| books.orders.was_credited(order));
        }
        let under_way = books.late.iter().any(|(_, late)| late.reference() == Some(reference));
        let there = books.till.movements.contains_key(reference)
            || books.own_credit.movements.contains_key(reference);
        (!under_way).then_some(there)
    }

    /// Lets arrive what is due.
    pub fn arrive(&self) {
        let now = self.shared.now();
        let books = &mut *self.books();
        books.orders.work(&self.shared);
        if books.late.iter().all(|(at, _)| *at > now) {
            return;
        }
        let (mut due, rest): (Vec<_>, Vec<_>) =
            books.late.drain(..).partition(|(at, _)| *at <= now);
        books.late = rest;
        due.sort_by_key(|(at, _)| *at);
        for (at, late) in due {
            match late {
                Late::Create { code, title, ends_at } => {
                    drop(books.shopify.create(&self.shared, at, &code, &title, ends_at));
                }
                Late::Move { customer, points, reference } => {
                    drop(books.till.move_points(&self.shared, at, customer, points, &reference));
                }
                Late::Deactivate { node } => books.shopify.deactivate(&self.shared, node),
                Late::Reactivate { node, ends_at } => {
                    drop(books.shopify.reactivate(&self.shared, node, ends_at));
                }
                Late::Delete { node } => books.shopify.delete(&self.shared, node),
                Late::CancelOrder { order } => books.orders.begin_job(&self.shared, order),
                Late::OwnCredit { customer, minor, reference, until } => {
                    let (shared, when) = (&self.shared, (at, customer));
                    drop(books.own_credit.move_credit(shared, when, minor, &reference, until));
                }
                Late::Credit { customer, minor, expires_at } => {
                    books.orders.credit(&self.shared, at, customer, minor, expires_at);
                }
            }
        }
    }

    /// What is answered to a call that comes to Shopify and finds too little left of its limit.
    fn throttled<T>(&self, name: &'static str, fate: Fate) -> Option<Answer<T>> {
        let shared = &self.shared;
        if matches!(fate, Fate::NotLetIn | Fate::RequestLost | Fate::Later) {
            return None;
        }
        let wait = self.books().bucket.take(shared.swarm.limit?, name, shared.now()).err()?;
        shared.note(Entry::Call { name, fate: "throttled" });
        Some(match fate {
            Fate::ReplyLost => Answer::Unknown(Why::ConnectionLost),
            _ => Answer::Refused(Refusal::Wait(wait)),
        })
    }

    /// Pauses, decides what becomes of the call, and pauses again. `late`: how it can arrive after
    /// its sender gave up. A call that was held up beyond its limit never leaves, and an answer
    /// that comes later than that is not heard.
    async fn call<T: Send>(
        &self,
        name: &'static str,
        limit: Duration,
        late: Option<Late>,
        apply: impl FnOnce(&mut Books) -> Answer<T> + Send,
    ) -> Answer<T> {
        let shared = &self.shared;
        let begun = shared.now();
        shared.pause().await;
        let (mut fate, death) = shared.fate(name);
        shared.die(death, Death::Before).await;
        let held_up = shared.now().since(begun) > limit;
        if held_up {
            fate = Fate::RequestLost;
        }
        shared.note(Entry::Call { name, fate: fate.name() });
        if let Some(reference) = late.as_ref().and_then(Late::reference)
            && !held_up
            && !matches!(fate, Fate::NotLetIn | Fate::Refused)
        {
            shared.note(Entry::Sent { reference: reference.to_owned() });
        }
        if let Some(answer) = self.throttled(name, fate) {
            return answer;
        }
        let answer = match fate {
            Fate::NotLetIn => return Answer::Refused(Refusal::Wait(Duration::from_secs(1))),
            Fate::Refused => return Answer::Refused(Refusal::Other("no".to_owned())),
            Fate::RequestLost => Answer::Unknown(Why::TimedOut),
            Fate::Later => {
                if let Some(late) = late {
                    let delay = Duration::from_secs(1 + shared.chance.below(LATEST_S));
                    self.send_late(late, delay);
                }
                Answer::Unknown(Why::ConnectionLost)
            }
            Fate::ReplyLost => {
                drop(apply(&mut self.books()));
                Answer::Unknown(Why::ServerError(500))
            }
            Fate::Twice => {
                let answer = apply(&mut self.books());
                // No client sends such a thing twice by itself; one with a key may be repeated.
                let keyed = self.books().till.keyed;
                let harmless = |late: &Late| match late {
                    Late::Credit { .. } | Late::OwnCredit { .. } => false,
                    // Answered, each is over: its opposite may begin at once.
                    Late::Deactivate { .. } | Late::Reactivate { .. } => false,
                    late => keyed || late.reference().is_none(),
                };
                if let Some(late) = late.filter(harmless) {
                    self.send_late(late, Duration::from_secs(shared.chance.below(5)));
                }
                answer
            }
            Fate::Answered => apply(&mut self.books()),
        };
        shared.die(death, Death::After).await;
        shared.pause().await;
        if shared.now().since(begun) > limit {
            return Answer::Unknown(Why::TimedOut);
        }
        answer
    }
}
