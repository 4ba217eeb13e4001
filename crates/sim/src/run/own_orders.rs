//! Orders of other channels in a run: who places what, and what store credit there is.

use super::{CUSTOMERS, Run, Went};
use crate::own_orders::OwnOrder;
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

/// Store credit that each customer has: a lot that ends soon, and one that does not.
const LOTS: [(i64, Option<Duration>); 2] = [(300, Some(Duration::from_secs(7_200))), (400, None)];
/// What an order may be paid with; some is more than anybody has.
const CREDITS: [i64; 5] = [0, 0, 100, 350, 900];

impl Run {
    /// Every customer has some store credit.
    pub(crate) fn grant_credit(&self) {
        let books = &mut *self.world.books();
        for customer in 1..=CUSTOMERS {
            for (amount, lasts) in LOTS {
                let ends = lasts.map(|lasts| self.shared.now().plus(lasts));
                books.own_credit.grant(&self.shared, customer, amount, ends);
            }
        }
    }

    /// Staff type in an order, or once more one that was refused; some press twice.
    pub(super) fn place(&mut self) {
        let shared = Arc::clone(&self.shared);
        let chance = &shared.chance;
        let again = chance.one_in(4).then(|| self.some_own_order()).flatten();
        let own = again.unwrap_or_else(|| {
            let mut coupons = Vec::new();
            for _ in 0..chance.one_of(&[0, 1, 1, 2]) {
                coupons.extend(self.some_coupon());
            }
            coupons.sort_by(|a, b| a.terms.code.cmp(&b.terms.code));
            coupons.dedup();
            let customer =
                coupons.first().map_or(1 + chance.below(CUSTOMERS), |of| of.terms.customer.0);
            coupons.retain(|of| of.terms.customer.0 == customer);
            self.keys += 1;
            OwnOrder { order: self.keys, customer, coupons, credit: chance.one_of(&CREDITS) }
        });
        self.own_orders().push(own.clone());
        self.place_this(&own, chance.one_of(&[1, 1, 2]));
    }

    fn own_orders(&self) -> std::sync::MutexGuard<'_, Vec<OwnOrder>> {
        self.office.own_orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn place_this(&mut self, own: &OwnOrder, presses: usize) {
        self.keys += 1;
        let key = format!("place-{}", self.keys);
        for _ in 0..presses {
            let replica = self.any_replica();
            let desk = self.desk(replica);
            self.spawn(replica, desk.place(own.clone(), key.clone()));
        }
    }

    fn some_own_order(&self) -> Option<OwnOrder> {
        let orders = self.own_orders();
        (!orders.is_empty()).then(|| orders[self.shared.chance.index(orders.len())].clone())
    }

    /// Staff cancel such an order, or give its things back, whatever has become of it.
    pub(super) fn give_back_own(&mut self) {
        let shared = Arc::clone(&self.shared);
        if let Some(own) = self.some_own_order() {
            let things = !shared.chance.one_in(3);
            self.give_back_this(&own, things, shared.chance.one_of(&[1, 1, 2]));
        }
    }

    /// Staff re-open an order, or take again what came back with it.
    pub(super) fn reopen_own(&mut self) {
        let Some(own) = self.some_own_order() else { return };
        if self.shared.chance.one_in(2) {
            self.reopen_this(&own);
        } else {
            self.take_again(&own, self.shared.chance.one_of(&[1, 1, 2]));
        }
    }

    pub(crate) fn reopen_this(&mut self, own: &OwnOrder) {
        let replica = self.any_replica();
        let desk = self.desk(replica);
        self.spawn(replica, desk.reopen_own(own.clone()));
    }

    pub(crate) fn take_again(&mut self, own: &OwnOrder, presses: usize) {
        self.keys += 1;
        let key = format!("take-again-{}", self.keys);
        for _ in 0..presses {
            let replica = self.any_replica();
            let desk = self.desk(replica);
            self.spawn(replica, desk.take_again(own.clone(), key.clone()));
        }
    }

    /// The first customer spends nearly all points and all credit.
    pub(crate) fn spend_all(&self) {
        let (books, now) = (&mut *self.world.books(), self.shared.now());
        let points = books.till.balances.get(&1).map_or(0, |held| 100 - held);
        drop(books.till.move_points(&self.shared, now, 1, points, "SPEND-ALL"));
        let all = LOTS.iter().map(|(amount, _)| -amount).sum();
        drop(books.own_credit.move_credit(&self.shared, (now, 1), all, "SPEND-ALL", None));
    }

    /// Whatever went again, the next cancellation brings it back.
    pub(crate) fn cancelled_once_more(&mut self, own: &OwnOrder) -> Went {
        self.give_back_this(own, true, 1);
        self.calm_down()?;
        let back = self.office.picture().own.all_back(own);
        if back { Ok(()) } else { Err(self.failure("I2", "it does not come back".to_owned())) }
    }

    pub(crate) fn give_back_this(&mut self, own: &OwnOrder, things: bool, presses: usize) {
        self.keys += 1;
        let key = format!("give-back-{}", self.keys);
        for _ in 0..presses {
            let replica = self.any_replica();
            let desk = self.desk(replica);
            self.spawn(replica, desk.give_back_own(own.clone(), things, key.clone()));
        }
    }
}
