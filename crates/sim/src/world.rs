//! The other side, as rude as the real one, with books of its own. It shares no code with what it
//! judges.

use crate::{Mutant, shared::Shared};
use async_trait::async_trait;
use domain::{
    At, NodeId, OrderId, Points, PosId, Reference, Refusal, Terms, coupon::Entry, effect::Moved,
    reversal::Cancel,
};
use engine::ports::{
    Answer, Coupons, Credit, CreditOrder, Found, Movement, Orders, PointsBook, PointsOrder,
    Progress, Recovery, Usage, Why,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a lost request may still land.
pub const HORIZON: Duration = Duration::from_secs(600);
const LATEST: u64 = 500;

/// What Shopify and the till hold to be true.
#[derive(Debug, Default)]
pub struct Books {
    pub balances: BTreeMap<String, i64>,
    /// Every movement under its reference.
    pub movements: BTreeMap<String, Vec<i64>>,
    /// By code: node, title, alive.
    pub coupons: BTreeMap<String, Coupon>,
    /// Refusals that the till keeps under their key.
    kept: BTreeMap<String, bool>,
    nodes: u64,
    late: Vec<(At, Late)>,
}

#[derive(Debug)]
pub struct Coupon {
    pub node: u64,
    pub title: String,
    pub alive: bool,
}

/// Something that arrives after its sender has given up.
#[derive(Clone, Debug)]
enum Late {
    Create { code: String, title: String },
    Deduct { customer: String, points: i64, reference: String, key: bool },
}

/// What becomes of one call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    Refused,
    RequestLost,
    ReplyLost,
    Later,
}

pub struct World {
    books: Mutex<Books>,
    shared: Arc<Shared>,
    pub recovery: Recovery,
}

impl World {
    pub fn new(shared: Arc<Shared>, recovery: Recovery) -> Self {
        Self { books: Mutex::default(), shared, recovery }
    }

    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next late arrival, if any is under way.
    pub fn next_late(&self) -> Option<At> {
        self.books().late.iter().map(|(at, _)| *at).min()
    }

    /// Lets arrive what is due.
    pub fn arrive(&self, now: At) {
        let books = &mut *self.books();
        let (due, rest): (Vec<_>, Vec<_>) = books.late.drain(..).partition(|(at, _)| *at <= now);
        books.late = rest;
        for (_, late) in due {
            match late {
                Late::Create { code, title } => drop(books.create(&code, &title)),
                Late::Deduct { customer, points, reference, key } => {
                    books.deduct(&customer, points, &reference, key);
                }
            }
        }
    }

    fn fate(&self) -> Fate {
        if !self.shared.faults() {
            return Fate::Answered;
        }
        match self.shared.prng().below(12) {
            0 => Fate::Refused,
            1 => Fate::RequestLost,
            2 => Fate::ReplyLost,
            3 => Fate::Later,
            _ => Fate::Answered,
        }
    }

    /// Pauses, decides what becomes of the call, and pauses again. `late`: how it can arrive after
    /// its sender gave up. A call that was paused beyond its limit never left.
    async fn call<T>(
        &self,
        limit: Duration,
        late: Option<Late>,
        apply: impl FnOnce(&mut Books) -> Answer<T>,
    ) -> Answer<T> {
        let sent = self.shared.now();
        self.shared.pause().await;
        let mut fate = self.fate();
        if self.shared.now().since(sent) > limit {
            fate = Fate::RequestLost;
        }
        let answer = match fate {
            Fate::Refused => return Answer::Refused(Refusal::Wait(Duration::from_secs(1))),
            Fate::RequestLost => Answer::Unknown(Why::TimedOut),
            Fate::Later => {
                let delay = Duration::from_secs(1 + self.shared.prng().below(LATEST));
                let at = self.shared.now().plus(delay);
                if let Some(late) = late {
                    self.books().late.push((at, late));
                }
                Answer::Unknown(Why::ConnectionLost)
            }
            Fate::ReplyLost => {
                drop(apply(&mut self.books()));
                Answer::Unknown(Why::ServerError(500))
            }
            Fate::Answered => apply(&mut self.books()),
        };
        self.shared.pause().await;
        match (answer, self.shared.mutant()) {
            (Answer::Unknown(_), Mutant::UnknownReadAsRefused) => {
                Answer::Refused(Refusal::Other("lie".to_owned()))
            }
            (answer, _) => answer,
        }
    }
}

impl Books {
    fn create(&mut self, code: &str, title: &str) -> Answer<NodeId> {
        if self.coupons.contains_key(code) {
            return Answer::Refused(Refusal::CodeTaken);
        }
        self.nodes += 1;
        let coupon = Coupon { node: self.nodes, title: title.to_owned(), alive: true };
        self.coupons.insert(code.to_owned(), coupon);
        Answer::Done(NodeId(self.nodes))
    }

    fn deduct(&mut self, customer: &str, points: i64, reference: &str, key: bool) -> Answer<Moved> {
        if key && let Some(applied) = self.kept.get(reference) {
            return if *applied {
                Answer::Done(Moved { before: None, after: None })
            } else {
                Answer::Refused(Refusal::InsufficientPoints)
            };
        }
        let balance = self.balances.entry(customer.to_owned()).or_default();
        let before = *balance;
        let applied = before >= points;
        if key {
            self.kept.insert(reference.to_owned(), applied);
        }
        if !applied {
            return Answer::Refused(Refusal::InsufficientPoints);
        }
        *balance -= points;
        self.movements.entry(reference.to_owned()).or_default().push(-points);
        Answer::Done(Moved { before: Points::new(before), after: Points::new(before - points) })
    }

    fn add(&mut self, customer: &str, points: i64, reference: &str) -> Answer<Moved> {
        *self.balances.entry(customer.to_owned()).or_default() += points;
        self.movements.entry(reference.to_owned()).or_default().push(points);
        Answer::Done(Moved::default())
    }

    fn by_node(&mut self, node: NodeId) -> Option<&mut Coupon> {
        self.coupons.values_mut().find(|coupon| coupon.node == node.0)
    }
}

#[async_trait]
impl PointsBook for World {
    async fn balance(&self, customer: &PosId, limit: Duration) -> Answer<Points> {
        self.call(limit, None, |books| {
            let balance = books.balances.get(customer.as_str()).copied().unwrap_or(0);
            Points::new(balance).map_or(Answer::Unknown(Why::Unreadable), Answer::Done)
        })
        .await
    }

    async fn deduct(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved> {
        let key = matches!(self.recovery, Recovery::Replay { .. });
        let (customer, reference) = (order.customer.to_string(), order.reference.to_string());
        let points = order.points.get();
        let late =
            Late::Deduct { customer: customer.clone(), points, reference: reference.clone(), key };
        let answer = self
            .call(limit, Some(late), |books| books.deduct(&customer, points, &reference, key))
            .await;
        match (answer, self.shared.mutant()) {
            (Answer::Unknown(_), Mutant::UnknownReadAsDone) => {
                Answer::Done(Moved { before: None, after: None })
            }
            (answer, _) => answer,
        }
    }

    async fn add(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved> {
        let (customer, reference) = (order.customer.to_string(), order.reference.to_string());
        let points = order.points.get();
        self.call(limit, None, |books| books.add(&customer, points, &reference)).await
    }

    async fn find(
        &self,
        _: &PosId,
        reference: &Reference,
        limit: Duration,
    ) -> Answer<Vec<Movement>> {
        self.call(limit, None, |books| {
            let found = books.movements.get(reference.as_str());
            let found = found.into_iter().flatten();
            Answer::Done(found.map(|points| Movement { points: *points, balance: None }).collect())
        })
        .await
    }

    fn recovery(&self) -> Recovery {
        match (self.recovery, self.shared.mutant()) {
            (Recovery::LookUp { .. }, Mutant::AbsenceTrustedAtOnce) => {
                Recovery::LookUp { horizon: Duration::ZERO }
            }
            (recovery, _) => recovery,
        }
    }
}

#[async_trait]
impl Coupons for World {
    async fn create(&self, terms: &Terms, limit: Duration) -> Answer<NodeId> {
        let (code, title) = (terms.code.to_string(), terms.reference().to_string());
        let late = Late::Create { code: code.clone(), title: title.clone() };
        self.call(limit, Some(late), |books| books.create(&code, &title)).await
    }

    async fn find(&self, terms: &Terms, limit: Duration) -> Answer<Found> {
        self.call(limit, None, |books| {
            Answer::Done(match books.coupons.get(terms.code.as_str()) {
                None => Found::Nothing,
                Some(found) if found.title == terms.reference().as_str() => {
                    Found::Ours(NodeId(found.node))
                }
                Some(_) => Found::Strangers,
            })
        })
        .await
    }

    async fn deactivate(&self, node: NodeId, limit: Duration) -> Answer<()> {
        if self.shared.mutant() == Mutant::DeactivationForgotten {
            return Answer::Done(());
        }
        self.call(limit, None, |books| {
            if let Some(coupon) = books.by_node(node) {
                coupon.alive = false;
            }
            Answer::Done(())
        })
        .await
    }

    async fn reactivate(&self, node: NodeId, _: At, limit: Duration) -> Answer<()> {
        self.call(limit, None, |books| match books.by_node(node) {
            Some(coupon) => {
                coupon.alive = true;
                Answer::Done(())
            }
            None => Answer::Refused(Refusal::Other("gone".to_owned())),
        })
        .await
    }

    async fn delete(&self, node: NodeId, limit: Duration) -> Answer<()> {
        self.call(limit, None, |books| {
            books.coupons.retain(|_, coupon| coupon.node != node.0);
            Answer::Done(())
        })
        .await
    }

    async fn usage(&self, _: &domain::Coupon, limit: Duration) -> Answer<Usage> {
        self.call(limit, None, |_| Answer::Done(Usage::Unused)).await
    }

    async fn record(&self, _: &Entry, limit: Duration) -> Answer<()> {
        self.call(limit, None, |_| Answer::Done(())).await
    }
}

fn no_orders<T>() -> Answer<T> {
    Answer::Refused(Refusal::Other("no_orders".to_owned()))
}

/// Nobody orders anything here.
#[async_trait]
impl Orders for World {
    async fn cancel(&self, _: &OrderId, _: &Cancel, _: Duration) -> Answer<Option<String>> {
        no_orders()
    }

    async fn progress(&self, _: &OrderId, _: Option<&str>, _: Duration) -> Answer<Progress> {
        no_orders()
    }

    async fn reverted(&self, _: &OrderId, _: Duration) -> Answer<Vec<(u64, i64)>> {
        no_orders()
    }

    async fn credit(&self, _: CreditOrder, _: Duration) -> Answer<Credit> {
        no_orders()
    }

    async fn credits(&self, _: CreditOrder, _: At, _: Duration) -> Answer<Vec<Credit>> {
        no_orders()
    }
}
