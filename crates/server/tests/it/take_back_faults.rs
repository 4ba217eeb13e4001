//! What came back of an order that was re-opened is taken again while calls break and the process
//! dies: once, or surely not; never below zero; and cancelled again it comes back once more.

use crate::{
    cancellations::all_well,
    crashes::Dying,
    own_orders_faults::{HELD, book, peers, placing, seed, sqlite},
    postgres::Postgres,
    support::{FAULTS, Till, World, engine, issued, open_at, settle},
};
use anyhow::Context;
use domain::{
    Actor, Coupon, CustomerId, Flow, Money, OrderId, PosId, Problem, Reversal,
    reversal::{Again, Cancel, Expiry, Item, Outcome, State, Terms, Why},
};
use engine::{
    Engine, LEASE,
    ports::{Clock, PointsBook},
    store::{Begun, Guard, Row, Start, Store},
};
use iso_currency::Currency;
use serde_json::json;
use server::{
    clock::SystemClock,
    ids,
    store::{
        Database, Journal, Location, audit, order_lists,
        orders::{self, Status},
    },
};
use std::{
    sync::{Arc, atomic::AtomicI32},
    time::Duration,
};
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_secs(90);
const POINTS: i64 = 500;
/// What the demo customer has at the till.
const BALANCE: i64 = 1_250;

/// What is not a fault of a call's: the customer has spent what came back.
const SPENT: &str = "spent";

/// An order of 500 points and credit that was cancelled, gave back and was re-opened.
struct Case {
    world: World,
    database: Database,
    journal: Arc<dyn Store>,
    well: Engine,
    coupon: Coupon,
    order: OrderId,
}

/// What both books moved.
#[derive(Debug, PartialEq, Eq)]
struct Truth {
    taken: Vec<i64>,
    back: Vec<i64>,
    balance: i64,
    credit: i64,
}

fn reversal(order: &OrderId, cancel: bool, again: bool, items: Vec<Item>) -> Start {
    let now = SystemClock.now();
    let reason = "Paid after all".to_owned();
    let here = Cancel { reason: Why::Customer, restock: true, note: None, here: true };
    let terms = Terms {
        shop: "main".into(),
        customer: CustomerId(12345),
        order: order.clone(),
        name: "#7".to_owned(),
        placed_at: now,
        by: Actor::Staff { id: 1, name: "Sato".to_owned() },
        cancel: cancel.then_some(here),
        refunds: false,
        again: again.then_some(Again { reason }),
        items,
        reverts_by: now,
        notify: false,
        at: now,
    };
    Start {
        id: ids::flow(now),
        flow: Flow::Reversal(Box::new(Reversal::accept(terms))),
        request: None,
        guard: Guard::Revert,
        now,
        lease_until: now.plus(LEASE),
    }
}

fn credit() -> Money {
    Money { minor: HELD, currency: Currency::JPY }
}

impl Case {
    async fn open(location: &Location) -> anyhow::Result<Self> {
        let world = World::start(Till::LookUp).await?;
        let database = open_at(location).await?;
        let journal: Arc<dyn Store> = Arc::new(Journal::new(database.clone()));
        let well = engine(Arc::clone(&journal), peers(&world, &database));
        let coupon = issued(&well).await?;
        seed(&database).await?;
        let order = OrderId::from("ginza.7");
        let case = Self { world, database, journal, well, coupon, order };
        case.run(placing(case.coupon.clone(), HELD)).await?;
        case.run(reversal(&case.order, true, false, case.back(1))).await?;
        case.stand(Status::Confirmed).await?;
        Ok(case)
    }

    /// Begun, and done.
    async fn run(&self, start: Start) -> anyhow::Result<Row> {
        let Begun::Started(row) = self.well.start(start).await? else {
            anyhow::bail!("did not start")
        };
        let id = row.id;
        // On a machine that is busy the lease may be over; whoever claims it goes on.
        let _ = self.well.drive(row, true).await;
        settle(&self.well, id, PATIENCE).await
    }

    async fn stand(&self, status: Status) -> anyhow::Result<()> {
        let at = SystemClock.now();
        let entry = audit::Entry {
            id: ids::flow(at),
            shop: "main".into(),
            at,
            by: Actor::System,
            role: None,
            act: "order.status",
            subject: "#7".to_owned(),
            detail: json!({}),
            reason: None,
            note: None,
            origin: None,
            flow: None,
        };
        let shop = "main".into();
        let set = orders::set_status(&self.database, &shop, &self.order, status, entry).await?;
        anyhow::ensure!(set, "{status:?} was not set");
        Ok(())
    }

    /// What paid for it comes back, for the nth time.
    fn back(&self, part: u32) -> Vec<Item> {
        let terms = &self.coupon.terms;
        let points = Item::Points {
            code: terms.code.clone(),
            pos_id: terms.pos_id.clone(),
            points: terms.points,
            part,
            expiry: Expiry::default(),
            paid_by: None,
        };
        let holder = PosId::from("12345");
        let expiry = Expiry::default();
        vec![points, Item::OwnCredit { holder, amount: credit(), part, expiry }]
    }

    /// What came back goes again, for the nth time.
    fn again(&self, part: u32) -> Vec<Item> {
        let terms = &self.coupon.terms;
        let of = self.back(1)[0].reference(&self.order);
        let (code, pos_id, points) = (terms.code.clone(), terms.pos_id.clone(), terms.points);
        let holder = PosId::from("12345");
        vec![
            Item::PointsAgain { code, pos_id, points, part, of },
            Item::CreditAgain { holder, amount: credit(), part },
        ]
    }

    /// The customer pays at the till itself.
    async fn spend(&self, points: i64) -> anyhow::Result<()> {
        let url = format!("{}/pos/customers/12345/points/deduct", self.world.base);
        let body = json!({"amount": points, "reason": "Order", "reference": "SPENT"});
        let call = self.world.client.post(url).bearer_auth("demo-pos-token").json(&body);
        call.send().await?.error_for_status()?;
        Ok(())
    }

    async fn truth(&self) -> anyhow::Result<Truth> {
        let books = self.world.books().await?;
        let points = &books["points"]["12345"];
        let moved = |prefix: &str| {
            let all = points["movements"].as_array().into_iter().flatten();
            let ours = all.filter(|of| of["reference"].as_str().unwrap_or("").starts_with(prefix));
            ours.filter_map(|of| of["amount"].as_i64()).collect::<Vec<_>>()
        };
        let of = PosId::from("12345");
        let held = book(&self.database).balance(&of, Duration::from_secs(10)).await;
        let engine::ports::Answer::Done(held) = held else { anyhow::bail!("no balance") };
        Ok(Truth {
            taken: moved("REOPEN-"),
            back: moved("ORDER-"),
            balance: points["balance"].as_i64().context("a balance")?,
            credit: held.get(),
        })
    }

    /// Taken once, or surely not; nobody can take it twice; and it comes back once more.
    async fn ends_well(&self, mut row: Row, spent: i64) -> anyhow::Result<()> {
        while let Some(State::InReview { .. }) = row.flow.reversal().map(|flow| &flow.state) {
            let applied = !self.truth().await?.taken.is_empty();
            self.well.judge(row.id, row.version, applied).await?;
            row = settle(&self.well, row.id, PATIENCE).await?;
        }
        let flow = row.flow.reversal().context("a reversal")?;
        let taken = match flow.done() {
            [Outcome::Moved(_), Outcome::Credited { .. }] => true,
            [Outcome::Short, Outcome::Credited { .. }] => false,
            other => anyhow::bail!("ended with {other:?}"),
        };
        let taken: &[i64] = if taken { &[-POINTS] } else { &[] };
        let left = BALANCE - spent + taken.iter().sum::<i64>();
        let (taken, back) = (taken.to_vec(), vec![POINTS]);
        let wanted = Truth { taken, back, balance: left, credit: 0 };
        let truth = self.truth().await?;
        anyhow::ensure!(truth == wanted && left >= 0, "{truth:?}, not {wanted:?}");
        let found = order_lists::find(&self.database, row.shop(), "ginza.7").await?;
        let found = found.context("the order")?;
        let rows = (found.coupons[0].returned, found.credits[0].returned);
        anyhow::ensure!(rows == (truth.taken.len() as i64 * -POINTS + POINTS, 0), "{rows:?}");
        for part in [1, 2] {
            let more =
                self.well.start(reversal(&self.order, false, true, self.again(part))).await?;
            let nothing = Begun::Refused(Problem::NothingToTakeBack);
            anyhow::ensure!(more == nothing, "part {part}: {more:?}");
        }
        self.once_more(truth).await
    }

    /// Cancelled again.
    async fn once_more(&self, before: Truth) -> anyhow::Result<()> {
        self.stand(Status::Cancelled).await?;
        // What was not taken has not come back again.
        let items = self.back(2);
        let from = usize::from(before.taken.is_empty());
        let start = || reversal(&self.order, false, false, items[from..].to_vec());
        let row = self.run(start()).await?;
        let ended = matches!(row.flow.reversal().map(|of| &of.state), Some(State::Ended { .. }));
        anyhow::ensure!(ended, "{}", row.flow.state_name());
        let more = self.well.start(start()).await?;
        anyhow::ensure!(more == Begun::Refused(Problem::AlreadyReverted), "{more:?}");
        let back = vec![POINTS; 1 + before.taken.len()];
        let balance = before.balance - before.taken.iter().sum::<i64>();
        let wanted = Truth { back, balance, credit: HELD, taken: before.taken };
        let truth = self.truth().await?;
        anyhow::ensure!(truth == wanted, "{truth:?}, not {wanted:?}");
        Ok(())
    }
}

/// Where the process dies: at which commit, before it or right after.
type Dies = Option<(i32, bool)>;

async fn case(location: Location, trouble: &str, dies: Dies) -> anyhow::Result<()> {
    let case = Case::open(&location).await?;
    let spent = if trouble == SPENT { BALANCE - POINTS + 1 } else { 0 };
    match trouble.split_once(' ') {
        Some(("pos.lookup", how)) => {
            case.world.fault("pos.deduct", "error_after", 1).await?;
            case.world.fault("pos.lookup", how, 1).await?;
        }
        Some((call, how)) => case.world.fault(call, how, 1).await?,
        None if spent > 0 => case.spend(spent).await?,
        None => {}
    }
    let start = reversal(&case.order, false, true, case.again(1));
    let row = match dies {
        None => case.run(start).await?,
        Some((commits, after)) => {
            let Begun::Started(row) = case.well.start(start).await? else {
                anyhow::bail!("did not start")
            };
            let (id, inner) = (row.id, Arc::clone(&case.journal));
            let dying = Dying { inner, commits_left: AtomicI32::new(commits), after };
            // Ends in an error where it died, and by itself where it was done before.
            let peers = peers(&case.world, &case.database);
            let _ = engine(Arc::new(dying), peers).drive(row, true).await;
            // Nobody else can hold its lease: as after a restart.
            if let Some(row) = case.journal.seize(id, SystemClock.now(), LEASE).await? {
                let _ = case.well.drive(row, false).await;
            }
            settle(&case.well, id, PATIENCE).await?
        }
    };
    case.ends_well(row, spent).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_breaks_in_every_way_and_it_is_taken_once() {
    let mut cases = JoinSet::new();
    for call in ["pos.deduct", "pos.lookup"] {
        for how in FAULTS {
            cases.spawn(async move {
                let folder = tempfile::tempdir().expect("a folder");
                let trouble = format!("{call} {how}");
                let done = case(sqlite(&folder), &trouble, None).await;
                (trouble, done)
            });
        }
    }
    all_well(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_process_takes_what_a_dead_one_began() {
    let mut cases = JoinSet::new();
    for trouble in [
        "none",
        SPENT,
        "pos.deduct refuse",
        "pos.deduct error_before",
        "pos.deduct error_after",
        "pos.deduct apply_later",
    ] {
        for commits in 0..5 {
            for after in [false, true] {
                cases.spawn(async move {
                    let folder = tempfile::tempdir().expect("a folder");
                    let done = case(sqlite(&folder), trouble, Some((commits, after))).await;
                    (format!("{trouble} commit {commits} after {after}"), done)
                });
            }
        }
    }
    all_well(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_taken_on_postgresql_too() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    for (name, trouble, dies) in [
        ("none", "none", None),
        ("spent", SPENT, None),
        ("dies", "pos.deduct error_after", Some((0, false))),
    ] {
        let location = Location::Postgres(postgres.database(name)?);
        case(location, trouble, dies).await.context(name)?;
    }
    Ok(())
}
