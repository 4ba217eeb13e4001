//! The built-in ledger: points and credit that Kaeru itself holds.
//!
//! ```text
//!   grant  ─▶ lot ─┬─ spend: the soonest-expiring lot first, each use remembered
//!                  │    └─ give back: to the lots it came from, with their dates
//!                  │         └─ a lot that has expired meanwhile: on to a new date, or not at all
//!                  ├─ extend: what is left moves to a new lot with a later date
//!                  └─ expire: what is left goes, once
//! ```
//!
//! Every movement is a pair of postings that sum to zero: the customer's account and a counter
//! account. Nothing is ever changed: what is left of a lot is the sum of its changes.

mod words;

pub use words::{Counter, Funding, Unit};

use crate::time::At;
use jiff::{ToSpan, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Paid lots are no prepaid instrument as long as they cannot be used later than this.
const PAID_MONTHS: i64 = 6;

/// Points, or minor units of a currency, that were given together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    /// Counts from one within an account.
    pub no: i64,
    pub granted: i64,
    pub left: i64,
    pub issued_at: At,
    /// The first moment at which it is no longer good. `None`: it does not expire.
    pub expires_at: Option<At>,
    pub funding: Funding,
    /// The lot whose rest it continues under a later date.
    pub renews: Option<i64>,
}

impl Lot {
    pub fn has_expired(&self, now: At) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Whether it may be good until then.
    ///
    /// # Errors
    /// Where the date is past, or a paid lot would be good longer than six months from its issue,
    /// counted in the shop's time zone.
    pub fn may_last(&self, until: At, now: At, zone: &TimeZone) -> Result<(), Declined> {
        if until <= now {
            return Err(Declined::DateIsPast);
        }
        if self.funding == Funding::Paid && until > paid_until(self.issued_at, zone) {
            return Err(Declined::PaidTooLong);
        }
        Ok(())
    }

    fn continued(&self, no: i64, amount: i64, until: At) -> Lot {
        Lot {
            no,
            granted: amount,
            left: amount,
            expires_at: Some(until),
            renews: Some(self.no),
            ..self.clone()
        }
    }
}

fn paid_until(issued_at: At, zone: &TimeZone) -> At {
    let issued = issued_at.timestamp().to_zoned(zone.clone());
    issued.checked_add(PAID_MONTHS.months()).map_or(issued_at, |end| At::from(end.timestamp()))
}

/// What a spending took from a lot and has not been given back since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub lot: Lot,
    pub amount: i64,
}

/// What becomes of an amount whose lot has expired since it was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IfExpired {
    /// It comes back, good until then.
    Extend(At),
    /// It does not come back.
    Leave,
}

/// One thing that is to happen to an account. Amounts are above zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// New points: a lot of their own.
    Grant {
        amount: i64,
        from: Counter,
        /// Where that was earlier: points brought from another book.
        issued_at: Option<At>,
        expires_at: Option<At>,
        funding: Funding,
    },
    Spend {
        amount: i64,
        to: Counter,
    },
    /// What a spending took comes back. `taken`: in the order of the spending.
    GiveBack {
        amount: i64,
        taken: Vec<Taken>,
        if_expired: IfExpired,
    },
    /// What is left of a lot becomes good for longer.
    Extend {
        lot: i64,
        until: At,
    },
}

/// Why a wish is not met. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Declined {
    #[error("the amount is not above zero, or too large")]
    NoAmount,
    #[error("the balance is {balance}")]
    Short { balance: i64 },
    #[error("more than was spent and not yet given back: {open}")]
    MoreThanTaken { open: i64 },
    #[error("the lots have expired, and they are not extended")]
    Expired,
    #[error("there is no such lot, or nothing is left of it")]
    NoSuchLot,
    #[error("the new date is past")]
    DateIsPast,
    #[error("the lot does not end before that date")]
    NotLater,
    #[error(
        "a paid lot may be good for six months from its issue at most: longer, it becomes a \
         prepaid payment instrument"
    )]
    PaidTooLong,
}

/// So much more, or less, is left of a lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub lot: i64,
    pub amount: i64,
}

/// How one part of a spending came back, or did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Returned {
    /// The lot that it was taken from.
    pub from: i64,
    /// The lot that it stands in now; `None`: it did not come back.
    pub to: Option<i64>,
    pub amount: i64,
    pub original: Option<At>,
    /// The date that was asked for, where the original one was past.
    pub requested: Option<At>,
    pub honoured: Option<At>,
}

/// One movement, with what it did to the lots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Signed, seen from the customer. Zero where points only change their lot.
    pub amount: i64,
    pub counter: Counter,
    /// From when it counts: an expiry from the lot's end, whenever it is written down.
    pub at: At,
    pub changes: Vec<Change>,
    pub returned: Vec<Returned>,
    /// The account's balance after it.
    pub balance: i64,
}

/// One side of a movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// `None`: the customer's own account.
    pub counter: Option<Counter>,
    pub amount: i64,
}

impl Movement {
    /// Both sides. They sum to zero.
    pub const fn postings(&self) -> [Posting; 2] {
        [
            Posting { counter: None, amount: self.amount },
            Posting { counter: Some(self.counter), amount: -self.amount },
        ]
    }
}

/// What a wish came to: first the expiries that were due, then its own movement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    pub expired: Vec<Movement>,
    pub movement: Movement,
    pub added: Vec<Lot>,
}

/// One customer's points, or their credit in one currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Those of which something is left.
    pub lots: Vec<Lot>,
    /// The highest number that a lot has, or had.
    pub last_lot: i64,
}

impl Account {
    /// What may be spent.
    pub fn balance(&self, now: At) -> i64 {
        self.lots.iter().filter(|lot| !lot.has_expired(now)).map(|lot| lot.left).sum()
    }

    /// What the lots hold, expired ones included.
    fn held(&self) -> i64 {
        self.lots.iter().map(|lot| lot.left).sum()
    }

    /// Takes out what is no longer good: a movement for each lot, dated by the lot's end.
    pub fn expire(&mut self, now: At) -> Vec<Movement> {
        let mut due: Vec<(At, i64, i64)> = self
            .lots
            .iter()
            .filter(|lot| lot.has_expired(now) && lot.left > 0)
            .map(|lot| (lot.expires_at.unwrap_or(now), lot.no, lot.left))
            .collect();
        due.sort_unstable();
        due.into_iter()
            .map(|(at, lot, left)| {
                self.apply(&[Change { lot, amount: -left }]);
                Movement {
                    amount: -left,
                    counter: Counter::Expired,
                    at,
                    changes: vec![Change { lot, amount: -left }],
                    returned: vec![],
                    balance: self.held(),
                }
            })
            .collect()
    }

    /// Meets the wish, or leaves the account as it was.
    ///
    /// # Errors
    /// As [`Declined`] says.
    pub fn post(&mut self, wish: &Wish, now: At, zone: &TimeZone) -> Result<Posted, Declined> {
        let mut next = self.clone();
        let expired = next.expire(now);
        let mut added = Vec::new();
        let (counter, changes, returned) = match wish {
            Wish::Grant { amount, from, issued_at, expires_at, funding } => {
                let issued_at = issued_at.map_or(now, |at| at.min(now));
                let lot = Lot {
                    no: next.last_lot + 1,
                    granted: *amount,
                    left: *amount,
                    issued_at,
                    expires_at: *expires_at,
                    funding: *funding,
                    renews: None,
                };
                added.push(next.grant(lot, now, zone)?);
                (*from, vec![], vec![])
            }
            Wish::Spend { amount, to } => (*to, next.spend(*amount, now)?, vec![]),
            Wish::GiveBack { amount, taken, if_expired } => {
                let (changes, returned) =
                    next.give_back(*amount, taken, *if_expired, now, zone, &mut added)?;
                (Counter::Redeemed, changes, returned)
            }
            Wish::Extend { lot, until } => {
                let (change, lot) = next.extend(*lot, *until, now, zone)?;
                added.push(lot);
                (Counter::Corrected, vec![change], vec![])
            }
        };
        next.apply(&changes);
        next.lots.extend(added.iter().cloned());
        let into_new = added.iter().map(|lot| lot.granted).sum::<i64>();
        let amount = changes.iter().map(|change| change.amount).sum::<i64>() + into_new;
        let balance = next.held();
        *self = next;
        let movement = Movement { amount, counter, at: now, changes, returned, balance };
        Ok(Posted { expired, movement, added })
    }

    fn grant(&mut self, lot: Lot, now: At, zone: &TimeZone) -> Result<Lot, Declined> {
        if lot.granted <= 0 || self.held().checked_add(lot.granted).is_none() {
            return Err(Declined::NoAmount);
        }
        if let Some(until) = lot.expires_at {
            lot.may_last(until, now, zone)?;
        } else if lot.funding == Funding::Paid {
            return Err(Declined::PaidTooLong);
        }
        self.last_lot = lot.no;
        Ok(lot)
    }

    /// The soonest-expiring first, those that never expire last; the older before the newer.
    fn spend(&self, amount: i64, now: At) -> Result<Vec<Change>, Declined> {
        if amount <= 0 {
            return Err(Declined::NoAmount);
        }
        let balance = self.balance(now);
        if balance < amount {
            return Err(Declined::Short { balance });
        }
        let mut lots: Vec<&Lot> = self.lots.iter().filter(|lot| lot.left > 0).collect();
        lots.sort_unstable_by_key(|lot| (lot.expires_at.unwrap_or(At(i64::MAX)), lot.no));
        let mut open = amount;
        let mut changes = Vec::new();
        for lot in lots {
            let part = lot.left.min(open);
            if part > 0 {
                changes.push(Change { lot: lot.no, amount: -part });
            }
            open -= part;
        }
        Ok(changes)
    }

    /// The last taken comes back first, so that a part that comes back is the longest-lived.
    fn give_back(
        &mut self,
        amount: i64,
        taken: &[Taken],
        if_expired: IfExpired,
        now: At,
        zone: &TimeZone,
        added: &mut Vec<Lot>,
    ) -> Result<(Vec<Change>, Vec<Returned>), Declined> {
        if amount <= 0 || self.held().checked_add(amount).is_none() {
            return Err(Declined::NoAmount);
        }
        let open = taken.iter().map(|part| part.amount).sum();
        if open < amount {
            return Err(Declined::MoreThanTaken { open });
        }
        let (mut changes, mut returned) = (Vec::new(), Vec::new());
        let mut rest = amount;
        for Taken { lot, amount } in taken.iter().rev() {
            let part = rest.min(*amount);
            if part <= 0 {
                continue;
            }
            rest -= part;
            let original = lot.expires_at;
            let back = |to, requested, honoured| Returned {
                from: lot.no,
                to,
                amount: part,
                original,
                requested,
                honoured,
            };
            match if_expired {
                _ if !lot.has_expired(now) => {
                    self.open(lot);
                    changes.push(Change { lot: lot.no, amount: part });
                    returned.push(back(Some(lot.no), None, original));
                }
                IfExpired::Leave => returned.push(back(None, None, None)),
                IfExpired::Extend(until) => {
                    lot.may_last(until, now, zone)?;
                    self.last_lot += 1;
                    added.push(lot.continued(self.last_lot, part, until));
                    returned.push(back(Some(self.last_lot), Some(until), Some(until)));
                }
            }
        }
        if returned.iter().all(|part| part.to.is_none()) {
            return Err(Declined::Expired);
        }
        Ok((changes, returned))
    }

    fn extend(
        &mut self,
        no: i64,
        until: At,
        now: At,
        zone: &TimeZone,
    ) -> Result<(Change, Lot), Declined> {
        let lot = self.lots.iter().find(|lot| lot.no == no && lot.left > 0);
        let lot = lot.ok_or(Declined::NoSuchLot)?;
        lot.may_last(until, now, zone)?;
        if lot.expires_at.is_none_or(|at| at >= until) {
            return Err(Declined::NotLater);
        }
        self.last_lot += 1;
        let continued = lot.continued(self.last_lot, lot.left, until);
        Ok((Change { lot: no, amount: -lot.left }, continued))
    }

    /// A lot of which nothing was left takes part again.
    fn open(&mut self, lot: &Lot) {
        if self.lots.iter().all(|known| known.no != lot.no) {
            self.lots.push(Lot { left: 0, ..lot.clone() });
        }
    }

    fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            for lot in self.lots.iter_mut().filter(|lot| lot.no == change.lot) {
                lot.left += change.amount;
            }
        }
        self.lots.retain(|lot| lot.left > 0);
        self.lots.sort_unstable_by_key(|lot| lot.no);
    }
}

#[cfg(test)]
mod tests;
