//! Any store behind a bad connection: a pause around each call, transactions whose fate is not
//! known, and a diary of what was truly written. It keeps a picture of the journal of its own.

use crate::{
    diary::{Deed, Entry, Word},
    own_orders::Lines,
    shared::{Death, Shared},
    swarm::Write,
};
use async_trait::async_trait;
use domain::{
    At, Code, Coupon, CustomerId, Fact, Flow, FlowId, Pending, Placing, Reversal, ShopId, ending,
    flow::Told, hold, reversal::Item,
};
use engine::store::{Begun, Commit, Committed, Request, Row, Start, Store, StoreError};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What is remembered of a flow.
#[derive(Clone, Debug)]
pub struct Seen {
    pub due_at: Option<At>,
    /// In which life of the store that was written: a new one may find it due earlier.
    life: u32,
    pub version: i64,
    pub word: Word,
    /// Since when it waits for a person.
    pub parked: Option<At>,
    /// The movement that it asks for.
    pub reference: Option<String>,
    /// The day's allowance that a conversion takes.
    pub takes: Option<(CustomerId, jiff::civil::Date, i64)>,
}

/// The journal as it was truly written.
#[derive(Debug, Default)]
pub struct Picture {
    /// How often all processes have died at once.
    pub lives: u32,
    pub flows: BTreeMap<FlowId, Seen>,
    /// Every coupon that was issued.
    pub issued: Vec<Coupon>,
    pub conversions: BTreeMap<Code, FlowId>,
    /// Coupons whose use is written down.
    pub used: BTreeSet<Code>,
    /// Orders of other channels that count, and those that are cancelled.
    pub counted: BTreeSet<u64>,
    pub cancelled: BTreeSet<u64>,
    /// What came back with them.
    pub own: Lines,
}

impl Picture {
    /// The moment at which something is to be done next.
    pub fn next_due(&self) -> Option<At> {
        self.flows.values().filter_map(|seen| seen.due_at).min()
    }

    /// What conversions that did not fail take of the customer's day.
    pub fn taken_on(&self, customer: CustomerId, day: jiff::civil::Date) -> i64 {
        let takes = self.flows.values().filter(|seen| seen.word != Word::Failed);
        let of_the_day = |seen: &Seen| {
            seen.takes.filter(|taken| (taken.0, taken.1) == (customer, day)).map(|taken| taken.2)
        };
        takes.filter_map(of_the_day).sum()
    }
}

pub struct Journal {
    pub inner: Arc<dyn Store>,
    pub shared: Arc<Shared>,
    pub picture: Arc<Mutex<Picture>>,
}

fn lost() -> StoreError {
    StoreError("the connection broke".to_owned())
}

fn number(id: FlowId) -> u128 {
    id.0.as_u128()
}

fn word(flow: &Flow) -> Word {
    match flow.told() {
        Told::Processing => Word::Processing,
        Told::Confirming => Word::Confirming,
        Told::Done => Word::Done,
        Told::Failed => Word::Failed,
    }
}

/// The movement, of points or credit, that the flow is about now.
fn reference(flow: &Flow) -> Option<String> {
    let reference = match flow {
        Flow::Reversal(flow) => flow.current().map(|item| item.reference(&flow.terms.order)),
        flow => flow.order().map(|order| order.reference),
    };
    reference.map(|reference| reference.to_string())
}

fn order_number(flow: &Flow) -> u64 {
    flow.order_id().and_then(|order| order.as_str().parse().ok()).unwrap_or(0)
}

fn placing(flow: u128, of: &Placing) -> Entry {
    let Placing { terms, .. } = of;
    Entry::Placing {
        order: terms.order.as_str().parse().unwrap_or(0),
        flow,
        customer: terms.customer.0,
        codes: terms.coupons.iter().map(|coupon| coupon.terms.code.to_string()).collect(),
        credit: terms.credit.map_or(0, |credit| credit.minor),
    }
}

fn own_reverting(flow: u128, of: &Reversal) -> Entry {
    let (mut codes, mut credit) = (vec![], 0);
    for item in &of.terms.items {
        match item {
            Item::Points { code, .. } | Item::Replacement { code, .. } => {
                codes.push(code.to_string());
            }
            Item::PointsAgain { code, .. } => codes.push(code.to_string()),
            Item::OwnCredit { amount, .. } | Item::CreditAgain { amount, .. } => {
                credit = amount.minor;
            }
            Item::Credit { .. } | Item::Earned { .. } => {}
        }
    }
    let order = of.terms.order.as_str().parse().unwrap_or(0);
    if of.terms.again.is_some() {
        return Entry::TakingAgain { order, flow, codes, credit };
    }
    Entry::OwnReverting { order, flow, codes, credit, cancels: of.cancels_here() }
}

fn reverting(flow: u128, of: &Reversal) -> Entry {
    let (mut code, mut credit, mut points, mut earned) = (String::new(), false, 0, 0);
    for item in &of.terms.items {
        match item {
            Item::Points { code: of, points: part, .. } => {
                (code, points) = (of.to_string(), part.get());
            }
            Item::Replacement { code: of, .. } => code = of.to_string(),
            Item::Credit { .. } | Item::OwnCredit { .. } => credit = true,
            Item::Earned { points: part, .. } => earned = part.get(),
            // Shopify re-opens no order.
            Item::PointsAgain { .. } | Item::CreditAgain { .. } => {}
        }
    }
    let order = of.terms.order.as_str().parse().unwrap_or(0);
    let (cancels, refunds) = (of.terms.cancel.is_some(), of.terms.refunds);
    Entry::Reverting { order, flow, code, credit, points, earned, cancels, refunds }
}

/// The new coupons that a reversal promises.
fn replacing(flow: u128, of: &Reversal) -> impl Iterator<Item = Entry> {
    let order = of.terms.order.as_str().parse().unwrap_or(0);
    of.terms.items.iter().filter_map(move |item| match item {
        Item::Replacement { code, terms, .. } => Some(Entry::Replacing {
            order,
            flow,
            old: code.to_string(),
            new: terms.code.to_string(),
            customer: terms.customer.0,
            points: terms.points.get(),
            ends_at: terms.expires_at.0,
        }),
        _ => None,
    })
}

fn deed(flow: &Flow) -> Option<Deed> {
    Some(match flow {
        Flow::Conversion(_) | Flow::Reversal(_) | Flow::Placing(_) => return None,
        Flow::Cancellation(flow) => Deed::Cancel { refund: flow.terms.refund },
        Flow::Hold(flow) => match flow.terms.act {
            hold::Act::Hold => Deed::Hold,
            hold::Act::Release => Deed::Release,
        },
        Flow::Ending(flow) => match flow.terms.end {
            ending::End::Used => Deed::Used,
            ending::End::Expired => Deed::Expired,
        },
    })
}

impl Journal {
    pub fn picture(&self) -> MutexGuard<'_, Picture> {
        self.picture.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn began(&self, row: &Row) {
        let (flow, code) = (number(row.id), row.flow.subject().to_owned());
        let used = deed(&row.flow) == Some(Deed::Used);
        for entry in row.flow.reversal().into_iter().flat_map(|of| replacing(flow, of)) {
            self.shared.note(entry);
        }
        let own = self.picture().counted.contains(&order_number(&row.flow));
        self.shared.note(match (deed(&row.flow), row.flow.reversal()) {
            (_, Some(reversal)) if own => own_reverting(flow, reversal),
            (_, Some(reversal)) => reverting(flow, reversal),
            (None, None) if let Some(of) = row.flow.placing() => placing(flow, of),
            (None, None) => Entry::Begun { code, flow },
            (Some(deed), None) => Entry::Acted { code, flow, deed },
        });
        let reference = reference(&row.flow);
        let takes = row.flow.conversion().map(|flow| {
            let terms = &flow.terms;
            (terms.customer, terms.day, terms.points.get())
        });
        let (due_at, word) = (row.due_at, Word::Processing);
        let mut picture = self.picture();
        let (life, version) = (picture.lives, row.version);
        let seen = Seen { due_at, life, version, word, parked: None, reference, takes };
        if let Some(flow) = row.flow.conversion() {
            picture.conversions.insert(flow.terms.code.clone(), row.id);
        }
        if let Some(of) = row.flow.reversal().filter(|_| own) {
            picture.own.begun(of);
        }
        if used && let Some(terms) = row.flow.terms() {
            picture.used.insert(terms.code.clone());
        }
        picture.flows.insert(row.id, seen);
        drop(picture);
        self.looked_at(row);
    }

    fn written(&self, commit: &Commit) {
        let row = &commit.row;
        let (flow, event) = (number(row.id), commit.event.name);
        let (version, epoch) = (row.version, row.epoch);
        self.shared.note(Entry::Step { flow, event, version, epoch });
        for fact in &commit.facts {
            match fact {
                Fact::Moved { reference, points, .. } => {
                    let reference = reference.to_string();
                    self.shared.note(Entry::Ledger { reference, points: *points });
                }
                Fact::ReviewOpened(reason) => {
                    let reason = reason.as_str();
                    self.shared.note(Entry::Review { flow, reason, open: true });
                }
                Fact::ReviewClosed(reason) => {
                    let reason = reason.as_str();
                    self.shared.note(Entry::Review { flow, reason, open: false });
                }
                Fact::ReplacementBegun { item } => self.replacement_began(commit, *item),
                Fact::ItemEnded { item, outcome } => {
                    if let Some(of) = row.flow.reversal() {
                        self.picture().own.ended(of, *item, *outcome);
                    }
                }
                Fact::OrderPlaced => {
                    let order = order_number(&row.flow);
                    self.picture().counted.insert(order);
                    self.shared.note(Entry::Counted { order });
                }
                Fact::OrderCancelled if row.flow.reversal().is_some_and(Reversal::cancels_here) => {
                    let order = order_number(&row.flow);
                    self.picture().cancelled.insert(order);
                    self.shared.note(Entry::OrderCancelled { order });
                }
                Fact::Issued { node } => {
                    let terms = row.flow.terms().cloned();
                    let coupon = terms.map(|terms| Coupon { terms, node: *node });
                    self.picture().issued.extend(coupon);
                }
                _ => {}
            }
        }
        self.looked_at(row);
    }

    /// The flow of a new coupon, begun in another's transaction.
    fn replacement_began(&self, by: &Commit, item: usize) {
        let items = by.row.flow.reversal().map(|of| &of.terms.items);
        let Some(Item::Replacement { flow, terms, .. }) = items.and_then(|of| of.get(item)) else {
            return;
        };
        let (code, number) = (terms.code.to_string(), number(*flow));
        self.shared.note(Entry::Begun { code, flow: number });
        let mut picture = self.picture();
        let (due_at, life, word) = (Some(by.at), picture.lives, Word::Processing);
        let (version, parked, reference, takes) = (1, None, None, None);
        let seen = Seen { due_at, life, version, word, parked, reference, takes };
        picture.conversions.insert(terms.code.clone(), *flow);
        picture.flows.insert(*flow, seen);
    }

    /// An order counts: where another is known to have used a coupon of its, the store has opened
    /// a review.
    async fn used_twice(&self, row: &Row) -> Result<(), StoreError> {
        let Some(Placing { terms, .. }) = row.flow.placing() else { return Ok(()) };
        for coupon in &terms.coupons {
            let used = self.inner.use_of(&terms.shop, &coupon.terms.code).await?;
            if used.is_some_and(|order| order != terms.order.as_str()) {
                let (flow, reason) = (number(row.id), "used_twice");
                self.shared.note(Entry::Review { flow, reason, open: true });
            }
        }
        Ok(())
    }

    /// What people could see of the row from now on.
    fn looked_at(&self, row: &Row) {
        let (flow, word) = (number(row.id), word(&row.flow));
        let person = row.flow.pending() == Pending::Person;
        let mut picture = self.picture();
        let life = picture.lives;
        let Some(seen) = picture.flows.get_mut(&row.id) else { return };
        seen.life = life;
        seen.due_at = row.due_at;
        seen.version = row.version;
        seen.reference = reference(&row.flow);
        if seen.word != word {
            seen.word = word;
            self.shared.note(Entry::Told { flow, word });
        }
        if seen.parked.is_some() != person {
            seen.parked = person.then(|| self.shared.now());
            self.shared.note(Entry::Parked { flow, parked: person });
        }
    }

    /// `seized`: whoever holds it.
    fn claimed(&self, row: &Row, seized: bool) {
        let (flow, epoch, version) = (number(row.id), row.epoch, row.version);
        let mut picture = self.picture();
        let life = picture.lives;
        let Some(seen) = picture.flows.get_mut(&row.id) else { return };
        let known = !seized && seen.life == life;
        let early = seen.due_at.filter(|_| known).map(|due| due.since(self.shared.now()));
        let early_us = early.map_or(0, |early| i64::try_from(early.as_micros()).unwrap_or(0));
        self.shared.note(Entry::Claimed { flow, epoch, version, early_us });
        seen.life = life;
        seen.due_at = row.due_at;
    }

    /// The transaction's fate: false where it is not even begun.
    async fn reach(&self) -> (Write, Death) {
        self.shared.pause().await;
        let (write, death) = self.shared.write();
        self.shared.die(death, Death::Before).await;
        (write, death)
    }

    async fn answer<T>(&self, (write, death): (Write, Death), value: T) -> Result<T, StoreError> {
        self.shared.die(death, Death::After).await;
        self.shared.pause().await;
        if write == Write::Unacknowledged { Err(lost()) } else { Ok(value) }
    }
}

#[async_trait]
impl Store for Journal {
    async fn begin(&self, start: Start) -> Result<Begun, StoreError> {
        let fate = self.reach().await;
        if fate.0 == Write::Lost {
            return Err(lost());
        }
        let begun = self.inner.begin(start).await?;
        if let Begun::Started(row) = &begun {
            self.began(row);
        }
        self.answer(fate, begun).await
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        let fate = self.reach().await;
        if fate.0 == Write::Lost {
            return Err(lost());
        }
        let committed = self.inner.commit(commit).await?;
        if committed == Committed::Yes {
            self.written(commit);
            if commit.facts.contains(&Fact::OrderPlaced) {
                self.used_twice(&commit.row).await?;
            }
        }
        self.answer(fate, committed).await
    }

    async fn claim(&self, now: At, lease: Duration, most: usize) -> Result<Vec<Row>, StoreError> {
        let fate = self.reach().await;
        if fate.0 == Write::Lost {
            return Err(lost());
        }
        let rows = self.inner.claim(now, lease, most).await?;
        for row in &rows {
            self.claimed(row, false);
        }
        self.answer(fate, rows).await
    }

    async fn seize(&self, id: FlowId, now: At, lease: Duration) -> Result<Option<Row>, StoreError> {
        let fate = self.reach().await;
        if fate.0 == Write::Lost {
            return Err(lost());
        }
        let row = self.inner.seize(id, now, lease).await?;
        if let Some(row) = &row {
            self.claimed(row, true);
        }
        self.answer(fate, row).await
    }

    async fn load(&self, id: FlowId) -> Result<Option<Row>, StoreError> {
        let fate = self.reach().await;
        let row = self.inner.load(id).await?;
        self.answer(fate, row).await
    }

    async fn by_key(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        request: &Request,
    ) -> Result<Option<(Row, bool)>, StoreError> {
        let fate = self.reach().await;
        let found = self.inner.by_key(shop, customer, request).await?;
        self.answer(fate, found).await
    }

    async fn credit_known(&self, shop: &ShopId, transaction: u64) -> Result<bool, StoreError> {
        let fate = self.reach().await;
        let known = self.inner.credit_known(shop, transaction).await?;
        self.answer(fate, known).await
    }

    async fn use_of(&self, shop: &ShopId, code: &Code) -> Result<Option<String>, StoreError> {
        let fate = self.reach().await;
        let order = self.inner.use_of(shop, code).await?;
        self.answer(fate, order).await
    }
}
