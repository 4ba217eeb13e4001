//! Orders of other channels while calls break and the process dies: the coupon is dead once the
//! order counts, and lives again where nothing came of it; the credit is spent with it, once.

use crate::{
    cancellations::all_well,
    crashes::Dying,
    postgres::Postgres,
    support::{FAULTS, Till, World, engine, engine_at, issued, settle},
};
use domain::{
    Actor, CustomerId, Flow, Money, OrderId, Pending, Placing, PosId, Problem, Reference, ShopId,
    effect::SWITCH_HORIZON,
    ledger::{Counter, Funding, Unit},
    placing::{State, Terms},
};
use engine::{
    LEASE,
    ports::{Clock, Peers},
    store::{Begun, Guard, Row, Start, Store},
};
use iso_currency::Currency;
use jiff::tz::TimeZone;
use server::{
    book::{Book, Settings},
    clock::{SharedClock, SystemClock},
    ids,
    store::{
        Database, Journal, Location,
        ledger::{self, Asked, History},
        order_lists,
    },
};
use std::{
    sync::{Arc, atomic::AtomicI32},
    time::Duration,
};
use tokio::task::JoinSet;

pub const HELD: i64 = 400;
const PATIENCE: Duration = Duration::from_secs(90);

/// What happens beside the faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    Nothing,
    /// The credit does not suffice.
    Short,
    /// A checkout at Shopify was faster.
    Redeemed,
}

impl Beside {
    const ALL: [Beside; 3] = [Beside::Nothing, Beside::Short, Beside::Redeemed];
}

struct Dies {
    commits: i32,
    after: bool,
}

pub fn book(database: &Database) -> Book {
    Book {
        shop: ShopId::from("main"),
        unit: Unit::Credit(Currency::JPY),
        zone: TimeZone::UTC,
        settings: Settings { valid_days: None, return_days: 30, token: None },
        database: database.clone(),
        clock: SharedClock::default(),
    }
}

pub fn peers(world: &World, database: &Database) -> Peers {
    Peers { credits: Some(Arc::new(book(database))), ..world.peers(Till::LookUp) }
}

/// An order that the coupon and so much credit pay for.
pub fn placing(coupon: domain::Coupon, credit: i64) -> Start {
    let now = SystemClock.now();
    let money = |minor| Money { minor, currency: Currency::JPY };
    let terms = Terms {
        shop: ShopId::from("main"),
        customer: CustomerId(12345),
        order: OrderId::from("ginza.7"),
        name: "#7".to_owned(),
        channel: "ginza".to_owned(),
        status: "completed".to_owned(),
        total: money(3_000),
        coupons: vec![coupon],
        credit: Some(money(credit)),
        placed_at: now,
        by: Actor::Staff { id: 1, name: "Sato".to_owned() },
        note: None,
        at: now,
    };
    Start {
        id: ids::flow(now),
        flow: Flow::Placing(Box::new(Placing::accept(terms))),
        request: None,
        guard: Guard::Place,
        now,
        lease_until: now.plus(LEASE),
    }
}

/// The customer has credit.
pub async fn seed(database: &Database) -> anyhow::Result<()> {
    let (amount, from, funding) = (HELD, Counter::Granted, Funding::Free);
    let asked = Asked::Grant { amount, from, issued_at: None, expires_at: None, funding };
    let (reference, now) = (Reference::from("SEED"), SystemClock.now());
    let said = "seed".to_owned();
    let order = book(database).opening(&PosId::from("12345"), reference, asked, said, now);
    ledger::post(database, order).await?;
    Ok(())
}

async fn case(
    location: Location,
    beside: Beside,
    fault: Option<(&str, &str)>,
    dies: Option<Dies>,
) -> anyhow::Result<()> {
    let world = World::start(Till::LookUp).await?;
    let database = Database::open(&location, SystemClock.now()).await?;
    let journal: Arc<dyn Store> = Arc::new(Journal::new(database.clone()));
    let well = engine(Arc::clone(&journal), peers(&world, &database));
    let coupon = issued(&well).await?;
    let code = coupon.terms.code.to_string();
    seed(&database).await?;
    let redeemed = beside == Beside::Redeemed;
    anyhow::ensure!(!redeemed || world.redeem(&code).await?, "not redeemed");
    if let Some((call, fault)) = fault {
        world.fault(call, fault, 1).await?;
    }
    let credit = if beside == Beside::Short { HELD + 1 } else { HELD };
    let begun = well.start(placing(coupon, credit)).await?;
    let Begun::Started(row) = begun else { anyhow::bail!("{begun:?}") };
    let id = row.id;
    match dies {
        Some(Dies { commits, after }) => {
            let inner = Arc::clone(&journal);
            let dying = Dying { inner, commits_left: AtomicI32::new(commits), after };
            // Ends in an error where it died, and by itself where it was done before.
            let _ = engine(Arc::new(dying), peers(&world, &database)).drive(row, true).await;
            // Nobody else can hold its lease: as after a restart.
            if let Some(row) = journal.seize(id, SystemClock.now(), LEASE).await? {
                let _ = well.drive(row, false).await;
            }
        }
        None => {
            let _ = well.drive(row, true).await;
        }
    }
    let mut row = settle(&well, id, PATIENCE).await?;
    let later = engine_at(Arc::clone(&journal), peers(&world, &database), SWITCH_HORIZON);
    while let Pending::Timer(_) = row.flow.pending() {
        let seized = journal.seize(id, later.clock.now(), LEASE).await?;
        row = later.drive(seized.ok_or_else(|| anyhow::anyhow!("gone"))?, false).await?;
    }
    judge(&world, &database, &row, &code, beside, fault.is_some()).await
}

/// What must be true once all is quiet. `broken`: Shopify may have refused.
async fn judge(
    world: &World,
    database: &Database,
    row: &Row,
    code: &str,
    beside: Beside,
    broken: bool,
) -> anyhow::Result<()> {
    let Flow::Placing(flow) = &row.flow else { anyhow::bail!("another flow") };
    let spent: Vec<i64> = {
        let page = History { before: None, most: 10 };
        let holder = book(database).holder(&PosId::from("12345"));
        let rows = ledger::history(database, &holder, page).await?;
        rows.iter().filter(|of| of.reference == "CREDIT-ginza.7").map(|of| of.amount).collect()
    };
    let books = world.books().await?;
    let all = books["coupons"].as_array().cloned().unwrap_or_default();
    let at_shopify = all.iter().find(|of| of["code"] == code);
    let live = at_shopify.is_some_and(|of| of["live"] == true);
    let found = order_lists::find(database, row.shop(), "ginza.7").await?;
    match &flow.state {
        State::Ended => {
            anyhow::ensure!(beside == Beside::Nothing, "it must not count");
            anyhow::ensure!(!live, "alive beside the order that used it");
            anyhow::ensure!(spent == [-HELD], "spent {spent:?}");
            let found = found.ok_or_else(|| anyhow::anyhow!("the order is not there"))?;
            anyhow::ensure!(found.coupons.len() == 1 && found.credits.len() == 1, "{found:?}");
        }
        State::Failed { problem } => {
            anyhow::ensure!(found.is_none(), "{problem:?}, and the order is there");
            anyhow::ensure!(spent.is_empty(), "{problem:?}, and spent {spent:?}");
            anyhow::ensure!(
                beside == Beside::Redeemed || live,
                "{problem:?}, and the coupon is dead"
            );
            let expected = match beside {
                Beside::Nothing => Problem::ShopifyUnavailable,
                Beside::Short => Problem::InsufficientCredit,
                Beside::Redeemed => Problem::CouponAlreadyUsed,
            };
            let unavailable = broken && *problem == Problem::ShopifyUnavailable;
            anyhow::ensure!(*problem == expected || unavailable, "{problem:?}");
        }
        state => anyhow::bail!("stands in {state:?}"),
    }
    Ok(())
}

pub fn sqlite(folder: &tempfile::TempDir) -> Location {
    Location::Sqlite(folder.path().join("kaeru.db"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_a_placing_breaks_in_every_way() {
    let mut cases = JoinSet::new();
    for beside in Beside::ALL {
        let calls: &[&str] = match beside {
            Beside::Nothing => &["shopify.deactivate", "shopify.orders", "shopify.metafield"],
            Beside::Short => &["shopify.activate", "shopify.deactivate"],
            Beside::Redeemed => &["shopify.deactivate", "shopify.orders"],
        };
        for call in calls.iter().copied() {
            for fault in FAULTS {
                cases.spawn(async move {
                    let folder = tempfile::tempdir().expect("a folder");
                    let done = case(sqlite(&folder), beside, Some((call, fault)), None).await;
                    (format!("{beside:?} {call} {fault}"), done)
                });
            }
        }
    }
    all_well(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_process_places_the_order_or_leaves_nothing() {
    let mut cases = JoinSet::new();
    for beside in Beside::ALL {
        for fault in [None, Some(("shopify.deactivate", "error_after"))] {
            for commits in 0..6 {
                for after in [false, true] {
                    cases.spawn(async move {
                        let folder = tempfile::tempdir().expect("a folder");
                        let dies = Some(Dies { commits, after });
                        let done = case(sqlite(&folder), beside, fault, dies).await;
                        (format!("{beside:?} {fault:?} commit {commits} after {after}"), done)
                    });
                }
            }
        }
    }
    all_well(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_placed_on_postgresql_too() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    for (n, beside) in Beside::ALL.into_iter().enumerate() {
        let location = Location::Postgres(postgres.database(&format!("placing{n}"))?);
        case(location, beside, None, None).await?;
    }
    Ok(())
}
