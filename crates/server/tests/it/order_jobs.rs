//! Many orders cancelled, or given back, in one run: tried out first, paused, killed in the middle,
//! with every call broken in every way; each order's points and store credit come back once.

use crate::{
    cancellations::all_well,
    jobs::{STAFF, convert, entry, open_with, restart, rows, staff_token},
    kill::{config, free_port, token},
    process::start,
    support::{FAULTS, Till, World, settle, wish},
};
use anyhow::Context;
use domain::{
    Code, Conversion, CustomerId, Flow, MemberNo, OrderId, PosId, ShopId, effect::Reason,
    reversal::State as Of,
};
use engine::store::{Begun as Started, Request, Start};
use reqwest::Method;
use serde_json::{Value, json};
use server::{
    app::App,
    jobs::{self, orders::CANCEL, orders::REVERT},
    orders,
    store::{
        jobs::{self as store, Begun, Job, New, State, Status, Subject},
        order_lists,
    },
};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{task::JoinSet, time::Instant};

/// Nothing is waited for that Shopify does not do by itself.
const SOON: &str = "\n[shop.reversals]\nshopify_reverts = \"1s\"\n";
const FIRST: u64 = 5_000;
const CREDIT: i64 = 300;
/// What a customer has before an order; another amount than comes back, so that it is told apart.
const FUNDS: i64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(150);
/// Longer than anything takes to land.
const QUIET: Duration = Duration::from_secs(8);

#[derive(Clone, Debug)]
pub struct Placed {
    pub id: String,
    pub code: String,
    pub customer: u64,
}

/// Customers with an order or more each, paid in part by a coupon and by store credit.
pub struct Bulk {
    _folder: TempDir,
    pub world: World,
    pub app: Arc<App>,
    pub orders: Vec<Placed>,
}

fn conversion(customer: u64) -> Start {
    let start = wish(true);
    let Flow::Conversion(Conversion { mut terms, .. }) = start.flow else {
        unreachable!("a conversion's wish")
    };
    let number = customer.to_string();
    terms.customer = CustomerId(customer);
    terms.pos_id = PosId(number.clone());
    terms.member_no = MemberNo(number.clone());
    terms.code = Code(terms.code.0.replacen("70934", &number, 1));
    Start { flow: Flow::Conversion(Conversion::accept(terms, true)), ..start }
}

async fn issued(app: &App, customer: u64) -> anyhow::Result<String> {
    let Started::Started(row) = app.engine.start(conversion(customer)).await? else {
        anyhow::bail!("not begun")
    };
    let id = row.id;
    let _ = app.engine.drive(row, true).await;
    let row = settle(&app.engine, id, Duration::from_secs(60)).await?;
    Ok(row.flow.terms().context("terms")?.code.to_string())
}

impl Bulk {
    /// `cancelled`: at Shopify, where nothing gives the credit back.
    async fn open(count: u64, cancelled: bool) -> anyhow::Result<Self> {
        Self::open_with(count, 2, cancelled, "").await
    }

    /// So many orders, `each` of a customer, with more in `[shop.reversals]`.
    pub async fn open_with(
        count: u64,
        each: u64,
        cancelled: bool,
        more: &str,
    ) -> anyhow::Result<Self> {
        let (folder, world) = (tempfile::tempdir()?, World::start(Till::LookUp).await?);
        let app = open_with(folder.path(), &world, &format!("{SOON}{more}")).await?;
        let customers = json!({"from": FIRST, "count": count.div_ceil(each), "balance": 1_000});
        let mut bulk = Self { _folder: folder, world, app, orders: vec![] };
        bulk.switch(Method::POST, "customers/bulk", customers).await?;
        if cancelled {
            bulk.switch(Method::PUT, "settings", json!({"auto_revert": false})).await?;
        }
        for customer in (0..count).map(|n| FIRST + n / each) {
            let code = issued(&bulk.app, customer).await?;
            let credit = json!({"customer": customer.to_string(), "amount": FUNDS.to_string()});
            bulk.switch(Method::POST, "credits", credit).await?;
            let cart = json!({"customer": customer.to_string(), "code": code,
                "credit": CREDIT.to_string(), "total": "3000"});
            let placed = bulk.switch(Method::POST, "orders", cart).await?;
            let id = placed["id"].as_str().context("an id")?.to_owned();
            if cancelled {
                let how = json!({"by": "expired_payment", "refund": false});
                bulk.switch(Method::POST, &format!("orders/{id}/cancel"), how).await?;
            }
            let shop = bulk.app.shops.values().next().context("a shop")?;
            orders::fetch(&bulk.app, shop, &OrderId(id.clone())).await?;
            bulk.orders.push(Placed { id, code, customer });
        }
        Ok(bulk)
    }

    pub async fn switch(&self, method: Method, path: &str, body: Value) -> anyhow::Result<Value> {
        let url = format!("{}/sandbox/api/{path}", self.world.base);
        let answer = self.world.client.request(method, url).json(&body).send().await?;
        anyhow::ensure!(answer.status().is_success(), "{path}: {}", answer.text().await?);
        Ok(answer.json().await?)
    }

    pub fn ids(&self) -> Vec<Subject> {
        self.orders.iter().map(|order| order.id.clone().into()).collect()
    }

    pub async fn begin(
        &self,
        kind: &'static str,
        subjects: Vec<Subject>,
        body: Value,
        dry_run: bool,
    ) -> anyhow::Result<Job> {
        let entry = entry(&self.app, "job.begin");
        let new = New {
            kind,
            dry_run,
            body: body.to_string(),
            staff: STAFF,
            staff_name: "Ito".to_owned(),
            request: Request { key: entry.id.to_string(), fingerprint: "f".to_owned() },
            subjects,
            entry,
        };
        match store::begin(&self.app.database, new).await? {
            Begun::Started(job) => Ok(job),
            other => anyhow::bail!("not begun: {other:?}"),
        }
    }

    /// Works like the service until the job is done. Where nothing has changed for so long that all
    /// that was sent has landed, the clock jumps over the horizons.
    pub async fn finish(&self, job: &Job) -> anyhow::Result<Job> {
        let app = &self.app;
        let worker = tokio::spawn(server::worker::run(Arc::clone(app)));
        let begun = Instant::now();
        let (mut seen, mut since) = (String::new(), begun);
        let done = loop {
            while jobs::step(app).await? {}
            let found = store::find(&app.database, &job.shop, job.id).await?.context("the job")?;
            if found.state != State::Running {
                break found;
            }
            self.judge(job).await?;
            let faults = format!("{}/sandbox/api/faults", self.world.base);
            let left: Value = self.world.client.get(faults).send().await?.json().await?;
            let now = format!("{} {:?}", left["faults"], rows(app, job).await?);
            anyhow::ensure!(begun.elapsed() < PATIENCE, "stuck: {now}");
            if now != seen {
                (seen, since) = (now, Instant::now());
            } else if since.elapsed() > QUIET {
                // What is sent from now on is dated by another clock than Shopify's.
                let left = left["faults"].as_array().is_some_and(Vec::is_empty);
                anyhow::ensure!(left, "a fault met nothing: {seen}");
                app.clock.set(app.now().plus(Duration::from_secs(700)));
                since = Instant::now();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        worker.abort();
        // What waited for a person when the job was done with it.
        while self.judge(job).await? {
            anyhow::ensure!(begun.elapsed() < PATIENCE, "stuck: {:?}", rows(app, job).await?);
            for row in app.engine.claim(16).await? {
                let _ = app.engine.drive(row, false).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(done)
    }

    /// A person says of what was refused that it did not happen; true while a flow is under way.
    async fn judge(&self, job: &Job) -> anyhow::Result<bool> {
        let mut goes_on = false;
        for row in store::rows(&self.app.database, job.id, None, 0, 1_000).await? {
            let Some(id) = row.flow else { continue };
            let found = self.app.engine.store.load(id).await?.context("the flow")?;
            match &found.flow.reversal().context("a reversal")?.state {
                Of::Ended { .. } | Of::Failed { .. } => {}
                Of::InReview { reason, .. } => {
                    anyhow::ensure!(*reason == Reason::RefundRefused, "{reason:?}");
                    self.app.engine.judge(id, found.version, false).await?;
                    goes_on = true;
                }
                _ => goes_on = true,
            }
        }
        Ok(goes_on)
    }

    /// By the other side's books: each order's points came back once, each customer's credit too.
    pub async fn all_back(&self) -> anyhow::Result<()> {
        let books = self.world.books().await?;
        for Placed { id, code, customer } in &self.orders {
            let customer = customer.to_string();
            let reference = format!("ORDER-{id}-{code}");
            let moved = books["points"][&customer]["movements"].as_array().cloned();
            let moved = moved.unwrap_or_default();
            // What was freed once comes back under the next part's reference.
            let back: Vec<_> = moved.iter().filter(|of| is_of(of, &reference)).collect();
            anyhow::ensure!(back.len() == 1, "{reference}: {back:?}");
            let two = self.orders.iter().filter(|of| of.customer.to_string() == customer).count();
            let whole = FUNDS * i64::try_from(two)?;
            let balance = books["credits"][&customer][0]["balance"].to_string();
            let balance: f64 = balance.trim_matches('"').parse()?;
            #[expect(clippy::cast_precision_loss, reason = "a test's small number")]
            let wrong = (balance - whole as f64).abs() > f64::EPSILON;
            anyhow::ensure!(!wrong, "{customer}: {balance} of {whole}: {}", books["credits"]);
        }
        Ok(())
    }

    pub async fn points_back(&self) -> anyhow::Result<usize> {
        let books = self.world.books().await?;
        Ok(self
            .orders
            .iter()
            .filter(|Placed { id, code, customer }| {
                let reference = format!("ORDER-{id}-{code}");
                let moved = books["points"][customer.to_string()]["movements"].as_array();
                moved.into_iter().flatten().any(|of| is_of(of, &reference))
            })
            .count())
    }

    async fn revert_status(&self, id: &str) -> anyhow::Result<String> {
        let found = order_lists::find(&self.app.database, &ShopId::from("main"), id).await?;
        Ok(found.context("the order")?.listed.revert_status)
    }
}

fn is_of(movement: &Value, reference: &str) -> bool {
    movement["reference"].as_str().is_some_and(|of| of.starts_with(reference))
}

pub fn both() -> Value {
    json!({"points": true, "credits": true, "notify": false})
}

fn cancelled_and_back() -> Value {
    json!({"reason": "inventory", "points": true, "credits": true, "notify": false})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_what_would_come_and_each_row_has_its_own_choice() -> anyhow::Result<()> {
    let bulk = Bulk::open(3, true).await?;
    let own = |n: usize, points: bool, credits: bool| Subject {
        name: bulk.orders[n].id.clone(),
        wish: Some(json!({"points": points, "credits": credits}).to_string()),
    };
    let subjects = || vec![own(0, true, false), own(1, false, true), "#1003".to_owned().into()];
    let elsewhere = || "9999999".to_owned().into();
    let with = |one: Subject| subjects().into_iter().chain([one]).collect::<Vec<_>>();

    let trial = bulk.begin(REVERT, with(elsewhere()), both(), true).await?;
    let trial = bulk.finish(&trial).await?;
    let told = store::rows(&bulk.app.database, trial.id, None, 0, 10).await?;
    let said: Vec<_> = told.iter().map(|row| (row.status, row.points)).collect();
    let possible = |points| (Status::Possible, Some(points));
    assert_eq!(said, [possible(500), possible(0), possible(500), (Status::Failed, None)]);
    let credit = |row: &store::JobRow| -> anyhow::Result<Value> {
        let told: Value = serde_json::from_str(row.told.as_deref().context("told")?)?;
        Ok(told["credit"].clone())
    };
    assert_eq!([credit(&told[0])?, credit(&told[1])?, credit(&told[2])?], [0, 300, 300]);
    assert_eq!(bulk.points_back().await?, 0, "a trial changes nothing");

    let job = bulk.begin(REVERT, with(elsewhere()), both(), false).await?;
    let done = bulk.finish(&job).await?;
    let found = rows(&bulk.app, &done).await?;
    let completed = |points| (Status::Completed, String::new(), Some(points));
    let unknown = (Status::Failed, "not-found".to_owned(), None);
    assert_eq!(found, [completed(500), completed(0), completed(500), unknown]);
    for (n, status) in ["partly_reverted", "partly_reverted", "reverted"].into_iter().enumerate() {
        assert_eq!(bulk.revert_status(&bulk.orders[n].id).await?, status, "{n}");
    }
    // The rest, and what is back already says so.
    let rest = bulk.begin(REVERT, bulk.ids(), both(), false).await?;
    let found = rows(&bulk.app, &bulk.finish(&rest).await?).await?;
    let again = (Status::Failed, "already-reverted".to_owned(), None);
    assert_eq!(found, [completed(0), completed(500), again]);
    bulk.all_back().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_bulk_cancellation_leaves_all_not_reverted() -> anyhow::Result<()> {
    let bulk = Bulk::open(2, false).await?;
    bulk.switch(Method::PUT, "settings", json!({"auto_revert": false})).await?;
    let plain = json!({"reason": "inventory", "points": false, "credits": false, "notify": false});
    let stands = bulk.begin(REVERT, bulk.ids(), both(), true).await?;
    let found = rows(&bulk.app, &bulk.finish(&stands).await?).await?;
    assert!(found.iter().all(|row| row.1 == "order-not-cancelled"), "{found:?}");
    let job = bulk.begin(CANCEL, bulk.ids(), plain, false).await?;
    bulk.finish(&job).await?;
    for order in &bulk.orders {
        assert_eq!(bulk.revert_status(&order.id).await?, "not_reverted");
    }
    assert_eq!(bulk.points_back().await?, 0);
    let job = bulk.begin(REVERT, bulk.ids(), both(), false).await?;
    let done = rows(&bulk.app, &bulk.finish(&job).await?).await?;
    assert!(done.iter().all(|row| row.0 == Status::Completed), "{done:?}");
    bulk.all_back().await
}

/// Each order meets another fault of that call; whatever a run leaves, the next one brings.
async fn broken(kind: &'static str, call: &str) -> anyhow::Result<()> {
    let bulk = Bulk::open_with(12, 1, kind == REVERT, "").await?;
    match call {
        "pos.lookup" => bulk.world.fault("pos.add", "error_after", 10).await?,
        "shopify.customer" => bulk.world.fault("shopify.credit", "error_after", 10).await?,
        _ => {}
    }
    for how in FAULTS {
        bulk.world.fault(call, how, 1).await?;
    }
    // The second of its expiry tells a credit apart.
    let mut body = if kind == CANCEL { cancelled_and_back() } else { both() };
    body["extend_to"] = json!("2031-01-01T00:00:00Z");
    let job = bulk.begin(kind, bulk.ids(), body.clone(), false).await?;
    let done = bulk.finish(&job).await?;
    let mut told = vec![rows(&bulk.app, &done).await?];
    // What Shopify refused to cancel, or what was down too long, is asked for once more.
    let again = bulk.begin(kind, bulk.ids(), body, false).await?;
    told.push(rows(&bulk.app, &bulk.finish(&again).await?).await?);
    bulk.all_back().await.with_context(|| format!("{told:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_breaks_in_every_way_and_everything_comes_back_once() {
    let mut cases = JoinSet::new();
    let calls = ["shopify.orders", "shopify.credit", "shopify.customer", "pos.add", "pos.lookup"];
    let revert = calls.map(|call| (REVERT, call));
    let cancel = ["shopify.cancel", "shopify.job", "pos.add"].map(|call| (CANCEL, call));
    for (kind, call) in revert.into_iter().chain(cancel) {
        cases.spawn(async move { (format!("{kind} {call}"), broken(kind, call).await) });
    }
    all_well(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_over_the_same_orders_give_back_once() -> anyhow::Result<()> {
    let bulk = Bulk::open(8, true).await?;
    let one = bulk.begin(REVERT, bulk.ids(), both(), false).await?;
    let other = bulk.begin(REVERT, bulk.ids(), both(), false).await?;
    let (first, second) = tokio::join!(bulk.finish(&one), bulk.finish(&other));
    let (first, second) = (first?, second?);
    let first = rows(&bulk.app, &first).await?;
    let second = rows(&bulk.app, &second).await?;
    for (one, other) in first.iter().zip(&second) {
        let completed = [one, other].iter().filter(|row| row.0 == Status::Completed).count();
        let told = [one, other].iter().filter(|row| row.1 == "already-reverted").count();
        assert_eq!((completed, told), (1, 1), "{one:?} {other:?}");
    }
    bulk.all_back().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_run_gives_nothing_back_until_it_goes_on() -> anyhow::Result<()> {
    let bulk = Bulk::open(4, true).await?;
    let (app, shop) = (&bulk.app, ShopId::from("main"));
    let job = bulk.begin(REVERT, bulk.ids(), both(), false).await?;
    store::pause(&app.database, &shop, job.id, None, entry(app, "job.pause")).await?;
    assert_eq!(bulk.finish(&job).await?.state, State::Paused);
    assert_eq!(bulk.points_back().await?, 0);
    store::resume(&app.database, &shop, job.id, entry(app, "job.resume")).await?;
    assert_eq!(bulk.finish(&job).await?.state, State::Completed);
    bulk.all_back().await
}

/// An order of the customer's with each of the codes, cancelled at Shopify.
async fn cancelled_orders(
    client: &reqwest::Client,
    sandbox: &str,
    codes: &[String],
) -> anyhow::Result<Vec<String>> {
    let switch = async |path: String, body: Value| {
        let url = format!("{sandbox}/sandbox/api/{path}");
        let answer = client.post(url).json(&body).send().await?.error_for_status()?;
        anyhow::Ok(answer.json::<Value>().await?)
    };
    let mut ids = Vec::new();
    for code in codes {
        let cart = json!({"customer": "45678", "code": code, "total": "3000"});
        let placed = switch("orders".to_owned(), cart).await?;
        let id = placed["id"].as_str().context("an id")?.to_owned();
        switch(format!("orders/{id}/cancel"), json!({"by": "expired_payment"})).await?;
        ids.push(id);
    }
    Ok(ids)
}

/// The real binary, killed twice while it gives back two dozen orders.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_goes_on_giving_back() -> anyhow::Result<()> {
    const ORDERS: usize = 24;
    let folder = tempfile::tempdir()?;
    let (_sandbox, sandbox) = start(&["sandbox", "--listen", "127.0.0.1:0"])?;
    let database = format!("sqlite://{}", folder.path().join("kaeru.db").display());
    let file = folder.path().join("kaeru.toml").display().to_string();
    std::fs::write(&file, config(&database, &sandbox, free_port()?) + SOON)?;
    let client = reqwest::Client::new();
    let (service, base) = start(&["serve", "--config", &file])?;
    let codes = convert(&client, &base, &token(&file, 45678)?, ORDERS).await?;
    drop(service);
    let ids = cancelled_orders(&client, &sandbox, &codes).await?;
    // It reads at its start what it has missed.
    let mut service = Some(restart(&file).await?);
    let slow = json!({"pos.add": 60});
    client.put(format!("{sandbox}/sandbox/api/latency")).json(&slow).send().await?;
    let staff = staff_token(&file)?;
    let ask = async |method: Method, path: &str, body: Option<Value>| {
        let request = client.request(method, format!("{base}/admin/api/v1{path}"));
        let request = request.bearer_auth(&staff).header("Idempotency-Key", "bulk");
        let answer = match body {
            Some(body) => request.json(&body).send().await?,
            None => request.send().await?,
        };
        let status = answer.status().as_u16();
        anyhow::Ok((status, answer.json::<Value>().await?))
    };
    let deadline = Instant::now() + PATIENCE;
    let waiting = "/orders?revert_status=not_reverted&limit=100";
    while ask(Method::GET, waiting, None).await?.1["items"].as_array().map(Vec::len) != Some(ORDERS)
    {
        anyhow::ensure!(Instant::now() < deadline, "the orders never became known");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let wish = json!({"orders": ids});
    let (status, job) = ask(Method::POST, "/orders/revert", Some(wish.clone())).await?;
    assert_eq!(status, 202, "{job}");
    let path = format!("/jobs/{}", job["id"].as_str().context("an id")?);
    let mut killed = 0;
    let done = loop {
        anyhow::ensure!(Instant::now() < deadline, "the job does not end");
        let (status, now) = ask(Method::GET, &path, None).await?;
        assert_eq!(status, 200, "{now}");
        if now["status"] == "completed" {
            break now;
        }
        if killed < 2 {
            drop(service.take());
            service = Some(restart(&file).await?);
            killed += 1;
            let (status, same) = ask(Method::POST, "/orders/revert", Some(wish.clone())).await?;
            assert_eq!((status, &same["id"]), (202, &job["id"]));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(done["counts"]["completed"], json!(ORDERS), "{done}");
    let books: Value =
        client.get(format!("{sandbox}/sandbox/api/books")).send().await?.json().await?;
    assert_eq!(books["points"]["45678"]["balance"], 52_000);
    Ok(())
}
