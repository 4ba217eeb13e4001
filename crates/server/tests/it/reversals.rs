//! Orders give back while calls break and the process dies: the points once, the store credit once,
//! by Shopify or by Kaeru, and never before the order is cancelled.

use crate::{
    cancellations::all_well,
    crashes::Dying,
    postgres::Postgres,
    support::{FAULTS, Till, World, engine, issued, open_at},
};
use anyhow::Context;
use domain::{
    Actor, At, Coupon, CustomerId, Flow, FlowId, Money, OrderId, PartialRefunds, Reversal,
    effect::Reason,
    reversal::{Cancel, Expiry, Item, State, Terms, Why},
};
use engine::{
    Engine, LEASE, Stopped,
    ports::Clock,
    store::{Begun, Guard, Request, Row, Start, Store},
};
use iso_currency::Currency;
use serde_json::{Value, json};
use server::{
    clock::SystemClock,
    http_client::Deadline,
    ids,
    store::{Database, Journal, Location, coupons, order_lists, orders},
};
use std::{
    sync::{Arc, atomic::AtomicI32},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{task::JoinSet, time::Instant};

/// Where the order is cancelled, and who gives its credit back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Here: Shopify reverts the credit in the same job.
    Here,
    /// In Shopify's admin, where nothing reverts the credit.
    There,
}

/// Long enough for every look but the last, which comes with the horizon.
const PATIENCE: Duration = Duration::from_secs(75);

/// One world with one order of 3,000 that a coupon of 500 points and 500 of credit paid for.
struct Case {
    world: World,
    location: Location,
    _folder: Option<TempDir>,
    till: Till,
    way: Way,
    coupon: Coupon,
    order: OrderId,
    payment: u64,
}

/// What the other side's books say.
#[derive(Debug)]
struct Truth {
    points: Vec<i64>,
    /// Given back, by whomever.
    credit: i64,
    cancelled: bool,
}

async fn database(location: &Location) -> anyhow::Result<Database> {
    open_at(location).await
}

async fn switch(world: &World, path: &str, body: Value) -> anyhow::Result<Value> {
    let url = format!("{}/sandbox/api/{path}", world.base);
    let call = if path == "settings" { world.client.put(url) } else { world.client.post(url) };
    let answer = call.json(&body).send().await?;
    anyhow::ensure!(answer.status().is_success(), "{path}: {}", answer.text().await?);
    Ok(answer.json().await?)
}

impl Case {
    async fn open(till: Till, way: Way) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let location = Location::Sqlite(folder.path().join("kaeru.db"));
        let case = Self::open_at(till, way, location).await?;
        Ok(Self { _folder: Some(folder), ..case })
    }

    async fn open_at(till: Till, way: Way, location: Location) -> anyhow::Result<Self> {
        let world = World::start(till).await?;
        let database = database(&location).await?;
        let journal = Arc::new(Journal::new(database.clone()));
        let coupon = issued(&engine(journal, world.peers(till))).await?;
        let code = coupon.terms.code.to_string();
        switch(&world, "credits", json!({"customer": "12345", "amount": "900"})).await?;
        let cart = json!({"customer": "12345", "code": code, "credit": "500", "total": "3000"});
        let placed = switch(&world, "orders", cart).await?;
        let id = placed["id"].as_str().context("an id")?.to_owned();
        if way == Way::There {
            switch(&world, "settings", json!({"auto_revert": false})).await?;
            let cancel = json!({"by": "expired_payment", "refund": false});
            switch(&world, &format!("orders/{id}/cancel"), cancel).await?;
        }
        let (shop, order) = (coupon.terms.shop.clone(), OrderId(id));
        let until = Deadline::after(Duration::from_secs(10));
        let read = world.shopify().order(&order, until).await;
        let (seen, payments) = read.ok().flatten().context("the order")?;
        let (name, at) = (seen.name.clone(), seen.created_at);
        let payment = payments.first().context("a payment")?.id;
        coupons::note_use(&database, &shop, &code, &name, at).await?;
        orders::keep(&database, &shop, seen, PartialRefunds::None, at).await?;
        orders::keep_credits(&database, &shop, &order, payments, at).await?;
        Ok(Self { world, location, _folder: None, till, way, coupon, order, payment })
    }

    fn start(&self) -> Start {
        let now = SystemClock.now();
        let amount = Money { minor: 500, currency: Currency::JPY };
        let day = Duration::from_secs(86_400);
        let until = Expiry { original: None, requested: Some(now.plus(day).floor_second()) };
        let wish = Cancel { reason: Why::Customer, restock: true, note: None, here: false };
        let terms = Terms {
            shop: self.coupon.terms.shop.clone(),
            customer: CustomerId(12345),
            order: self.order.clone(),
            name: "#1001".to_owned(),
            placed_at: now,
            by: Actor::Staff { id: 1, name: "Sato".to_owned() },
            cancel: (self.way == Way::Here).then_some(wish),
            refunds: false,
            again: None,
            items: vec![
                Item::Points {
                    code: self.coupon.terms.code.clone(),
                    pos_id: self.coupon.terms.pos_id.clone(),
                    points: self.coupon.terms.points,
                    part: 1,
                    expiry: Expiry::default(),
                    paid_by: None,
                },
                Item::Credit { payment: self.payment, amount, expiry: until },
            ],
            reverts_by: At(0),
            notify: true,
            at: now,
        };
        Start {
            id: ids::flow(now),
            flow: Flow::Reversal(Box::new(Reversal::accept(terms))),
            request: Some(Request { key: ids::text(now), fingerprint: "f".to_owned() }),
            guard: Guard::Revert,
            now,
            lease_until: now.plus(LEASE),
        }
    }

    async fn engine(&self) -> anyhow::Result<Engine> {
        let journal = Journal::new(database(&self.location).await?);
        Ok(engine(Arc::new(journal), self.world.peers(self.till)))
    }

    async fn truth(&self) -> anyhow::Result<Truth> {
        let books = self.world.books().await?;
        let reference = format!("ORDER-{}-{}", self.order, self.coupon.terms.code);
        let moved = books["points"]["12345"]["movements"].as_array();
        let moved = moved.into_iter().flatten().filter(|of| of["reference"] == reference.as_str());
        let lines = books["credits"]["12345"][0]["transactions"].as_array();
        let number = |of: &Value| of.as_str().map_or_else(|| of.to_string(), str::to_owned);
        let given = lines.into_iter().flatten().filter(|of| of["kind"] != "debit").skip(1);
        let given = given.filter_map(|of| number(&of["amount"]).parse::<i64>().ok());
        let orders = books["orders"].as_array();
        let order = orders.into_iter().flatten().find(|of| number(&of["id"]) == self.order.0);
        let order = order.with_context(|| format!("no order: {}", books["orders"]))?;
        Ok(Truth {
            points: moved.filter_map(|of| of["amount"].as_i64()).collect(),
            credit: given.sum(),
            cancelled: !order["cancelled_at"].is_null(),
        })
    }
}

fn reversal(row: &Row) -> &Reversal {
    row.flow.reversal().expect("a reversal")
}

/// A credit that has not arrived is waited for until the horizon.
fn waits(row: &Row) -> bool {
    let flow = reversal(row);
    matches!(flow.state, State::Confirming { .. }) && flow.current().is_some_and(Item::is_credit)
}

/// What must be true of a reversal that is quiet.
fn lawful(row: &Row, truth: &Truth, case: &Case) -> anyhow::Result<()> {
    anyhow::ensure!(truth.points.len() <= 1, "points came back twice: {truth:?}");
    anyhow::ensure!(truth.credit <= 500, "credit came back twice: {truth:?}");
    let moved = !truth.points.is_empty();
    anyhow::ensure!(truth.cancelled || !moved, "came back with an order that stands: {truth:?}");
    match &reversal(row).state {
        State::Ended { .. } => {
            anyhow::ensure!(truth.points == [500] && truth.credit == 500, "{truth:?}");
        }
        State::Failed { .. } => {
            anyhow::ensure!(!moved && truth.credit == 0 && !truth.cancelled, "{truth:?}");
        }
        State::Confirming { .. } if waits(row) => anyhow::ensure!(truth.credit == 0, "{truth:?}"),
        State::InReview { reason, .. } => {
            let refused = *reason == Reason::RefundRefused;
            let needed = case.till == Till::Blind || refused;
            anyhow::ensure!(needed, "needs no person: {reason:?} {truth:?}");
        }
        other => anyhow::bail!("ended in {other:?}"),
    }
    Ok(())
}

/// Works like the service's worker until the flow is quiet.
async fn settle(engine: &Engine, id: FlowId) -> anyhow::Result<Row> {
    use domain::Pending;
    let begun = Instant::now();
    loop {
        for row in engine.claim(16).await? {
            match engine.drive(row, false).await {
                Ok(_) | Err(Stopped::LeaseLost) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let row = engine.store.load(id).await?.context("the flow")?;
        // Looked at after one second, five and thirty.
        let looked = waits(&row) && begun.elapsed() > Duration::from_secs(40);
        if looked || matches!(row.flow.pending(), Pending::Nothing | Pending::Person) {
            return Ok(row);
        }
        anyhow::ensure!(begun.elapsed() < PATIENCE, "stuck in {}", row.flow.state_name());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Ends lawfully, and a person's word ends a doubt.
async fn ends_well(case: &Case, engine: &Engine, id: FlowId) -> anyhow::Result<()> {
    loop {
        let row = settle(engine, id).await?;
        let found = case.truth().await?;
        lawful(&row, &found, case)?;
        if !matches!(reversal(&row).state, State::InReview { .. }) {
            return Ok(());
        }
        let credit = reversal(&row).current().is_some_and(Item::is_credit);
        let happened = if credit { found.credit > 0 } else { !found.points.is_empty() };
        engine.judge(id, row.version, happened).await?;
    }
}

async fn begin(engine: &Engine, case: &Case) -> anyhow::Result<Row> {
    match engine.start(case.start()).await? {
        Begun::Started(row) => Ok(row),
        other => anyhow::bail!("did not start: {other:?}"),
    }
}

async fn fault(till: Till, way: Way, call: &str, how: &str) -> anyhow::Result<()> {
    let case = Case::open(till, way).await?;
    match call {
        "pos.lookup" => case.world.fault("pos.add", "error_after", 1).await?,
        "shopify.customer" => case.world.fault("shopify.credit", "error_after", 1).await?,
        _ => {}
    }
    case.world.fault(call, how, 1).await?;
    let engine = case.engine().await?;
    let row = begin(&engine, &case).await?;
    // On a machine that is busy the lease may be over; whoever claims it goes on.
    let _ = engine.drive(row.clone(), true).await;
    ends_well(&case, &engine, row.id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_breaks_in_every_way_and_all_comes_back_once() {
    let mut cases = JoinSet::new();
    let here = ["shopify.cancel", "shopify.job", "shopify.orders", "pos.add", "pos.lookup"];
    let there = ["shopify.orders", "shopify.credit", "shopify.customer"];
    let here = here.map(|call| (Till::LookUp, Way::Here, call));
    let there = there.map(|call| (Till::LookUp, Way::There, call));
    let blind = [(Till::Blind, Way::There, "pos.add")];
    for (till, way, call) in here.into_iter().chain(there).chain(blind) {
        for how in FAULTS {
            // A blind till that applies late is a person's to wait for.
            if (till, how) == (Till::Blind, "apply_later") {
                continue;
            }
            cases.spawn(async move {
                (format!("{till:?} {way:?} {call} {how}"), fault(till, way, call, how).await)
            });
        }
    }
    all_well(cases).await;
}

/// The process dies at each commit: before it, or right after.
async fn crash(way: Way, trouble: &str, commits: i32, after: bool) -> anyhow::Result<()> {
    let case = Case::open(Till::LookUp, way).await?;
    if let Some((call, how)) = trouble.split_once(' ') {
        case.world.fault(call, how, 1).await?;
    }
    let id = {
        let inner: Arc<dyn Store> = Arc::new(Journal::new(database(&case.location).await?));
        let dying = Dying { inner, commits_left: AtomicI32::new(commits), after };
        let engine = engine(Arc::new(dying), case.world.peers(case.till));
        let row = begin(&engine, &case).await?;
        let _ = engine.drive(row.clone(), true).await;
        row.id
    };
    let engine = case.engine().await?;
    ends_well(&case, &engine, id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_process_gives_back_what_a_dead_one_began() {
    let mut cases = JoinSet::new();
    let troubles = ["", "pos.add error_after", "shopify.credit error_after"];
    for way in [Way::Here, Way::There] {
        for trouble in troubles {
            for commits in 0..6 {
                for after in [false, true] {
                    cases.spawn(async move {
                        let name = format!("{way:?} {trouble} commit {commits} after {after}");
                        (name, crash(way, trouble, commits, after).await)
                    });
                }
            }
        }
    }
    all_well(cases).await;
}

#[tokio::test]
async fn postgresql_says_the_same() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    for (name, way) in [("here", Way::Here), ("there", Way::There)] {
        let location = Location::Postgres(postgres.database(name)?);
        let case = Case::open_at(Till::LookUp, way, location).await?;
        let engine = case.engine().await?;
        let row = begin(&engine, &case).await?;
        // A second one finds it taken.
        let again = engine.start(case.start()).await?;
        anyhow::ensure!(matches!(again, Begun::Refused(_)), "{again:?}");
        engine.drive(row.clone(), true).await?;
        ends_well(&case, &engine, row.id).await?;
        let again = engine.start(case.start()).await?;
        anyhow::ensure!(matches!(again, Begun::Refused(_)), "{again:?}");
        let database = database(&case.location).await?;
        let shop = &case.coupon.terms.shop;
        let found = order_lists::find(&database, shop, case.order.as_str()).await?;
        let found = found.context("the order")?;
        anyhow::ensure!(found.listed.revert_status == "reverted", "{:?}", found.listed);
        let filter = order_lists::Filter {
            q: Some(case.coupon.terms.code.to_string()),
            status: Some("cancelled"),
            revert_status: Some("reverted"),
            customer: Some(CustomerId(12345)),
            most: 10,
            ..order_lists::Filter::default()
        };
        let listed = order_lists::list(&database, shop, filter).await?;
        anyhow::ensure!(listed.len() == 1, "{listed:?}");
    }
    Ok(())
}
