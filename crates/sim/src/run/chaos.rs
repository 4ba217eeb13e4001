//! The rough part of a run: what goes wrong, and what customers and staff do meanwhile.

use super::{CUSTOMERS, Run, Went};
use crate::{
    bundle::Bundle,
    mutants::Mutant,
    people::{Delivery, Do, Placed, Wish},
};
use domain::Coupon;
use engine::store::Request;
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

impl Run {
    pub(super) fn rough_step(&mut self) -> Went {
        self.step += 1;
        self.misfortune();
        self.customers();
        let which = self.any_replica();
        if self.shared.chance.one_in(8) && self.awake(which) {
            let desk = self.desk(which);
            self.spawn(which, desk.claim(4));
        }
        for _ in 0..self.shared.swarm.bundle.map_or(1, |_| Bundle::POLLS) {
            self.poll_one();
        }
        self.check()
    }

    pub(super) fn awake(&self, replica: usize) -> bool {
        self.replicas[replica].asleep_until.is_none()
    }

    /// Death, sleep, and clocks.
    fn misfortune(&mut self) {
        let (shared, which) = (Arc::clone(&self.shared), self.any_replica());
        let (chance, swarm) = (&shared.chance, &shared.swarm);
        // Time goes by in any case, and fast while somebody sleeps through it.
        let asleep = self.replicas.iter().any(|replica| replica.asleep_until.is_some());
        shared.advance(Duration::from_millis(chance.below(if asleep { 30_000 } else { 400 })));
        // Where a bundle is, what is under way comes to something first.
        let leaps = swarm.bundle.is_none() || self.tasks.is_empty();
        if leaps && chance.one_in(swarm.time_leaps) {
            let leap = chance.below(u64::try_from(swarm.leap.as_millis()).unwrap_or(0));
            self.turn("time leaps by ms", leap);
            shared.advance(Duration::from_millis(leap));
        }
        if chance.one_in(swarm.task_dies) && !self.tasks.is_empty() {
            let task = self.tasks.swap_remove(chance.index(self.tasks.len()));
            self.turn("a task dies on replica", task.replica as u64);
        }
        if chance.one_in(swarm.replica_dies) {
            self.dies(which);
        }
        if chance.one_in(swarm.all_die) {
            if swarm.restores {
                // From a backup of this very moment: what it forgot, nobody can tell.
                self.restored_at = Some(shared.now());
            }
            for replica in 0..self.replicas.len() {
                self.dies(replica);
            }
            self.setup.backend.reopen(self.shared.now());
            self.office.picture().lives += 1;
        }
        if chance.one_in(swarm.clock_jumps) {
            self.turn("clock jumps on replica", which as u64);
            self.replicas[which].clock.jump();
        }
        if chance.one_in(swarm.replica_sleeps) && self.awake(which) {
            let span = Duration::from_secs(chance.one_of(&[30, 100, 900, 1_800]));
            self.turn("sleeps: replica", which as u64);
            self.replicas[which].asleep_until = Some(shared.now().plus(span));
            if self.setup.mutant == Mutant::ClockStandsStill {
                self.replicas[which].clock.lose(span);
            }
        }
        self.wake_sleepers();
        self.world.arrive();
        self.deliver();
    }

    fn wake_sleepers(&mut self) {
        let now = self.shared.now();
        for replica in &mut self.replicas {
            if replica.asleep_until.is_some_and(|until| until <= now) {
                replica.asleep_until = None;
            }
        }
    }

    /// The process ends: its tasks are dropped where they stand.
    pub(super) fn dies(&mut self, replica: usize) {
        self.turn("dies: replica", replica as u64);
        self.tasks.retain(|task| task.replica != replica);
        self.replicas[replica] = self.replica();
    }

    /// Customers and staff do what they like.
    fn customers(&mut self) {
        let shared = Arc::clone(&self.shared);
        let (chance, swarm) = (&shared.chance, &shared.swarm);
        if self.begun < swarm.wishes && chance.one_in(16) {
            self.begun += 1;
            self.wish();
        }
        if chance.one_in(swarm.spends) {
            self.spend();
        }
        if chance.one_in(swarm.redeems)
            && let Some(coupon) = self.some_coupon()
        {
            self.redeem(&coupon);
        }
        if chance.one_in(swarm.acts) {
            self.act();
        }
        if chance.one_in(swarm.reversals) {
            self.revert(swarm.bundle.is_some_and(Bundle::replaces));
        }
        if chance.one_in(swarm.refunds) {
            self.refund();
        }
        if chance.one_in(swarm.places) {
            self.place();
        }
        if chance.one_in(swarm.own_reversals) {
            self.give_back_own();
        }
        if chance.one_in(swarm.reopens) {
            self.reopen_own();
        }
        if chance.one_in(40) {
            self.staff_decide(true);
        }
        self.answer_dialogs();
    }

    /// One customer's wish, with a press or several, on any replica.
    fn wish(&mut self) {
        let shared = Arc::clone(&self.shared);
        let chance = &shared.chance;
        self.keys += 1;
        let customer = 1 + chance.below(CUSTOMERS);
        let wish = Wish {
            key: self.keys,
            customer,
            points: chance.one_of(&[100, 200, 300, 500]),
            remembered: chance.one_of(&[None, Some(1_000), Some(500)]),
            taken: chance.one_in(60),
        };
        for _ in 0..chance.one_of(&[1, 1, 2, 3]) {
            self.press(wish);
        }
    }

    pub(crate) fn press(&mut self, wish: Wish) {
        let replica = self.any_replica();
        let desk = self.desk(replica);
        self.spawn(replica, desk.convert(wish));
    }

    pub(super) fn some_coupon(&self) -> Option<Coupon> {
        let picture = self.office.picture();
        let issued = &picture.issued;
        (!issued.is_empty()).then(|| issued[self.shared.chance.index(issued.len())].clone())
    }

    /// A customer pays with points at the till itself, or earns some.
    fn spend(&mut self) {
        let chance = &self.shared.chance;
        let (customer, points) = (1 + chance.below(CUSTOMERS), chance.one_of(&[-300, -700, 600]));
        self.keys += 1;
        let reference = format!("SPEND-{}", self.keys);
        let books = &mut *self.world.books();
        drop(books.till.move_points(&self.shared, self.shared.now(), customer, points, &reference));
    }

    /// A customer uses a coupon that was issued, whatever has become of it.
    pub(crate) fn redeem(&mut self, coupon: &Coupon) {
        self.keys += 1;
        let order = self.keys.to_string();
        let code = coupon.terms.code.as_str();
        let used = self.world.books().shopify.redeem(&self.shared, code, &order);
        if used.is_some() {
            let (number, customer) = (self.keys, coupon.terms.customer.0);
            {
                let books = &mut *self.world.books();
                let credit = self.shared.chance.one_in(2);
                books.orders.place(&self.shared, number, customer, credit);
                if self.shared.chance.one_in(3) {
                    // Its payment ran out, or somebody cancels it at Shopify.
                    books.orders.begin_job(&self.shared, number);
                }
            }
            let placed = Placed { order: number, coupon: coupon.clone() };
            self.office.orders.lock().unwrap_or_else(PoisonError::into_inner).push(placed);
            let at = self.shared.now().plus(Duration::from_secs(self.shared.chance.below(120)));
            self.office.deliveries().push((Delivery { coupon: coupon.clone(), order }, at));
        }
    }

    fn some_order(&self) -> Option<Placed> {
        let orders = self.office.orders.lock().unwrap_or_else(PoisonError::into_inner);
        (!orders.is_empty()).then(|| orders[self.shared.chance.index(orders.len())].clone())
    }

    /// Somebody refunds some of an order at Shopify.
    pub(crate) fn refund(&mut self) {
        if let Some(placed) = self.some_order() {
            let books = &mut *self.world.books();
            books.orders.work(&self.shared);
            books.orders.refund(&self.shared, placed.order);
        }
    }

    /// Of every order that stands, what its refunds make due.
    pub(super) fn give_what_is_due(&mut self) {
        let orders = self.office.orders.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for placed in orders {
            self.keys += 1;
            let key = format!("due-{}", self.keys);
            let replica = self.any_replica();
            let desk = self.desk(replica);
            self.spawn(replica, desk.revert(placed, key, true, false));
        }
    }

    /// Staff give an order's things back, whatever has become of it; some press twice.
    /// `replace`: they want a new coupon.
    pub(crate) fn revert(&mut self, replace: bool) {
        let Some(placed) = self.some_order() else { return };
        self.keys += 1;
        let key = format!("revert-{}", self.keys);
        for _ in 0..self.shared.chance.one_of(&[1, 1, 2]) {
            let replica = self.any_replica();
            let desk = self.desk(replica);
            self.spawn(replica, desk.revert(placed.clone(), key.clone(), false, replace));
        }
    }

    fn act(&mut self) {
        let Some(coupon) = self.some_coupon() else { return };
        let chance = &self.shared.chance;
        let what = match chance.below(self.shared.swarm.bundle.map_or(8, Bundle::acts)) {
            0..=2 => Do::Cancel { by_owner: chance.one_in(2), notify: chance.one_in(2) },
            3 | 4 => Do::Hold,
            5 => Do::Release,
            6 => Do::Confirm { refund: chance.one_in(2) },
            _ => Do::Expire,
        };
        self.keys += 1;
        let key = format!("act-{}", self.keys);
        let presses = self.shared.chance.one_of(&[1, 1, 2]);
        for _ in 0..presses {
            self.do_to(coupon.clone(), what, Some(&key));
        }
    }

    pub(crate) fn do_to(&mut self, coupon: Coupon, what: Do, key: Option<&str>) {
        let request = key.map(|key| Request { key: key.to_owned(), fingerprint: "f".to_owned() });
        let replica = self.any_replica();
        let desk = self.desk(replica);
        self.spawn(replica, desk.act(coupon, what, request));
    }
}
