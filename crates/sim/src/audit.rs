//! The laws (I1 to I8 of the design, as far as one process can break them), checked after every
//! entry of the diary. It knows texts and numbers only: no code of the domain's.

mod coupons;
mod ended;
mod flows;
mod orders;
mod own_orders;
mod reopened;
mod replacements;

use crate::diary::{Deed, Entry, Word};
use std::collections::{BTreeMap, BTreeSet};

/// A law that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which of the laws: `I1` to `I7`.
    pub law: &'static str,
    pub what: String,
}

type Verdict = Result<(), Breach>;

/// Replicas' clocks differ by no more.
const CLOCKS_DIFFER_US: i64 = 10_000_000;

fn broken<T>(law: &'static str, what: impl Into<String>) -> Result<T, Breach> {
    Err(Breach { law, what: what.into() })
}

fn must(good: bool, law: &'static str, what: impl FnOnce() -> String) -> Verdict {
    if good { Ok(()) } else { broken(law, what()) }
}

/// What was wished, and what the other side's books say of its code.
#[derive(Debug, Default)]
struct Wish {
    key: u64,
    customer: u64,
    points: i64,
    day: i64,
    ends_at: i64,
    flow: Option<u128>,
    deductions_sent: u32,
    deductions: u32,
    refunds: u32,
    created: bool,
    alive: bool,
    redeemed: bool,
    /// Shopify said «unused» after it was used.
    blind: bool,
    heard: bool,
    /// What the last act that is known to be done made of it.
    should_live: bool,
    /// So many of its points came back with an order.
    reverted: i64,
    /// In whose place it is: nobody pays for it.
    replaces: Option<String>,
    /// Coupons that were created in its own place.
    replaced: u32,
    /// The cancelled order behind it.
    of_order: u64,
    /// The order of another channel that counts with it.
    counted_in: Option<u64>,
    should_say: Option<&'static str>,
    says: Option<&'static str>,
    held: bool,
}

#[derive(Debug)]
struct Flow {
    code: String,
    /// `None`: the conversion itself, or about an order.
    deed: Option<Deed>,
    reverts: Option<orders::Reverting>,
    own: Option<own_orders::OwnAct>,
    word: Word,
    parked: bool,
    version: i64,
    epoch: i64,
    reviews: BTreeMap<&'static str, bool>,
    lived: bool,
}

impl Flow {
    /// As it begins.
    const fn of(code: String) -> Self {
        Self {
            code,
            deed: None,
            reverts: None,
            own: None,
            word: Word::Processing,
            parked: false,
            version: 1,
            epoch: 1,
            reviews: BTreeMap::new(),
            lived: false,
        }
    }
}

/// Reads the diary.
#[derive(Debug)]
pub struct Auditor {
    /// The till knows keys, so that the same movement may be sent again.
    keyed: bool,
    daily_limit: i64,
    balances: BTreeMap<u64, i64>,
    wishes: BTreeMap<String, Wish>,
    flows: BTreeMap<u128, Flow>,
    days: BTreeMap<(u64, i64), i64>,
    keys: BTreeMap<u64, u32>,
    ledger: BTreeMap<String, i64>,
    till: BTreeMap<String, i64>,
    strangers: BTreeSet<String>,
    orders: BTreeMap<u64, orders::Order>,
    own: BTreeMap<u64, own_orders::Own>,
    own_balances: BTreeMap<u64, i64>,
}

impl Wish {
    /// How often it was paid for: a coupon in another's place by that one, once it is created.
    fn paid(&self) -> u32 {
        if self.replaces.is_some() { u32::from(self.created) } else { self.deductions }
    }
}

impl Auditor {
    pub fn new(keyed: bool, daily_limit: i64, balances: BTreeMap<u64, i64>) -> Self {
        Self {
            keyed,
            daily_limit,
            balances,
            wishes: BTreeMap::new(),
            flows: BTreeMap::new(),
            days: BTreeMap::new(),
            keys: BTreeMap::new(),
            ledger: BTreeMap::new(),
            till: BTreeMap::new(),
            strangers: BTreeSet::new(),
            orders: BTreeMap::new(),
            own: BTreeMap::new(),
            own_balances: BTreeMap::new(),
        }
    }

    /// Reads the next entry.
    ///
    /// # Errors
    /// With the law that it breaks.
    pub fn read(&mut self, entry: &Entry) -> Verdict {
        match entry {
            Entry::Asked { .. } => self.asked(entry),
            Entry::Begun { code, flow } => self.begun(code, *flow),
            Entry::Acted { code, flow, deed } => self.acted(code, *flow, *deed),
            Entry::Told { flow, word } => self.told(*flow, *word),
            Entry::Sent { reference } => self.sent(reference),
            Entry::Moved { reference, customer, points, balance } => {
                self.moved(reference, *customer, *points, *balance)
            }
            Entry::Created { code, ends_at } => self.created(code, *ends_at),
            Entry::Strangers { code } => {
                self.strangers.insert(code.clone());
                Ok(())
            }
            Entry::Killed { code } | Entry::Deleted { code } => {
                self.wish(code)?.alive = false;
                Ok(())
            }
            Entry::Revived { code, ends_at } => self.revived(code, *ends_at),
            Entry::Redeemed { code } => self.redeemed(code),
            Entry::Blind { code } => {
                let wish = self.wish(code)?;
                // Whoever has heard of it cannot be misled.
                wish.blind |= !wish.heard;
                Ok(())
            }
            Entry::Recorded { code, status } => {
                self.wish(code)?.says = Some(status);
                Ok(())
            }
            Entry::Heard { code } => {
                self.wish(code)?.heard = true;
                Ok(())
            }
            Entry::Ordered { .. }
            | Entry::Refunded { .. }
            | Entry::NothingDue { .. }
            | Entry::OrderCancelled { .. }
            | Entry::Credited { .. }
            | Entry::Reverting { .. } => self.read_of_order(entry),
            Entry::Replacing { .. } => self.replacing(entry),
            Entry::Placing { .. }
            | Entry::Counted { .. }
            | Entry::OwnReverting { .. }
            | Entry::Reopened { .. }
            | Entry::TakingAgain { .. }
            | Entry::OwnCredit { .. } => self.read_of_own(entry),
            Entry::Ledger { reference, points } => self.ledger(reference, *points),
            Entry::Review { flow, reason, open } => {
                self.flow(*flow)?.reviews.insert(reason, *open);
                Ok(())
            }
            Entry::Parked { flow, parked } => {
                self.flow(*flow)?.parked = *parked;
                Ok(())
            }
            Entry::Claimed { flow, epoch, version, early_us } => {
                must(*early_us <= CLOCKS_DIFFER_US, "I6", || {
                    format!("flow {flow} was claimed {early_us} µs before its lease was over")
                })?;
                self.claimed(*flow, *epoch, *version)
            }
            Entry::Step { flow, version, epoch, .. } => self.step(*flow, *version, *epoch),
            Entry::Rejected { flow, why } => broken("I5", format!("flow {flow}: {why}")),
            Entry::Call { .. } | Entry::Turn { .. } => Ok(()),
            Entry::Stalled => self.stalled(),
            Entry::Quiet => self.quiet(),
        }
    }

    fn asked(&mut self, entry: &Entry) -> Verdict {
        let Entry::Asked { code, key, customer, points, day, ends_at } = entry else {
            return Ok(());
        };
        let wish = Wish {
            key: *key,
            customer: *customer,
            points: *points,
            day: *day,
            ends_at: *ends_at,
            ..Wish::default()
        };
        self.wishes.insert(code.clone(), wish);
        Ok(())
    }

    fn read_of_order(&mut self, entry: &Entry) -> Verdict {
        match entry {
            Entry::Ordered { order, credit, pieces, earned, .. } => {
                self.orders.insert(*order, orders::Order::of(*credit, *pieces, *earned));
                Ok(())
            }
            Entry::Refunded { order, pieces } => {
                self.order(*order)?.refunded += pieces;
                Ok(())
            }
            Entry::NothingDue { order, code } => self.nothing_due(*order, code),
            Entry::OrderCancelled { order } => {
                self.order(*order)?.cancelled = true;
                Ok(())
            }
            Entry::Credited { order, minor, by_shopify } => {
                self.credited(*order, *minor, *by_shopify)
            }
            Entry::Reverting { order, flow, code, credit, points, earned, cancels, refunds } => {
                let asked = orders::Reverting {
                    order: *order,
                    code: code.clone(),
                    credit: *credit,
                    points: *points,
                    earned: *earned,
                    cancels: *cancels,
                    replacement: None,
                    refunds: *refunds,
                    before: (0, 0),
                };
                self.reverting(*flow, asked)
            }
            _ => Ok(()),
        }
    }

    fn wish(&mut self, code: &str) -> Result<&mut Wish, Breach> {
        match self.wishes.get_mut(code) {
            Some(wish) => Ok(wish),
            None => broken("I2", format!("nobody asked for {code}")),
        }
    }

    fn flow(&mut self, flow: u128) -> Result<&mut Flow, Breach> {
        match self.flows.get_mut(&flow) {
            Some(flow) => Ok(flow),
            None => broken("I6", format!("flow {flow} was never begun")),
        }
    }
}
