//! The built-in points book: movements written under the account's own lock, each once.

mod merge;
mod reads;
mod rows;

pub use merge::merge;
pub use reads::{
    Balance, History, Lot as LotRow, MovementRow, accounts, balance, balance_as_of, crooked, find,
    history, is_known, lots, movement, opening,
};

use super::{
    Database, audit, replacements,
    tx::{DbError, End, Statement, Tx, Work, values},
};
use crate::clock::SharedClock;
use domain::{
    Actor, At, Code, PosId, Reference, ShopId,
    ledger::{Account, Counter, Declined, Funding, IfExpired, Posted, Taken, Unit, Wish},
};
use engine::{ports::Clock, store::StoreError};
use jiff::tz::TimeZone;
#[cfg(test)]
pub(super) use rows::TAKEN;
use rows::{Locked, Names};

/// One account: a customer's points, or their credit in one currency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    pub shop: ShopId,
    pub unit: Unit,
    /// The customer at the points book.
    pub id: PosId,
}

/// What is asked for. Amounts are above zero.
#[derive(Clone, Debug)]
pub enum Asked {
    Grant {
        amount: i64,
        from: Counter,
        /// `None`: now.
        issued_at: Option<At>,
        expires_at: Option<At>,
        funding: Funding,
    },
    Spend {
        amount: i64,
        to: Counter,
    },
    /// What the movement `of` took comes back. Where the books do not know that movement, it was
    /// made elsewhere: a new lot then, good until `or_until`.
    GiveBack {
        amount: i64,
        of: Reference,
        if_expired: IfExpired,
        or_until: Option<At>,
    },
    Extend {
        lot: i64,
        until: At,
    },
}

/// A movement to be made once.
#[derive(Clone, Debug)]
pub struct Order {
    pub holder: Holder,
    pub reference: Reference,
    pub asked: Asked,
    pub reason: String,
    /// Who asked for it; the customer and Kaeru itself are nobody to name.
    pub by: Actor,
    /// Everything that makes this order this order and no other: compared when the reference comes
    /// again.
    pub fingerprint: String,
    pub now: At,
    /// The shop's.
    pub zone: TimeZone,
    /// Where it is worth nothing later.
    pub in_time: Option<InTime>,
    /// Written down together with the movement.
    pub audit: Option<audit::Entry>,
    /// The answer that a till is to get again under its key.
    pub answer: Option<Remembered>,
}

/// Until when a movement may be made. A transaction may wait for its turn, and whoever asked for
/// it has gone on by then.
#[derive(Clone, Debug)]
pub struct InTime {
    pub clock: SharedClock,
    pub until: At,
}

impl InTime {
    fn is_over(&self) -> bool {
        self.clock.now() > self.until
    }
}

/// A till's `Idempotency-Key`, and how its answers are written.
#[derive(Clone, Debug)]
pub struct Remembered {
    pub key: String,
    pub write: fn(&Outcome) -> (u16, String),
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Posted(Done),
    /// The reference stands already, with the same order.
    Known(Done),
    /// The reference stands already, with another order.
    ReferenceTaken,
    Declined(Declined),
    /// The key was used: this is what was answered.
    Answered {
        status: u16,
        body: String,
    },
    /// The key was used with another order.
    KeyReused,
    /// Its turn came after its time.
    TooLate,
}

/// A movement that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Signed.
    pub amount: i64,
    /// The balance after it.
    pub balance: i64,
    /// Until when what it brought is good; the soonest date where there are more.
    pub expires_at: Option<At>,
}

/// Makes the movement, once.
pub async fn post(database: &Database, order: Order) -> Result<Outcome, StoreError> {
    database.write(Post(order)).await
}

struct Post(Order);

impl Work for Post {
    type Output = Outcome;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<Outcome>, DbError> {
        let order = &self.0;
        // Everybody who moves this account's points waits here.
        let locked = rows::lock(tx, &order.holder, order.now).await?;
        if order.in_time.as_ref().is_some_and(InTime::is_over) {
            return Ok(End::RollBack(Outcome::TooLate));
        }
        if let Some(answer) = &order.answer
            && let Some(known) = rows::answer(tx, order, &answer.key).await?
        {
            return Ok(End::RollBack(known));
        }
        let outcome = self.outcome(tx, locked).await?;
        let Some(answer) = &order.answer else {
            return Ok(match outcome {
                Outcome::Posted(_) => End::Commit(outcome),
                _ => End::RollBack(outcome),
            });
        };
        let (status, body) = (answer.write)(&outcome);
        let shop = order.holder.shop.as_str();
        let kept = values![
            shop,
            answer.key.as_str(),
            order.fingerprint.as_str(),
            i64::from(status),
            body,
            order.now
        ];
        rows::all(tx, &[Statement { sql: rows::ANSWER_ADD, values: kept.to_vec() }]).await?;
        Ok(End::Commit(outcome))
    }
}

impl Post {
    async fn outcome<T: Tx>(&self, tx: &mut T, locked: Locked) -> Result<Outcome, DbError> {
        let order = &self.0;
        let shop = &order.holder.shop;
        if let Some((fingerprint, done)) = rows::known(tx, shop, &order.reference).await? {
            let same = fingerprint == order.fingerprint;
            return Ok(if same { Outcome::Known(done) } else { Outcome::ReferenceTaken });
        }
        let (wish, linked_to) = wish(tx, order).await?;
        let now = order.now.max(locked.last_at);
        let mut account = Account { lots: locked.lots, last_lot: locked.last_lot };
        let posted = match account.post(&wish, now, &order.zone) {
            Ok(posted) => posted,
            Err(declined) => return Ok(Outcome::Declined(declined)),
        };
        let done = Done {
            amount: posted.movement.amount,
            balance: posted.movement.balance,
            expires_at: brought_until(&posted),
        };
        let names = Names {
            reference: order.reference.as_str(),
            reason: &order.reason,
            fingerprint: &order.fingerprint,
            linked_to: linked_to.as_ref().map(Reference::as_str),
            expires_at: done.expires_at,
            actor: order.by.name(),
        };
        rows::write(tx, &order.holder, &account, locked.seq, &posted, &names, order.now).await?;
        if let Some(entry) = &order.audit {
            rows::all(tx, &[audit::statement(entry)]).await?;
        }
        Ok(Outcome::Posted(done))
    }
}

/// The soonest end of what came in.
fn brought_until(posted: &Posted) -> Option<At> {
    let added = posted.added.iter().filter_map(|lot| lot.expires_at);
    let returned = posted.movement.returned.iter().filter_map(|part| part.honoured);
    added.chain(returned).min()
}

/// What that movement took, or, where its coupon only took another's place, the movement that
/// paid for the first of them.
async fn taken_for<T: Tx>(
    tx: &mut T,
    holder: &Holder,
    of: &Reference,
) -> Result<Option<(Vec<Taken>, Reference)>, DbError> {
    if let Some(taken) = rows::taken(tx, holder, of).await? {
        return Ok(Some((taken, of.clone())));
    }
    let Some(code) = of.as_str().strip_prefix("COUPON-") else { return Ok(None) };
    let paid_by = tx.row(replacements::PAID_BY, &values![holder.shop.as_str(), code]).await?;
    let Some(paid_by) = paid_by else { return Ok(None) };
    let of = Reference::of_conversion(&Code::from(paid_by.text(0)?));
    Ok(rows::taken(tx, holder, &of).await?.map(|taken| (taken, of)))
}

async fn wish<T: Tx>(tx: &mut T, order: &Order) -> Result<(Wish, Option<Reference>), DbError> {
    Ok(match &order.asked {
        Asked::Grant { amount, from, issued_at, expires_at, funding } => {
            let (amount, from, issued_at) = (*amount, *from, *issued_at);
            let (expires_at, funding) = (*expires_at, *funding);
            (Wish::Grant { amount, from, issued_at, expires_at, funding }, None)
        }
        // What is taken again can be given back again, by the name of the first spending.
        Asked::Spend { amount, to } => {
            let again = match order.reference.takes_again() {
                Some(of) => {
                    let first = taken_for(tx, &order.holder, &of).await?;
                    Some(first.map_or(of, |(_, first)| first))
                }
                None => None,
            };
            (Wish::Spend { amount: *amount, to: *to }, again)
        }
        Asked::Extend { lot, until } => (Wish::Extend { lot: *lot, until: *until }, None),
        Asked::GiveBack { amount, of, if_expired, or_until } => {
            match taken_for(tx, &order.holder, of).await? {
                Some((taken, of)) => {
                    let wish = Wish::GiveBack { amount: *amount, taken, if_expired: *if_expired };
                    (wish, Some(of))
                }
                None => {
                    let (from, funding) = (Counter::Redeemed, Funding::Free);
                    let (amount, issued_at, expires_at) = (*amount, None, *or_until);
                    (Wish::Grant { amount, from, issued_at, expires_at, funding }, None)
                }
            }
        }
    })
}

/// The movement under the reference, where it is this account's. Waits for whoever moves the
/// account now, so that what is not found was not made, and is not being made.
pub async fn find_for_good(
    database: &Database,
    holder: Holder,
    reference: Reference,
) -> Result<Option<Done>, StoreError> {
    database.write(Find { holder, reference }).await
}

struct Find {
    holder: Holder,
    reference: Reference,
}

impl Work for Find {
    type Output = Option<Done>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<Option<Done>>, DbError> {
        rows::lock(tx, &self.holder, At(0)).await?;
        Ok(End::RollBack(rows::of_account(tx, &self.holder, &self.reference).await?))
    }
}

/// What the spending under the reference took from each lot and has not come back, in the order of
/// the spending; and how often some of it has come back.
pub async fn taken(
    database: &Database,
    holder: &Holder,
    of: &Reference,
) -> Result<(Vec<Taken>, u32), StoreError> {
    let (lines, returns) = rows::taken_beside(database, holder, of).await?;
    Ok((lines, u32::try_from(returns).unwrap_or(u32::MAX)))
}

/// Takes out of one account what is no longer good, and says how much that was.
pub async fn expire(database: &Database, holder: Holder, now: At) -> Result<i64, StoreError> {
    database.write(Expire { holder, now }).await
}

struct Expire {
    holder: Holder,
    now: At,
}

impl Work for Expire {
    type Output = i64;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<i64>, DbError> {
        let locked = rows::lock(tx, &self.holder, self.now).await?;
        let mut account = Account { lots: locked.lots, last_lot: locked.last_lot };
        let expired = account.expire(self.now);
        if expired.is_empty() {
            return Ok(End::RollBack(0));
        }
        let amount = expired.iter().map(|movement| -movement.amount).sum();
        rows::write_expired(tx, &self.holder, &account, locked.seq, &expired, self.now).await?;
        Ok(End::Commit(amount))
    }
}

/// Forgets what tills were answered before then: no key comes again so late.
pub async fn forget_answers(database: &Database, before: At) -> Result<usize, StoreError> {
    database.write(Forget { before }).await
}

/// So many in one transaction.
const FORGOTTEN: i64 = 500;

struct Forget {
    before: At,
}

impl Work for Forget {
    type Output = usize;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<usize>, DbError> {
        let gone = tx.rows(rows::FORGET, &values![self.before, FORGOTTEN]).await?;
        Ok(End::Commit(gone.len()))
    }
}
