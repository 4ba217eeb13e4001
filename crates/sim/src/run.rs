//! One run: tasks on one thread, taken in random order, dropped at any pause; then healing, and
//! the demand that everything ends.

use crate::{
    audit::{Auditor, Breach},
    backend::Backend,
    chance::Chance,
    diary::{Entry, Word},
    journal::{Journal, Picture},
    mutants::{self, Mutant},
    people::{DAILY_LIMIT, Delivery, Desk, Do, Office, STAFF_WAIT, VALID, Wish},
    script::{Script, Where},
    shared::{ReplicaClock, Shared},
    swarm::Swarm,
    world::{HORIZON, WINDOW, World},
};
use domain::{At, Coupon, ShopId};
use engine::{
    Engine, Observer,
    ports::{Clock, Peers, Ports, Recovery},
    store::{Event, Request, Row},
};
use futures::task::noop_waker_ref;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::Context,
    time::Duration,
};

const CUSTOMERS: u64 = 3;
/// After healing, no run takes so many steps.
const LONGEST_CALM: u32 = 20_000;

/// What a run is made of, beside its seed.
pub struct Setup {
    pub mutant: Mutant,
    pub backend: Arc<dyn Backend>,
    /// Keep the trace's text.
    pub trace: bool,
}

/// What one run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub flows: u64,
    pub done: u64,
    pub failed: u64,
    /// Flows that waited for a person before they ended.
    pub parked: u64,
    pub steps: u32,
    pub trace: String,
}

/// A run that broke a law.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("step {step}: {}: {}", breach.law, breach.what)]
pub struct Failure {
    pub step: u32,
    pub breach: Breach,
    pub trace: String,
}

struct OneShop(Peers);

impl Ports for OneShop {
    fn of(&self, _: &ShopId) -> Option<&Peers> {
        Some(&self.0)
    }
}

/// The journal's diary says it all.
struct Deaf;

impl Observer for Deaf {
    fn committed(&self, _: &Row, _: &Event, _: At) {}
    fn performed(&self, _: &ShopId, _: &'static str, _: &'static str, _: Duration) {}
}

struct Task {
    replica: usize,
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
}

struct Replica {
    desk: Arc<Desk>,
    clock: Arc<ReplicaClock>,
    asleep_until: Option<At>,
}

pub(crate) struct Run {
    pub(crate) shared: Arc<Shared>,
    pub(crate) office: Arc<Office>,
    world: Arc<World>,
    replicas: Vec<Replica>,
    tasks: Vec<Task>,
    auditor: Auditor,
    read: usize,
    step: u32,
    /// A run that goes on after this is called endless.
    last_step: u32,
    keys: u64,
    begun: u64,
    /// When the store was put back from a backup.
    restored_at: Option<At>,
    setup: Setup,
    report: Report,
}

type Went = Result<(), Failure>;

impl Run {
    pub(crate) fn new(
        setup: Setup,
        chance: Chance,
        swarm: Swarm,
        recovery: Recovery,
        script: Option<Script>,
    ) -> Self {
        let valid = if script.is_some() { VALID[0] } else { chance.one_of(&VALID) };
        let balances: BTreeMap<u64, i64> = (1..=CUSTOMERS).map(|id| (id, 1_000)).collect();
        let count = swarm.replicas;
        let shared = Arc::new(Shared::new(chance, swarm, script));
        let world = Arc::new(World::new(Arc::clone(&shared), recovery, balances.clone()));
        let picture = Arc::new(Mutex::new(Picture::default()));
        let office = Arc::new(Office::new(
            Arc::clone(&shared),
            Arc::clone(&world),
            Arc::clone(&setup.backend),
            Arc::clone(&picture),
            valid,
        ));
        let trusted = mutants::peers(setup.mutant, &world).points.recovery();
        let keyed = matches!(trusted, Recovery::Replay { .. });
        let mut run = Self {
            shared,
            office,
            world,
            replicas: Vec::new(),
            tasks: Vec::new(),
            auditor: Auditor::new(keyed, DAILY_LIMIT, balances),
            read: 0,
            step: 0,
            last_step: LONGEST_CALM,
            keys: 0,
            begun: 0,
            restored_at: None,
            setup,
            report: Report::default(),
        };
        run.replicas = (0..count).map(|_| run.replica()).collect();
        run
    }

    fn replica(&self) -> Replica {
        let clock = Arc::new(ReplicaClock::new(&self.shared));
        let mutant = self.setup.mutant;
        let store = mutants::below(mutant, self.setup.backend.store());
        let journal = Journal {
            inner: store,
            shared: Arc::clone(&self.shared),
            picture: Arc::clone(&self.office.picture),
        };
        let engine = Engine {
            store: mutants::above(mutant, Arc::new(journal), &self.office),
            ports: Arc::new(OneShop(mutants::peers(mutant, &self.world))),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            observer: Arc::new(Deaf),
            restored_at: self.restored_at,
        };
        let office = Arc::clone(&self.office);
        let desk = Arc::new(Desk { engine, office, claimed: Mutex::default() });
        Replica { desk, clock, asleep_until: None }
    }

    /// The whole of a random run.
    pub(crate) fn all(mut self) -> Result<Report, Failure> {
        let rough_steps = self.shared.swarm.rough_steps;
        while self.step < rough_steps {
            self.rough_step()?;
        }
        self.heal();
        self.calm_down()?;
        self.everybody_can_convert_again()?;
        Ok(self.finish())
    }

    /// What was counted, once all is over.
    pub(crate) fn finish(mut self) -> Report {
        for seen in self.office.picture().flows.values() {
            self.report.flows += 1;
            match seen.word {
                Word::Done => self.report.done += 1,
                _ => self.report.failed += 1,
            }
        }
        self.report.steps = self.step;
        self.report
    }

    fn heal(&mut self) {
        self.shared.heal();
        for replica in &mut self.replicas {
            replica.clock.mend();
            replica.asleep_until = None;
        }
    }

    /// Whether calls are counted and faults of the script happen.
    pub(crate) fn arm(&self, armed: bool) {
        if let Some(mut script) = self.shared.script() {
            script.armed = armed;
        }
    }

    /// Where the calls went that were counted.
    pub(crate) fn calls(&self) -> Vec<Where> {
        self.shared.script().map(|script| script.calls.clone()).unwrap_or_default()
    }

    /// The auditor reads what is new.
    fn check(&mut self) -> Went {
        let diary = self.shared.diary();
        for entry in &diary[self.read..] {
            if self.setup.trace {
                let _ = writeln!(self.report.trace, "{:>5} {entry}", self.step);
            }
            if let Entry::Parked { parked: true, .. } = entry {
                self.report.parked += 1;
            }
            if let Err(breach) = self.auditor.read(entry) {
                let trace = std::mem::take(&mut self.report.trace);
                return Err(Failure { step: self.step, breach, trace });
            }
        }
        self.read = diary.len();
        Ok(())
    }

    pub(crate) fn spawn(
        &mut self,
        replica: usize,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        self.tasks.push(Task { replica, future: Box::pin(task) });
    }

    pub(crate) fn desk(&self, replica: usize) -> Arc<Desk> {
        Arc::clone(&self.replicas[replica].desk)
    }

    fn any_replica(&self) -> usize {
        self.shared.chance.index(self.replicas.len())
    }

    fn turn(&self, what: &'static str, number: u64) {
        self.shared.note(Entry::Turn { what, number });
    }

    fn rough_step(&mut self) -> Went {
        self.step += 1;
        self.misfortune();
        self.customers();
        let which = self.any_replica();
        if self.shared.chance.one_in(8) && self.awake(which) {
            let desk = self.desk(which);
            self.spawn(which, desk.claim(4));
        }
        self.poll_one();
        self.check()
    }

    fn awake(&self, replica: usize) -> bool {
        self.replicas[replica].asleep_until.is_none()
    }

    /// Death, sleep, and clocks.
    fn misfortune(&mut self) {
        let (shared, which) = (Arc::clone(&self.shared), self.any_replica());
        let (chance, swarm) = (&shared.chance, &shared.swarm);
        // Time goes by in any case, and fast while somebody sleeps through it.
        let asleep = self.replicas.iter().any(|replica| replica.asleep_until.is_some());
        shared.advance(Duration::from_millis(chance.below(if asleep { 30_000 } else { 400 })));
        if chance.one_in(swarm.time_leaps) {
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
            self.setup.backend.reopen();
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
    fn dies(&mut self, replica: usize) {
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
        if chance.one_in(40) {
            self.staff_decide(true);
        }
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

    fn some_coupon(&self) -> Option<Coupon> {
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
        let order = format!("#{}", self.keys);
        let code = coupon.terms.code.as_str();
        let used = self.world.books().shopify.redeem(&self.shared, code, &order);
        if used.is_some() {
            let at = self.shared.now().plus(Duration::from_secs(self.shared.chance.below(120)));
            self.office.deliveries().push((Delivery { coupon: coupon.clone(), order }, at));
        }
    }

    fn act(&mut self) {
        let Some(coupon) = self.some_coupon() else { return };
        let chance = &self.shared.chance;
        let what = match chance.below(8) {
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

    /// Webhooks that are due are sent, and sent again until they are acknowledged.
    fn deliver(&mut self) {
        let now = self.shared.now();
        let mut due = Vec::new();
        for (delivery, at) in self.office.deliveries().iter_mut().filter(|(_, at)| *at <= now) {
            *at = now.plus(Duration::from_secs(60 + self.shared.chance.below(600)));
            due.push(delivery.clone());
        }
        for delivery in due {
            for _ in 0..self.shared.chance.one_of(&[1, 1, 2]) {
                let replica = self.any_replica();
                let desk = self.desk(replica);
                self.spawn(replica, desk.hear(delivery.clone()));
            }
        }
    }

    /// Staff look into the till's own books, some time after the case came to them. `some`: not
    /// everything at once, and now and then two of them the same. False where nothing waits.
    fn staff_decide(&mut self, some: bool) -> bool {
        let shared = Arc::clone(&self.shared);
        let now = shared.now();
        let mut verdicts = Vec::new();
        for (id, seen) in &self.office.picture().flows {
            let (Some(since), Some(reference)) = (seen.parked, &seen.reference) else { continue };
            if now.since(since) < STAFF_WAIT || (some && shared.chance.one_in(2)) {
                continue;
            }
            if let Some(applied) = self.world.moved(reference) {
                verdicts.push((*id, applied));
            }
        }
        for (id, applied) in &verdicts {
            for _ in 0..if some { shared.chance.one_of(&[1, 1, 2]) } else { 1 } {
                let replica = self.any_replica();
                let desk = self.desk(replica);
                self.spawn(replica, desk.judge(*id, *applied));
            }
        }
        !verdicts.is_empty()
    }

    /// Takes one task of a replica that is awake as far as its next pause.
    fn poll_one(&mut self) {
        let awake: Vec<bool> = (0..self.replicas.len()).map(|which| self.awake(which)).collect();
        let ready = self.tasks.iter().filter(|task| awake[task.replica]).count();
        if ready == 0 {
            return;
        }
        let nth = self.shared.chance.index(ready);
        let mut candidates = self.tasks.iter().enumerate().filter(|(_, task)| awake[task.replica]);
        if let Some((which, _)) = candidates.nth(nth) {
            self.poll(which);
        }
    }

    fn poll(&mut self, which: usize) {
        let mut context = Context::from_waker(noop_waker_ref());
        let replica = self.tasks[which].replica;
        if self.tasks[which].future.as_mut().poll(&mut context).is_ready() {
            drop(self.tasks.swap_remove(which));
        }
        let died = self.shared.script().is_some_and(|mut script| std::mem::take(&mut script.dies));
        if died {
            self.dies(replica);
            self.setup.backend.reopen();
        }
        let claimed = std::mem::take(
            &mut *self.replicas[replica]
                .desk
                .claimed
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for row in claimed {
            let desk = self.desk(replica);
            self.spawn(replica, desk.go_on(row));
        }
    }

    /// Whatever is under way goes on until it waits or ends.
    pub(crate) fn finish_tasks(&mut self) -> Went {
        while !self.tasks.is_empty() {
            self.step += 1;
            if self.step > self.last_step {
                return Err(self.failure("I5", "it never ends".to_owned()));
            }
            self.poll_one();
            self.check()?;
        }
        Ok(())
    }

    /// Nothing goes wrong any more: everything must end.
    pub(crate) fn calm_down(&mut self) -> Went {
        self.last_step = self.step + LONGEST_CALM;
        loop {
            self.finish_tasks()?;
            if !self.what_comes_next() {
                self.shared.note(Entry::Stalled);
                self.check()?;
                self.shared.advance(STAFF_WAIT);
                if !self.staff_decide(false) {
                    break;
                }
            }
        }
        self.shared.note(Entry::Quiet);
        self.check()
    }

    fn failure(&mut self, law: &'static str, what: String) -> Failure {
        let trace = std::mem::take(&mut self.report.trace);
        Failure { step: self.step, breach: Breach { law, what }, trace }
    }

    /// Time goes on to whatever is due. False where nothing ever comes.
    fn what_comes_next(&mut self) -> bool {
        let due = self.office.picture().next_due();
        let delivery = self.office.deliveries().iter().map(|(_, at)| *at).min();
        let Some(at) = [due, delivery, self.world.next_late()].into_iter().flatten().min() else {
            return false;
        };
        self.shared.advance(at.since(self.shared.now()));
        self.world.arrive();
        self.deliver();
        if due.is_some_and(|due| due <= self.shared.now()) {
            let replica = self.any_replica();
            let desk = self.desk(replica);
            self.spawn(replica, desk.claim(64));
        }
        true
    }

    /// Nothing that is over holds points, a day or a doubt back: on another day, with points,
    /// everybody's wish is met.
    pub(crate) fn everybody_can_convert_again(&mut self) -> Went {
        self.shared.advance(Duration::from_secs(3 * 86_400));
        for customer in 1..=CUSTOMERS {
            self.keys += 1;
            let (reference, key) = (format!("SPEND-{}", self.keys), self.keys);
            {
                let books = &mut *self.world.books();
                drop(books.till.move_points(
                    &self.shared,
                    self.shared.now(),
                    customer,
                    700,
                    &reference,
                ));
            }
            self.press(Wish { key, customer, points: 700, remembered: None, taken: false });
        }
        let before = self.office.picture().issued.len();
        self.calm_down()?;
        let met = self.office.picture().issued.len() - before;
        if met as u64 == CUSTOMERS {
            return Ok(());
        }
        Err(self.failure("I5", format!("only {met} of {CUSTOMERS} customers can convert again")))
    }
}

/// How the till of this run lets a doubt be settled.
pub(crate) fn draw_recovery(chance: &Chance) -> Recovery {
    match chance.below(3) {
        0 => Recovery::Replay { window: WINDOW },
        1 => Recovery::Review,
        _ => Recovery::LookUp { horizon: HORIZON },
    }
}
