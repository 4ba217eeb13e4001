//! Store credit that Kaeru itself holds. Its lots follow the production rules; everything around
//! them is as rude as a till: it makes a movement as often as it is told to.

use super::{Late, World, till::micros, till::number};
use crate::{diary::Entry, shared::Shared};
use async_trait::async_trait;
use domain::{
    At, Points, PosId, Reference, Refusal,
    effect::Moved,
    ledger::{Account, Counter, Declined, Funding, IfExpired, Movement as Line, Taken, Wish},
};
use engine::ports::{Answer, Movement, PointsBook, PointsOrder, Recovery, Why};
use jiff::tz::TimeZone;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

#[derive(Debug, Default)]
pub struct OwnCredit {
    accounts: BTreeMap<u64, Account>,
    /// Under each reference: amount, balance after, when.
    pub movements: BTreeMap<String, Vec<(i64, i64, At)>>,
    /// What each spending took, and has not been given back.
    taken: BTreeMap<String, Vec<Taken>>,
    /// Coupons, by their number at Shopify, that orders of other channels were placed with.
    pub at_orders: BTreeSet<u64>,
    written: u64,
}

impl OwnCredit {
    /// A new lot.
    pub fn grant(&mut self, shared: &Shared, customer: u64, amount: i64, expires_at: Option<At>) {
        let wish = Wish::Grant {
            amount,
            from: Counter::Granted,
            issued_at: None,
            expires_at,
            funding: Funding::Free,
        };
        let reference = format!("GRANT-{}", self.written);
        drop(self.post(shared, (shared.now(), customer), &wish, &reference));
    }

    /// Moves credit, signed. `until`: how long what comes back is good, where its lot has ended.
    pub fn move_credit(
        &mut self,
        shared: &Shared,
        (now, customer): (At, u64),
        amount: i64,
        reference: &str,
        until: Option<At>,
    ) -> Answer<Moved> {
        if amount < 0 {
            let wish = Wish::Spend { amount: -amount, to: Counter::Redeemed };
            return self.post(shared, (now, customer), &wish, reference);
        }
        let order = reference.strip_prefix("ORDER-").and_then(|of| of.split_once('-'));
        let spent = order.map(|(order, _)| format!("CREDIT-{order}")).unwrap_or_default();
        let taken = self.taken.get(&spent).cloned().unwrap_or_default();
        let if_expired = until.map_or(IfExpired::Leave, IfExpired::Extend);
        let wish = Wish::GiveBack { amount, taken, if_expired };
        let answer = self.post(shared, (now, customer), &wish, reference);
        if let (Answer::Done(_), Some(taken)) = (&answer, self.taken.get_mut(&spent)) {
            let mut rest = amount;
            for part in taken.iter_mut().rev() {
                let back = rest.min(part.amount);
                part.amount -= back;
                rest -= back;
            }
        }
        answer
    }

    fn post(
        &mut self,
        shared: &Shared,
        (now, customer): (At, u64),
        wish: &Wish,
        reference: &str,
    ) -> Answer<Moved> {
        let account = self.accounts.entry(customer).or_default();
        let lots = account.lots.clone();
        let posted = match account.post(wish, now, &TimeZone::UTC) {
            Ok(posted) => posted,
            Err(Declined::Short { .. }) => return Answer::Refused(Refusal::InsufficientPoints),
            Err(Declined::Expired) => return Answer::Refused(Refusal::Lapsed),
            Err(other) => return Answer::Refused(Refusal::Other(other.to_string())),
        };
        for line in &posted.expired {
            self.written += 1;
            let reference = format!("EXPIRED-{}", self.written);
            // The lots stand as they do after all of them.
            note(shared, customer, &reference, line, line.balance);
        }
        self.written += 1;
        let line = &posted.movement;
        if matches!(wish, Wish::Spend { .. }) {
            let of = |change: &domain::ledger::Change| {
                let lot = lots.iter().find(|lot| lot.no == change.lot)?.clone();
                Some(Taken { lot, amount: -change.amount })
            };
            let parts = line.changes.iter().filter_map(of);
            // What is taken again can be given back again, by the name of the first spending.
            let again = reference.strip_prefix("REOPEN-").and_then(|of| of.split_once('-'));
            let first = again.map(|(order, _)| format!("CREDIT-{order}"));
            let first = first.unwrap_or_else(|| reference.to_owned());
            self.taken.entry(first).or_default().extend(parts);
        }
        self.movements.entry(reference.to_owned()).or_default().push((
            line.amount,
            line.balance,
            now,
        ));
        let held = self.accounts.get(&customer).map(|of| of.lots.iter().map(|lot| lot.left).sum());
        note(shared, customer, reference, line, held.unwrap_or_default());
        let (before, after) = (Points::new(line.balance - line.amount), Points::new(line.balance));
        Answer::Done(Moved { before, after, honoured: None })
    }
}

fn note(shared: &Shared, customer: u64, reference: &str, line: &Line, lots: i64) {
    let (reference, minor, balance) = (reference.to_owned(), line.amount, line.balance);
    shared.note(Entry::OwnCredit { reference, customer, minor, balance, lots });
}

/// The clerk who keeps it.
pub struct Clerk(pub Arc<World>);

impl Clerk {
    async fn carry_out(
        &self,
        name: &'static str,
        order: PointsOrder<'_>,
        minor: i64,
        limit: Duration,
    ) -> Answer<Moved> {
        let world = &self.0;
        let (customer, reference) = (number(order.customer), order.reference.as_str());
        let until = order.expires_at;
        let late = Late::OwnCredit { customer, minor, reference: reference.to_owned(), until };
        let shared = &world.shared;
        world
            .call(name, limit, Some(late), |books| {
                let when = (shared.now(), customer);
                books.own_credit.move_credit(shared, when, minor, reference, until)
            })
            .await
    }
}

#[async_trait]
impl PointsBook for Clerk {
    async fn balance(&self, customer: &PosId, limit: Duration) -> Answer<Points> {
        let (customer, now) = (number(customer), self.0.shared.now());
        self.0
            .call("own balance", limit, None, |books| {
                let account = books.own_credit.accounts.get(&customer);
                let balance = account.map_or(0, |account| account.balance(now));
                Points::new(balance).map_or(Answer::Unknown(Why::Unreadable), Answer::Done)
            })
            .await
    }

    async fn deduct(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved> {
        let minor = -order.points.get();
        self.carry_out("spend", order, minor, limit).await
    }

    async fn add(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved> {
        let minor = order.points.get();
        self.carry_out("give back", order, minor, limit).await
    }

    /// As with a till's history.
    async fn find(
        &self,
        _: &PosId,
        reference: &Reference,
        limit: Duration,
    ) -> Answer<Vec<Movement>> {
        let shared = &self.0.shared;
        let shown_until = At(shared.now().0 - micros(shared.swarm.history_lag));
        self.0
            .call("find credit", limit, None, |books| {
                let found = books.own_credit.movements.get(reference.as_str());
                let shown = found.into_iter().flatten().filter(|(_, _, at)| *at <= shown_until);
                let movement = |(minor, balance, _): &(i64, i64, At)| Movement {
                    points: *minor,
                    balance: Points::new(*balance),
                    honoured: None,
                };
                Answer::Done(shown.map(movement).collect())
            })
            .await
    }

    /// It keeps no keys: where the till does, it is looked into.
    fn recovery(&self) -> Recovery {
        match self.0.recovery {
            Recovery::Review => Recovery::Review,
            Recovery::LookUp { .. } | Recovery::Replay { .. } => {
                Recovery::LookUp { horizon: super::HORIZON }
            }
        }
    }
}
