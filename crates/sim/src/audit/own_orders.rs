//! Orders of other channels: a coupon is dead before its order counts and is used in one place,
//! store credit is spent once for what counts and never for what does not, and no more of it comes
//! back than was spent.

use super::{Auditor, Breach, Flow, Verdict, Wish, broken, must, orders};
use crate::diary::{Entry, Word};

#[derive(Debug)]
pub(super) struct Own {
    flow: u128,
    pub customer: u64,
    codes: Vec<String>,
    /// Whether each of them lived when it began.
    lived: Vec<bool>,
    credit: i64,
    pub counted: bool,
    pub spent: i64,
    times: u32,
    pub back: i64,
}

/// What a flow does about such an order.
#[derive(Clone, Debug)]
pub(super) enum OwnAct {
    Placing { order: u64, codes: Vec<String> },
    Reverting { order: u64, codes: Vec<String>, credit: i64 },
    TakingAgain { order: u64, codes: Vec<String> },
}

impl Flow {
    /// It is an order's of another channel that takes the coupon.
    pub(super) fn takes(&self, code: &str) -> bool {
        match &self.own {
            Some(OwnAct::Placing { codes, .. }) => codes.iter().any(|of| of == code),
            _ => false,
        }
    }
}

impl Auditor {
    pub(super) fn read_of_own(&mut self, entry: &Entry) -> Verdict {
        match entry {
            Entry::Placing { order, flow, customer, codes, credit } => {
                self.placing((*order, *flow), *customer, codes, *credit)
            }
            Entry::Counted { order } => self.counted(*order),
            Entry::OwnReverting { order, flow, codes, credit, cancels } => {
                self.own_reverting((*order, *flow), codes, *credit, *cancels)
            }
            Entry::Reopened { order } => self.reopened(*order),
            Entry::TakingAgain { order, flow, codes, .. } => {
                self.taking_again((*order, *flow), codes)
            }
            Entry::OwnCredit { reference, customer, minor, balance, lots } => {
                let sum = self.own_balances.entry(*customer).or_default();
                *sum += minor;
                let sum = *sum;
                must(sum == *balance && sum == *lots && sum >= 0, "I1", || {
                    format!("{customer} has {balance} of {sum} after {reference}, {lots} in lots")
                })?;
                self.own_moved(reference, *customer, *minor)
            }
            _ => Ok(()),
        }
    }

    /// An order of another channel takes the coupon at this moment.
    pub(super) fn own_busy(&self, code: &str) -> bool {
        self.own.values().any(|own| {
            let word = self.flows.get(&own.flow).map(|flow| flow.word);
            let open = matches!(word, Some(Word::Processing | Word::Confirming));
            open && own.codes.iter().any(|of| of == code)
        })
    }

    pub(super) fn own(&mut self, order: u64) -> Result<&mut Own, Breach> {
        match self.own.get_mut(&order) {
            Some(own) => Ok(own),
            None => broken("I2", format!("order {order} of another channel was never begun")),
        }
    }

    fn placing(
        &mut self,
        (order, flow): (u64, u128),
        customer: u64,
        codes: &[String],
        credit: i64,
    ) -> Verdict {
        if let Some(before) = self.own.get(&order).map(|own| own.flow) {
            let failed = self.flow(before)?.word == Word::Failed;
            must(failed, "I3", || format!("order {order} is placed twice"))?;
        }
        let mut lived = Vec::new();
        for code in codes {
            let busy = self.flows.values().any(|other| {
                let of_code = other.code == *code && other.reverts.is_none();
                of_code && matches!(other.word, Word::Processing | Word::Confirming)
            });
            must(!busy, "I4", || format!("two acts on {code} at once"))?;
            let twice = self.own.iter().any(|(other, own)| {
                let over = self.flows.get(&own.flow).is_some_and(|of| of.word == Word::Failed);
                *other != order && own.codes.contains(code) && !over
            });
            must(!twice, "I4", || format!("{code} is in two orders"))?;
            let wish = self.wish(code)?;
            must(wish.paid() == 1, "I2", || format!("order {order}: {code} was never paid"))?;
            lived.push(wish.should_live);
        }
        let (codes, taken) = (codes.to_vec(), codes.to_vec());
        let (counted, spent, times, back) = (false, 0, 0, 0);
        let own = Own { flow, customer, codes, lived, credit, counted, spent, times, back };
        self.own.insert(order, own);
        self.open_own(flow, order, OwnAct::Placing { order, codes: taken })
    }

    fn counted(&mut self, order: u64) -> Verdict {
        let own = self.own(order)?;
        let paid = own.spent == own.credit && own.times == u32::from(own.credit > 0);
        let (spent, codes) = (own.spent, own.codes.clone());
        own.counted = true;
        must(paid, "I2", || format!("order {order} counts, and {spent} of its credit are spent"))?;
        for code in &codes {
            self.dead(order, code)?;
            let wish = self.wish(code)?;
            (wish.counted_in, wish.should_live) = (Some(order), false);
            wish.should_say = Some("used");
        }
        self.orders.insert(order, orders::Order::of(0, 1, 0));
        Ok(())
    }

    /// Nobody can use it at Shopify any more, and nobody has, as far as Shopify tells.
    fn dead(&mut self, order: u64, code: &str) -> Verdict {
        let wish = self.wish(code)?;
        must(!wish.alive, "I4", || format!("order {order} takes {code}, which lives"))?;
        let used = wish.redeemed && !wish.blind;
        must(!used, "I4", || format!("order {order} takes {code}, which another order used"))
    }

    /// A spending left for the book.
    pub(super) fn own_sent(&mut self, order: &str) -> Verdict {
        let Ok(number) = order.parse() else {
            return broken("I2", format!("CREDIT-{order} is nothing that is ever sent"));
        };
        let codes = self.own(number)?.codes.clone();
        codes.iter().try_for_each(|code| self.dead(number, code))
    }

    fn own_moved(&mut self, reference: &str, customer: u64, minor: i64) -> Verdict {
        if let Some(order) = reference.strip_prefix("CREDIT-") {
            let Ok(order) = order.parse() else {
                return broken("I2", format!("{reference} is no reference"));
            };
            let own = self.own(order)?;
            own.times += 1;
            own.spent -= minor;
            let (times, codes, flow) = (own.times, own.codes.clone(), own.flow);
            let as_asked = own.customer == customer && own.credit == -minor;
            must(times == 1, "I3", || format!("{reference} was spent {times} times"))?;
            must(as_asked, "I1", || format!("{reference}: {minor} of customer {customer}"))?;
            for code in &codes {
                self.dead(order, code)?;
            }
            let failed = self.flow(flow)?.word == Word::Failed;
            return must(!failed, "I7", || format!("{reference} was spent after «failed»"));
        }
        if let Some(of_order) = reference.strip_prefix("REOPEN-") {
            return self.credit_went_again(of_order, customer, minor);
        }
        let Some(of_order) = reference.strip_prefix("ORDER-") else { return Ok(()) };
        let Some(Ok(order)) = of_order.split_once('-').map(|(order, _)| order.parse()) else {
            return broken("I2", format!("{reference} is no reference"));
        };
        let own = self.own(order)?;
        own.back += minor;
        let (back, spent) = (own.back, own.spent);
        must(back <= spent, "I3", || format!("{back} of order {order} came back of {spent}"))?;
        let cancelled = self.order(order)?.cancelled;
        must(cancelled, "I7", || format!("order {order} stands, and its credit is back"))
    }

    fn own_reverting(
        &mut self,
        (order, flow): (u64, u128),
        codes: &[String],
        credit: i64,
        cancels: bool,
    ) -> Verdict {
        let counted = self.own(order)?.counted;
        must(counted, "I2", || format!("order {order} comes back, and never counted"))?;
        let cancelled = self.order(order)?.cancelled;
        must(cancels || cancelled, "I7", || format!("order {order} stands, and comes back"))?;
        self.open_own(flow, order, OwnAct::Reverting { order, codes: codes.to_vec(), credit })
    }

    /// Somebody is told how it ended.
    pub(super) fn own_told(&mut self, act: &OwnAct, done: bool) -> Verdict {
        match act {
            OwnAct::Placing { order, .. } if done => {
                let counted = self.own(*order)?.counted;
                must(counted, "I7", || format!("order {order} is placed, and does not count"))
            }
            OwnAct::Placing { order, .. } => {
                let own = self.own(*order)?;
                let nothing = own.times == 0 && !own.counted;
                let coupons: Vec<_> =
                    own.codes.iter().cloned().zip(own.lived.iter().copied()).collect();
                must(nothing, "I7", || format!("order {order} failed, and credit is spent"))?;
                for (code, lived) in coupons {
                    let wish = self.wish(&code)?;
                    let as_before = wish.alive == lived || wish.redeemed;
                    if wish.redeemed && !wish.alive {
                        (wish.should_live, wish.should_say) = (false, Some("used"));
                    }
                    must(as_before, "I7", || format!("order {order} failed, and {code} is dead"))?;
                }
                Ok(())
            }
            OwnAct::TakingAgain { order, codes } => self.taken_again(*order, codes, done),
            OwnAct::Reverting { order, codes, credit } => {
                must(done, "I7", || format!("order {order}: failed without a cause"))?;
                let cancelled = self.order(*order)?.cancelled;
                must(cancelled, "I7", || format!("order {order} is told as cancelled"))?;
                for code in codes {
                    let wish = self.wish(code)?;
                    let all = wish.reverted == wish.points;
                    must(all, "I7", || format!("order {order} is done, {code} is not back"))?;
                }
                let own = self.own(*order)?;
                let back = *credit == 0 || (own.back == own.spent && own.back == *credit);
                must(back, "I7", || format!("order {order} is done, its credit is not back"))
            }
        }
    }

    /// Of this coupon's points, what reversals of such orders promised and are done with.
    pub(super) fn own_promised(&self, code: &str) -> i64 {
        let done = self.flows.values().filter(|flow| flow.word == Word::Done);
        let with = done.filter(|flow| match &flow.own {
            Some(OwnAct::Reverting { codes, .. }) => codes.iter().any(|of| of == code),
            _ => false,
        });
        let points = self.wishes.get(code).map_or(0, |wish| wish.points);
        with.map(|_| points).sum::<i64>() + self.gone_again(code)
    }

    /// At the end: what counts is paid, what does not is not, and whoever had a coupon used in two
    /// places is told.
    pub(super) fn own_orders_agree(&self) -> Verdict {
        for (order, own) in &self.own {
            let due = if own.counted { own.credit } else { 0 };
            must(own.spent == due, "I2", || {
                format!("order {order} counts: {}, and {} are spent", own.counted, own.spent)
            })?;
            let promised = self.flows.values().any(|flow| match flow.own {
                Some(OwnAct::Reverting { order: of, credit, .. }) => of == *order && credit > 0,
                _ => false,
            });
            must(own.back == 0 || promised, "I2", || {
                format!("order {order}: credit came back that nobody promised")
            })?;
            for code in &own.codes {
                let here = |wish: &Wish| wish.redeemed && wish.counted_in == Some(*order);
                let twice = self.wishes.get(code).is_some_and(here);
                must(!twice || self.reviewed(code, "used_twice"), "I4", || {
                    format!("{code} was used twice, and nobody is told")
                })?;
            }
        }
        Ok(())
    }
}
