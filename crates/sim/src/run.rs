//! One run: tasks on one thread, taken in random order, dropped at any pause; then healing, and
//! the demand that everything ends.

mod chaos;
mod own_orders;

use crate::{
    audit::{Auditor, Breach},
    backend::Backend,
    chance::Chance,
    diary::{Entry, Word},
    journal::{Journal, Picture},
    mutants::{self, Mutant},
    people::{DAILY_LIMIT, Desk, Office, STAFF_WAIT, VALID, Wish},
    script::{Script, Where},
    shared::{ReplicaClock, Shared},
    swarm::Swarm,
    world::{HORIZON, WINDOW, World},
};
use domain::{At, FlowId, ShopId};
use engine::{
    Engine, Observer,
    ports::{Clock, Peers, Ports, Recovery},
    store::{Event, Row},
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
    pub(crate) world: Arc<World>,
    replicas: Vec<Replica>,
    tasks: Vec<Task>,
    auditor: Auditor,
    read: usize,
    step: u32,
    /// A run that goes on after this is called endless.
    last_step: u32,
    keys: u64,
    begun: u64,
    /// Words of staff whose dialogs are still open: when each is given.
    dialogs: Vec<(At, Verdict)>,
    /// When the store was put back from a backup.
    restored_at: Option<At>,
    setup: Setup,
    report: Report,
}

type Went = Result<(), Failure>;
/// A person's word on a doubt: the flow's version as they saw it, and whether it was applied.
type Verdict = (FlowId, i64, bool);

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
            setup.mutant,
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
            dialogs: Vec::new(),
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
        if let Some(bundle) = self.shared.swarm.bundle {
            self.turn(bundle.name(), 0);
        }
        self.grant_credit();
        if self.shared.swarm.begins_later {
            self.earlier_days()?;
        }
        let rough_until = self.step + self.shared.swarm.rough_steps;
        while self.step < rough_until {
            self.rough_step()?;
        }
        self.heal();
        self.calm_down()?;
        // The first time it is given, the second time nothing is due.
        for _ in 0..2 {
            self.give_what_is_due();
            self.calm_down()?;
        }
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

    /// Some customers have coupons already, and some of these are used, when the trouble begins.
    fn earlier_days(&mut self) -> Went {
        self.shared.heal();
        for customer in 1..=CUSTOMERS {
            self.keys += 1;
            let points = self.shared.chance.one_of(&[100, 200]);
            let key = self.keys;
            self.press(Wish { key, customer, points, remembered: None, taken: false });
        }
        self.calm_down()?;
        let issued = self.office.picture().issued.clone();
        for coupon in &issued {
            if self.shared.chance.one_in(2) {
                self.redeem(coupon);
            }
        }
        self.calm_down()?;
        self.shared.begin_trouble();
        Ok(())
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
                verdicts.push((*id, seen.version, applied));
            }
        }
        for verdict in &verdicts {
            for _ in 0..if some { shared.chance.one_of(&[1, 1, 2]) } else { 1 } {
                self.say(*verdict);
            }
            let slow = shared.swarm.bundle.filter(|_| some);
            if let Some(span) = slow.and_then(|bundle| bundle.slow_word(&shared.chance)) {
                self.dialogs.push((now.plus(span), *verdict));
            }
        }
        !verdicts.is_empty()
    }

    fn say(&mut self, (id, version, applied): Verdict) {
        let seen = (self.setup.mutant != Mutant::VerdictOfBefore).then_some(version);
        let replica = self.any_replica();
        let desk = self.desk(replica);
        self.spawn(replica, desk.judge(id, seen, applied));
    }

    /// Somebody comes back to a dialog that was open all the while.
    fn answer_dialogs(&mut self) {
        let now = self.shared.now();
        for (_, verdict) in self.dialogs.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>() {
            self.say(verdict);
        }
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
            self.setup.backend.reopen(self.shared.now());
            self.office.picture().lives += 1;
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

    pub(crate) fn failure(&mut self, law: &'static str, what: String) -> Failure {
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
