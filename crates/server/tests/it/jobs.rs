//! Many coupons taken back in one run: tried out first, paused, killed in the middle, gone on with
//! by another process; each coupon's points come back once.

use crate::{
    kill::{config, free_port, token},
    process::{Process, start},
    support::{Till, World, issued},
};
use anyhow::Context;
use domain::{Coupon, Role, ShopId};
use reqwest::Method;
use serde_json::{Value, json};
use server::{
    app::App,
    config::Config,
    ids, jobs,
    leases::{self, Lease},
    store::{
        Database, Location, audit,
        jobs::{self as store, Begun, Job, New, State, Status},
        staff,
    },
};
use std::{
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

pub const STAFF: i64 = 1;

/// A service in this process, and a staff member who may do this.
async fn open(folder: &std::path::Path, world: &World) -> anyhow::Result<Arc<App>> {
    open_with(folder, world, "").await
}

/// The same with more in its configuration.
pub async fn open_with(
    folder: &std::path::Path,
    world: &World,
    more: &str,
) -> anyhow::Result<Arc<App>> {
    let database = format!("sqlite://{}", folder.join("kaeru.db").display());
    let file = folder.join("kaeru.toml");
    std::fs::write(&file, config(&database, &world.base, 1) + more)?;
    let app = App::open(Config::load(&file)?, false).await?;
    if staff::list(&app.database, &ShopId::from("main")).await?.is_empty() {
        let entry = entry(&app, "staff.add");
        let account = staff::Account {
            shop: ShopId::from("main"),
            id: 0,
            email: "ec@example.test".to_owned(),
            name: "Ito".to_owned(),
            role: Role::EcAdmin,
            language: None,
            created_at: app.now(),
            disabled_at: None,
        };
        let id = staff::add(&app.database, account, "-".to_owned(), entry).await?;
        anyhow::ensure!(id == Some(STAFF), "{id:?}");
    }
    Ok(app)
}

pub fn entry(app: &App, act: &'static str) -> audit::Entry {
    audit::Entry {
        id: ids::flow(app.now()),
        shop: ShopId::from("main"),
        at: app.now(),
        by: domain::Actor::System,
        role: None,
        act,
        subject: "test".to_owned(),
        detail: json!({}),
        reason: None,
        note: None,
        origin: None,
        flow: None,
    }
}

fn wanted(app: &App, codes: &[&str], dry_run: bool) -> New {
    let entry = entry(app, "job.begin");
    New {
        kind: jobs::cancel_coupons::KIND,
        dry_run,
        body: json!({"reason": "issued_in_error", "note": null, "notify": false}).to_string(),
        staff: STAFF,
        staff_name: "Ito".to_owned(),
        request: engine::store::Request { key: entry.id.to_string(), fingerprint: "f".to_owned() },
        subjects: codes.iter().map(|code| (*code).to_owned().into()).collect(),
        entry,
    }
}

async fn begin(app: &App, codes: &[&str], dry_run: bool) -> anyhow::Result<Job> {
    match store::begin(&app.database, wanted(app, codes, dry_run)).await? {
        Begun::Started(job) => Ok(job),
        other => anyhow::bail!("not begun: {other:?}"),
    }
}

/// Works like the service until the job is done, moving the clock over its pauses.
async fn finish(app: &Arc<App>, job: &Job) -> anyhow::Result<Job> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        while jobs::step(app).await? {}
        let found = store::find(&app.database, &job.shop, job.id).await?.context("the job")?;
        if found.state != State::Running {
            return Ok(found);
        }
        anyhow::ensure!(Instant::now() < deadline, "stuck: {found:?}");
        app.clock.set(app.now().plus(Duration::from_secs(1)));
        tokio::task::yield_now().await;
    }
}

/// Code, status, problem and points of each row.
pub async fn rows(app: &App, job: &Job) -> anyhow::Result<Vec<(Status, String, Option<i64>)>> {
    let rows = store::rows(&app.database, job.id, None, 0, 1_000).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.status, row.problem.unwrap_or_default(), row.points))
        .collect())
}

fn code(coupon: &Coupon) -> &str {
    coupon.terms.code.as_str()
}

async fn balance(world: &World) -> anyhow::Result<i64> {
    let books = world.books().await?;
    books["points"]["12345"]["balance"].as_i64().context("a balance")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing_and_tells_what_would_come() -> anyhow::Result<()> {
    let (folder, world) = (tempfile::tempdir()?, World::start(Till::LookUp).await?);
    let app = open(folder.path(), &world).await?;
    let (good, used) = (issued(&app.engine).await?, issued(&app.engine).await?);
    assert!(world.redeem(code(&used)).await?);
    let lower = code(&good).to_lowercase();
    let codes = [lower.as_str(), code(&used), "NO-SUCH-CODE"];

    let tried = finish(&app, &begin(&app, &codes, true).await?).await?;
    assert_eq!((tried.state, tried.total, tried.done), (State::Completed, 3, 3));
    // The use is not heard of yet: the real run finds it in Shopify.
    let told = rows(&app, &tried).await?;
    assert_eq!(told[0], (Status::Possible, String::new(), Some(500)));
    assert_eq!(told[2], (Status::Failed, "not-found".to_owned(), None));
    assert_eq!(balance(&world).await?, 250);

    let done = finish(&app, &begin(&app, &codes, false).await?).await?;
    assert_eq!((done.state, done.done), (State::Completed, 3));
    assert_eq!(
        rows(&app, &done).await?,
        [
            (Status::Completed, String::new(), Some(500)),
            (Status::Failed, "coupon-already-used".to_owned(), None),
            (Status::Failed, "not-found".to_owned(), None),
        ]
    );
    assert_eq!(balance(&world).await?, 750);
    // Once more: nothing is left to do.
    let again = finish(&app, &begin(&app, &codes, false).await?).await?;
    assert_eq!(rows(&app, &again).await?[0].1, "coupon-already-cancelled");
    assert_eq!(balance(&world).await?, 750);
    Ok(())
}

/// Whatever goes wrong with the first coupon, its points come back once, and its row says so.
#[tokio::test(flavor = "multi_thread")]
async fn each_fault_ends_in_one_refund() -> anyhow::Result<()> {
    for (call, fault, times) in [
        ("shopify.deactivate", "refuse", 3),
        ("shopify.deactivate", "error_after", 1),
        ("pos.add", "apply_never_answer", 1),
        ("pos.add", "error_before", 1),
        ("pos.add", "error_after", 1),
        ("shopify.orders", "error_before", 2),
    ] {
        let (folder, world) = (tempfile::tempdir()?, World::start(Till::LookUp).await?);
        let app = open(folder.path(), &world).await?;
        let (one, two) = (issued(&app.engine).await?, issued(&app.engine).await?);
        world.fault(call, fault, times).await?;
        let job = begin(&app, &[code(&one), code(&two)], false).await?;
        let worker = tokio::spawn(server::worker::run(Arc::clone(&app)));
        let done = finish(&app, &job).await?;
        app.stop();
        worker.await?;
        assert_eq!(done.state, State::Completed, "{call} {fault}");
        let told = rows(&app, &done).await?;
        let completed = (Status::Completed, String::new(), Some(500));
        assert_eq!(told, [completed.clone(), completed], "{call} {fault}");
        assert_eq!(balance(&world).await?, 1_250, "{call} {fault}");
    }
    Ok(())
}

/// Two processes and a pause at every moment: a row is in one hand, and what a slow hand brings
/// late changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_in_one_hand_and_stops_when_it_is_told() -> anyhow::Result<()> {
    let postgres = crate::postgres::Postgres::start()?;
    let folder = tempfile::tempdir()?;
    let world = World::start(Till::LookUp).await?;
    let app = open(folder.path(), &world).await?;
    let shop = ShopId::from("main");
    let sqlite = app.database.clone();
    let location = Location::Postgres(postgres.database("jobs")?);
    let server = Database::open(&location, app.now()).await?;
    let beside = Database::open(&location, app.now()).await?;
    for (one, other) in [(sqlite.clone(), sqlite), (server, beside)] {
        let new = wanted(&app, &["A", "B"], false);
        let again = new.clone();
        let other_body = New {
            request: engine::store::Request {
                fingerprint: "g".to_owned(),
                ..again.request.clone()
            },
            ..again.clone()
        };
        let (first, second) = futures::join!(
            store::begin(&one, new),
            store::begin(&other, New { entry: entry(&app, "job.begin"), ..again }),
        );
        let (first, second) = (first?, second?);
        let (job, known) = match (first, second) {
            (Begun::Started(job), Begun::Known(known))
            | (Begun::Known(known), Begun::Started(job)) => (job, known),
            other => anyhow::bail!("one key began two jobs, or none: {other:?}"),
        };
        assert_eq!(job.id, known.id);
        let other_body = New { entry: entry(&app, "job.begin"), ..other_body };
        assert!(matches!(store::begin(&one, other_body).await?, Begun::KeyReused));

        let now = app.now();
        let claims = (0..4).map(|n| store::claim([&one, &other][n % 2], now));
        let had: Vec<Job> =
            futures::future::try_join_all(claims).await?.into_iter().flatten().collect();
        assert_eq!(had.len(), 1);
        let due = store::due_rows(&one, job.id, now, 10).await?;
        assert_eq!(due.len(), 2);
        let settled = |nth: usize, status| store::Settled {
            row: store::JobRow { status, tries: 1, ..due[nth].clone() },
            try_at: None,
        };
        // Paused while the batch is under way: what came of it is kept, and nobody goes on.
        assert!(store::pause(&other, &shop, job.id, None, entry(&app, "job.pause")).await?);
        assert!(!store::pause(&other, &shop, job.id, None, entry(&app, "job.pause")).await?);
        let first = settled(0, Status::Completed);
        store::settle(&one, had[0].clone(), vec![first], now).await?;
        let late = now.plus(leases::LEASE * 10);
        assert!(store::claim(&one, late).await?.is_none());
        let found = store::find(&one, &shop, job.id).await?.context("the job")?;
        assert_eq!((found.state, found.done), (State::Paused, 1));
        assert!(store::resume(&other, &shop, job.id, entry(&app, "job.resume")).await?);
        let mine = store::claim(&one, late).await?.context("due again")?;
        // Whoever slept through all this brings old news of the first row.
        let old = settled(0, Status::Failed);
        store::settle(&other, had[0].clone(), vec![old], now).await?;
        assert!(store::claim(&other, late).await?.is_none(), "two have the job");
        let last = settled(1, Status::Failed);
        store::settle(&one, mine, vec![last], late).await?;
        let found = store::find(&one, &shop, job.id).await?.context("the job")?;
        assert_eq!((found.state, found.done, found.total), (State::Completed, 2, 2));
        let counts = store::counts(&one, job.id).await?;
        assert_eq!((counts[&Status::Completed], counts[&Status::Failed]), (1, 1));
        assert!(!store::resume(&one, &shop, job.id, entry(&app, "job.resume")).await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_job_goes_on_elsewhere_once_its_process_ends_or_loses_it() -> anyhow::Result<()> {
    let (folder, world) = (tempfile::tempdir()?, World::start(Till::LookUp).await?);
    let app = open(folder.path(), &world).await?;
    begin(&app, &["A"], false).await?;
    let job = store::claim(&app.database, app.now()).await?.context("the job")?;
    let lease = Lease::Job { id: job.id, epoch: job.epoch };
    // Another process took it while this one slept: the batch is dropped at the next renewal.
    let late = app.now().plus(leases::LEASE);
    let taken = store::claim(&app.database, late).await?.context("the job")?;
    assert_eq!(leases::hold(&app, lease, std::future::pending::<()>()).await, None);
    // Told to end at once, a process gives back what it works on.
    let lease = Lease::Job { id: taken.id, epoch: taken.epoch };
    let work = leases::hold(&app, lease, std::future::pending::<()>());
    let (work, left) = futures::join!(work, app.leave());
    assert_eq!((work, left?), (None, 1));
    assert!(store::claim(&app.database, app.now()).await?.is_some(), "it waits for nothing");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_any_more_stops_their_jobs() -> anyhow::Result<()> {
    let (folder, world) = (tempfile::tempdir()?, World::start(Till::LookUp).await?);
    let app = open(folder.path(), &world).await?;
    let coupon = issued(&app.engine).await?;
    let job = begin(&app, &[code(&coupon)], false).await?;
    let (shop, change) = (ShopId::from("main"), staff::Change::Disable);
    let disabled =
        staff::alter(&app.database, &shop, "ec@example.test", change, entry(&app, "staff.disable"));
    anyhow::ensure!(disabled.await?, "not disabled");
    let stopped = finish(&app, &job).await?;
    assert_eq!(stopped.state, State::Paused);
    assert_eq!(stopped.problem.as_deref(), Some("not-permitted"));
    assert_eq!(balance(&world).await?, 750);
    Ok(())
}

/// The real binary, killed again and again while it takes a dozen coupons back.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_goes_on_where_it_stopped() -> anyhow::Result<()> {
    const COUPONS: usize = 12;
    let folder = tempfile::tempdir()?;
    let (_sandbox, sandbox) = start(&["sandbox", "--listen", "127.0.0.1:0"])?;
    let database = format!("sqlite://{}", folder.path().join("kaeru.db").display());
    let file = folder.path().join("kaeru.toml").display().to_string();
    std::fs::write(&file, config(&database, &sandbox, free_port()?))?;
    let client = reqwest::Client::new();
    let mut service = Some(start(&["serve", "--config", &file])?);
    let base = service.as_ref().map(|(_, base)| base.clone()).unwrap_or_default();

    let codes = convert(&client, &base, &token(&file, 45678)?, COUPONS).await?;
    let slow = json!({"pos.add": 60, "shopify.deactivate": 40});
    client.put(format!("{sandbox}/sandbox/api/latency")).json(&slow).send().await?;
    let staff = staff_token(&file)?;
    let ask = async |method: Method, path: &str, body: Option<Value>| {
        let url = format!("{base}/admin/api/v1{path}");
        let request = client.request(method, url).bearer_auth(&staff);
        let request = request.header("Idempotency-Key", "bulk");
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        anyhow::Ok((status, answer.json::<Value>().await?))
    };
    let csv = format!(
        "customer,code\n{}",
        codes.iter().map(|c| format!("45678,{c}\n")).collect::<String>()
    );
    let wish = json!({"csv": csv, "reason": "issued_in_error", "notify": false});
    let (status, job) = ask(Method::POST, "/coupons/cancel", Some(wish.clone())).await?;
    assert_eq!(status, 202, "{job}");
    let path = format!("/jobs/{}", job["id"].as_str().context("an id")?);
    let deadline = Instant::now() + Duration::from_secs(120);
    let mut killed = 0;
    let done = loop {
        anyhow::ensure!(Instant::now() < deadline, "the job does not end");
        let (status, now) = ask(Method::GET, &path, None).await?;
        assert_eq!(status, 200, "{now}");
        if now["status"] == "completed" {
            break now;
        }
        // While some rows are under way.
        let begun = now["done"].as_i64() >= Some(4 * killed);
        if killed < 2 && begun {
            drop(service.take());
            service = Some(restart(&file).await?);
            killed += 1;
            let (status, same) = ask(Method::POST, "/coupons/cancel", Some(wish.clone())).await?;
            assert_eq!((status, &same["id"]), (202, &job["id"]));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(killed, 2);
    assert_eq!(done["counts"]["completed"], json!(COUPONS), "{done}");
    let books: Value =
        client.get(format!("{sandbox}/sandbox/api/books")).send().await?.json().await?;
    assert_eq!(books["points"]["45678"]["balance"], 52_000);
    let refunds = books["points"]["45678"]["movements"].as_array().context("movements")?;
    let refunds = refunds.iter().filter(|m| m["amount"] == 100).count();
    assert_eq!(refunds, COUPONS);
    Ok(())
}

/// So many coupons of 100 points.
pub async fn convert(
    client: &reqwest::Client,
    base: &str,
    customer: &str,
    count: usize,
) -> anyhow::Result<Vec<String>> {
    let mut codes = Vec::new();
    for n in 0..count {
        let request = client.post(format!("{base}/storefront/v1/conversions"));
        let request = request.bearer_auth(customer).header("Idempotency-Key", format!("c{n}"));
        let said: Value = request.json(&json!({"points": 100})).send().await?.json().await?;
        codes.push(said["coupon"]["code"].as_str().context("a code")?.to_owned());
    }
    Ok(codes)
}

/// A personal token of somebody who may do this.
pub fn staff_token(file: &str) -> anyhow::Result<String> {
    let who = ["--shop", "main", "--email", "ec@example.test", "--name", "Ito"];
    let kaeru = |act: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kaeru"));
        command.args(["staff", act]).args(who).args(more).args(["--config", file]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let mut added = kaeru("add", &["--role", "ec_admin"]).spawn()?;
    added.stdin.take().context("stdin")?.write_all(b"a-password-for-this-test\n")?;
    let added = added.wait_with_output()?;
    anyhow::ensure!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let made = kaeru("token", &[]).output()?;
    anyhow::ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(String::from_utf8(made.stdout)?.trim().to_owned())
}

pub async fn restart(file: &str) -> anyhow::Result<(Process, String)> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        // The port is free a moment after its owner died.
        match start(&["serve", "--config", file]) {
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => tokio::task::yield_now().await,
            started => return started,
        }
    }
}
