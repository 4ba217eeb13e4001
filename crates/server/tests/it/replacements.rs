//! A used coupon comes back as a new one while calls break and the process dies: one new coupon, or
//! surely none and the points free; never both.

use crate::{
    cancellations::all_well,
    crashes::Dying,
    postgres::Postgres,
    support::{self, FAULTS, Till, World, cancellation, engine, open_at},
};
use anyhow::Context;
use domain::{
    Actor, At, Coupon, CustomerId, Flow, FlowId, OrderId, PartialRefunds, Pending, Reversal, Terms,
    conversion::{self, Replaces},
    coupon,
    reversal::{self, Cancel, Expiry, Item, Why},
};
use engine::{
    Engine, LEASE, Stopped,
    ports::Clock,
    store::{Begun, Guard, Request, Row, Start, Store},
};
use serde_json::{Value, json};
use server::{
    clock::SystemClock,
    http_client::Deadline,
    ids,
    store::{Database, Journal, Location, coupons, order_lists, orders, replacements},
};
use std::{
    sync::{Arc, atomic::AtomicI32},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{task::JoinSet, time::Instant};

const PATIENCE: Duration = Duration::from_secs(75);

/// What comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    Points,
    Coupon,
}

/// One world with one order that a coupon of 500 points paid for.
struct Case {
    world: World,
    location: Location,
    _folder: Option<TempDir>,
    coupon: Coupon,
    order: OrderId,
    /// The order is cancelled by the reversal; else it is cancelled already.
    here: bool,
}

/// What the other side's books say.
#[derive(Debug)]
struct Truth {
    /// Of each movement that gave something back.
    returns: Vec<i64>,
    /// Coupons of Shopify's beside the used one, and which of them can be used.
    others: Vec<String>,
    live: Vec<String>,
    cancelled: bool,
}

async fn switch(world: &World, path: &str, body: Value) -> anyhow::Result<Value> {
    let url = format!("{}/sandbox/api/{path}", world.base);
    let answer = world.client.post(url).json(&body).send().await?;
    anyhow::ensure!(answer.status().is_success(), "{path}: {}", answer.text().await?);
    Ok(answer.json().await?)
}

impl Case {
    async fn open(here: bool) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let location = Location::Sqlite(folder.path().join("kaeru.db"));
        let case = Self::open_at(here, location).await?;
        Ok(Self { _folder: Some(folder), ..case })
    }

    async fn open_at(here: bool, location: Location) -> anyhow::Result<Self> {
        let world = World::start(Till::LookUp).await?;
        let database = Database::open(&location, SystemClock.now()).await?;
        let journal = Arc::new(Journal::new(database.clone()));
        let coupon = support::issued(&engine(journal, world.peers(Till::LookUp))).await?;
        let order = used(&world, &database, &coupon, !here).await?;
        Ok(Self { world, location, _folder: None, coupon, order, here })
    }

    async fn database(&self) -> anyhow::Result<Database> {
        open_at(&self.location).await
    }

    async fn engine(&self) -> anyhow::Result<(Engine, Database)> {
        let database = self.database().await?;
        let journal = Arc::new(Journal::new(database.clone()));
        Ok((engine(journal, self.world.peers(Till::LookUp)), database))
    }

    /// Another process's engine over the same database.
    fn second(&self, database: &Database) -> Engine {
        let journal = Arc::new(Journal::new(database.clone()));
        engine(journal, self.world.peers(Till::LookUp))
    }

    async fn truth(&self) -> anyhow::Result<Truth> {
        let books = self.world.books().await?;
        let moved = books["points"]["12345"]["movements"].as_array();
        let back = moved.into_iter().flatten().filter_map(|of| of["amount"].as_i64());
        let ours = books["coupons"].as_array().into_iter().flatten();
        let others = ours.filter(|of| of["code"] != self.coupon.terms.code.as_str());
        let others: Vec<_> = others.collect();
        let code = |of: &&Value| of["code"].as_str().unwrap_or_default().to_owned();
        let orders = books["orders"].as_array().into_iter().flatten();
        let id = |of: &Value| of.as_str().map_or_else(|| of.to_string(), str::to_owned);
        let order = orders.into_iter().find(|of| id(&of["id"]) == self.order.0);
        Ok(Truth {
            returns: back.filter(|amount| *amount > 0).collect(),
            live: others
                .iter()
                .copied()
                .filter(|of| of["live"] == true)
                .map(|of| code(&of))
                .collect(),
            others: others.iter().copied().map(|of| code(&of)).collect(),
            cancelled: !order.context("the order")?["cancelled_at"].is_null(),
        })
    }

    async fn order(&self, database: &Database) -> anyhow::Result<order_lists::Found> {
        let shop = &self.coupon.terms.shop;
        order_lists::find(database, shop, self.order.as_str()).await?.context("the order")
    }
}

/// An order that used the coupon, mirrored; `cancelled`: at Shopify, and nothing came back.
pub async fn used(
    world: &World,
    database: &Database,
    coupon: &Coupon,
    cancelled: bool,
) -> anyhow::Result<OrderId> {
    let (shop, code) = (&coupon.terms.shop, coupon.terms.code.to_string());
    let cart = json!({"customer": "12345", "code": code, "total": "3000"});
    let placed = switch(world, "orders", cart).await?;
    let order = OrderId(placed["id"].as_str().context("an id")?.to_owned());
    if cancelled {
        let cancel = json!({"by": "expired_payment", "refund": false});
        switch(world, &format!("orders/{order}/cancel"), cancel).await?;
    }
    let until = Deadline::after(Duration::from_secs(10));
    let read = world.shopify().order(&order, until).await;
    let (seen, _) = read.ok().flatten().context("the order")?;
    let (name, at) = (seen.name.clone(), seen.created_at);
    coupons::note_use(database, shop, &code, &name, at).await?;
    orders::keep(database, shop, seen, PartialRefunds::None, at).await?;
    Ok(order)
}

fn new_coupon(old: &Coupon, order: &OrderId, now: At) -> (FlowId, Terms) {
    let terms = old.terms.clone();
    let code = coupon::code(&terms.member_no, terms.amount, ids::random());
    let replaces = Replaces {
        code: terms.code.clone(),
        order: order.clone(),
        paid_by: terms.paid_by().clone(),
        by: Actor::System,
    };
    let replaces = Some(Box::new(replaces));
    (ids::flow(now), Terms { code, created_at: now, receipt: true, replaces, ..terms })
}

/// What staff chose of the order that used this coupon.
pub fn start(coupon: &Coupon, order: &OrderId, here: bool, what: As) -> Start {
    let now = SystemClock.now();
    let code = coupon.terms.code.clone();
    let item = match what {
        As::Coupon => {
            let (flow, terms) = new_coupon(coupon, order, now);
            Item::Replacement { code, flow, terms: Box::new(terms) }
        }
        As::Points => Item::Points {
            code,
            pos_id: coupon.terms.pos_id.clone(),
            points: coupon.terms.points,
            part: 1,
            expiry: Expiry::default(),
            paid_by: coupon.terms.replaces.as_ref().map(|of| of.paid_by.clone()),
        },
    };
    let wish = Cancel { reason: Why::Customer, restock: true, note: None, here: false };
    let terms = reversal::Terms {
        shop: coupon.terms.shop.clone(),
        customer: CustomerId(12345),
        order: order.clone(),
        name: "#1001".to_owned(),
        placed_at: now,
        by: Actor::Staff { id: 1, name: "Sato".to_owned() },
        cancel: here.then_some(wish),
        refunds: false,
        again: None,
        items: vec![item],
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

async fn begin(engine: &Engine, case: &Case, what: As) -> anyhow::Result<Row> {
    match engine.start(start(&case.coupon, &case.order, case.here, what)).await? {
        Begun::Started(row) => Ok(row),
        other => anyhow::bail!("did not start: {other:?}"),
    }
}

/// The flow that makes the new coupon.
fn child(row: &Row) -> Option<FlowId> {
    row.flow.reversal()?.terms.items.iter().find_map(|item| match item {
        Item::Replacement { flow, .. } => Some(*flow),
        _ => None,
    })
}

/// Works like the service's worker until both flows are quiet: the reversal, and the new coupon's
/// where it has begun.
pub async fn settle(engine: &Engine, id: FlowId) -> anyhow::Result<(Row, Option<Row>)> {
    let begun = Instant::now();
    loop {
        for row in engine.claim(16).await? {
            match engine.drive(row, false).await {
                Ok(_) | Err(Stopped::LeaseLost) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let row = engine.store.load(id).await?.context("the flow")?;
        let made = match child(&row) {
            Some(id) => engine.store.load(id).await?,
            None => None,
        };
        let quiet = |row: &Row| matches!(row.flow.pending(), Pending::Nothing | Pending::Person);
        if quiet(&row) && made.as_ref().is_none_or(quiet) {
            return Ok((row, made));
        }
        let made = made.map(|row| row.flow.state_name());
        anyhow::ensure!(begun.elapsed() < PATIENCE, "{} {made:?}", row.flow.state_name());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One new coupon and no points; or none, and the points come back when they are asked for.
async fn ends_well(
    case: &Case,
    (engine, database): &(Engine, Database),
    id: FlowId,
) -> anyhow::Result<()> {
    let (row, made) = settle(engine, id).await?;
    let (truth, order) = (case.truth().await?, case.order(database).await?);
    anyhow::ensure!(truth.returns.is_empty(), "points came back: {truth:?}");
    let place = order.coupons.first().context("the coupon")?;
    let stands = matches!(
        made.as_ref().and_then(|row| row.flow.conversion()).map(|flow| &flow.state),
        Some(conversion::State::Completed { .. })
    );
    if stands {
        let code = made.context("the new one")?.flow.subject().to_owned();
        anyhow::ensure!(truth.live == [code.as_str()] && truth.others.len() == 1, "{truth:?}");
        anyhow::ensure!(order.listed.revert_status == "reverted", "{order:?}");
        let told = place.replacement.as_ref().and_then(|new| new.code.clone());
        anyhow::ensure!(told.as_deref() == Some(&code), "{place:?}");
        let (shop, old) = (&case.coupon.terms.shop, &case.coupon.terms.code);
        let linked = replacements::of(database, shop, old).await?;
        anyhow::ensure!(linked.as_deref() == Some(&code), "{linked:?}");
        let again = engine.start(start(&case.coupon, &case.order, false, As::Points)).await?;
        anyhow::ensure!(matches!(again, Begun::Refused(_)), "both: {again:?}");
        return Ok(());
    }
    anyhow::ensure!(truth.others.is_empty(), "a coupon nobody owns: {truth:?}");
    anyhow::ensure!((place.taken, place.open) == (0, 500), "{place:?}");
    let here = case.here && !truth.cancelled;
    let state = row.flow.state_name();
    anyhow::ensure!((state == "failed") == here, "{state} {truth:?}");
    let points = engine.start(start(&case.coupon, &case.order, here, As::Points)).await?;
    let Begun::Started(row) = points else { anyhow::bail!("not free: {points:?}") };
    engine.drive(row.clone(), true).await?;
    settle(engine, row.id).await?;
    anyhow::ensure!(case.truth().await?.returns == [500], "the points are not back");
    Ok(())
}

async fn fault(here: bool, call: &str, how: &str) -> anyhow::Result<()> {
    let case = Case::open(here).await?;
    if call == "shopify.lookup" {
        case.world.fault("shopify.create", "error_after", 1).await?;
    }
    case.world.fault(call, how, 1).await?;
    let open = case.engine().await?;
    let row = begin(&open.0, &case, As::Coupon).await?;
    // On a machine that is busy the lease may be over; whoever claims it goes on.
    let _ = open.0.drive(row.clone(), true).await;
    ends_well(&case, &open, row.id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_breaks_in_every_way_and_one_coupon_comes_back() {
    let mut cases = JoinSet::new();
    for (here, call) in [
        (false, "shopify.create"),
        (false, "shopify.lookup"),
        (false, "shopify.metafield"),
        (true, "shopify.cancel"),
        (true, "shopify.create"),
    ] {
        for how in FAULTS {
            cases.spawn(async move {
                (format!("here {here} {call} {how}"), fault(here, call, how).await)
            });
        }
    }
    all_well(cases).await;
}

/// The process dies at each commit of either flow: before it, or right after.
async fn crash(here: bool, trouble: &str, commits: i32, after: bool) -> anyhow::Result<()> {
    let case = Case::open(here).await?;
    if let Some((call, how)) = trouble.split_once(' ') {
        case.world.fault(call, how, 1).await?;
    }
    let id = {
        let inner: Arc<dyn Store> = Arc::new(Journal::new(case.database().await?));
        let dying = Dying { inner, commits_left: AtomicI32::new(commits), after };
        let engine = engine(Arc::new(dying), case.world.peers(Till::LookUp));
        let row = begin(&engine, &case, As::Coupon).await?;
        if engine.drive(row.clone(), true).await.is_ok() {
            let _ = settle(&engine, row.id).await;
        }
        row.id
    };
    ends_well(&case, &case.engine().await?, id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_process_makes_what_a_dead_one_promised() {
    let mut cases = JoinSet::new();
    let troubles = ["", "shopify.create error_after", "shopify.create apply_later"];
    for trouble in troubles {
        for commits in 0..5 {
            for after in [false, true] {
                cases.spawn(async move {
                    let name = format!("{trouble} commit {commits} after {after}");
                    (name, crash(false, trouble, commits, after).await)
                });
            }
        }
    }
    for commits in 0..6 {
        cases.spawn(async move {
            (format!("here commit {commits}"), crash(true, "", commits, true).await)
        });
    }
    all_well(cases).await;
}

/// Two members of staff at once, one for points and one for a new coupon; and each twice.
async fn race(location: Location) -> anyhow::Result<()> {
    let case = Case::open_at(false, location).await?;
    let open = case.engine().await?;
    let engine = Arc::new(case.second(&open.1));
    let mut presses = JoinSet::new();
    for n in 0..8 {
        let what = if n % 2 == 0 { As::Coupon } else { As::Points };
        let start = start(&case.coupon, &case.order, false, what);
        let engine = Arc::clone(&engine);
        presses.spawn(async move { (what, engine.start(start).await) });
    }
    let mut begun = vec![];
    while let Some(press) = presses.join_next().await {
        if let (what, Begun::Started(row)) =
            press.map(|(what, begun)| begun.map(|of| (what, of)))??
        {
            begun.push((what, row));
        }
    }
    anyhow::ensure!(begun.len() == 1, "{begun:?}");
    let (what, row) = begun.remove(0);
    engine.drive(row.clone(), true).await?;
    match what {
        As::Coupon => ends_well(&case, &open, row.id).await,
        As::Points => {
            settle(&engine, row.id).await?;
            let truth = case.truth().await?;
            anyhow::ensure!(truth.returns == [500] && truth.others.is_empty(), "{truth:?}");
            Ok(())
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn points_or_a_coupon_and_never_both() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    race(Location::Sqlite(folder.path().join("kaeru.db"))).await?;
    let postgres = Postgres::start()?;
    race(Location::Postgres(postgres.database("race")?)).await?;
    for here in [false, true] {
        let location =
            Location::Postgres(postgres.database(if here { "here" } else { "there" })?);
        let case = Case::open_at(here, location).await?;
        let open = case.engine().await?;
        let row = begin(&open.0, &case, As::Coupon).await?;
        open.0.drive(row.clone(), true).await?;
        ends_well(&case, &open, row.id).await?;
    }
    Ok(())
}

/// The coupon that the flow has made.
pub fn standing(row: &Row) -> anyhow::Result<Coupon> {
    let flow = row.flow.conversion().context("a conversion")?;
    match &flow.state {
        conversion::State::Completed { node, .. } => {
            Ok(Coupon { terms: flow.terms.clone(), node: *node })
        }
        other => anyhow::bail!("{other:?}"),
    }
}

/// Whatever becomes of the new coupon, what comes back at last is the first one's deduction, once.
#[tokio::test]
async fn the_new_coupon_is_like_any_other() -> anyhow::Result<()> {
    for then in ["cancelled", "used and back as points", "used and back as a coupon"] {
        let case = Case::open(false).await?;
        let (engine, database) = case.engine().await?;
        let row = begin(&engine, &case, As::Coupon).await?;
        engine.drive(row.clone(), true).await?;
        let (_, made) = settle(&engine, row.id).await?;
        let made = made.context("the new one")?;
        let new = standing(&made)?;
        let started = if then == "cancelled" {
            engine.start(cancellation(&new)).await?
        } else {
            let order = used(&case.world, &database, &new, true).await?;
            let points = then.ends_with("points");
            let what = if points { As::Points } else { As::Coupon };
            engine.start(start(&new, &order, false, what)).await?
        };
        let Begun::Started(row) = started else { anyhow::bail!("{then}: {started:?}") };
        engine.drive(row.clone(), true).await?;
        settle(&engine, row.id).await?;
        let truth = case.truth().await?;
        let points: &[i64] = if then.ends_with("coupon") { &[] } else { &[500] };
        assert_eq!(truth.returns, points, "{then}");
        assert_eq!(truth.live.len(), usize::from(points.is_empty()), "{then}: {truth:?}");
    }
    Ok(())
}
