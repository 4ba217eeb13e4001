//! Kaeru as its own points book: conversions and cancellations over HTTP on both databases, and
//! engines that die at every commit.

use crate::{
    crashes::Dying,
    kill::{free_port, quiet, token},
    ledger::{holder, seed},
    postgres::Postgres,
    process::{Process, start},
    support::{Till, World, begin, cancellation, engine, issued, open_at, settle, state},
};
use anyhow::Context;
use domain::{PosId, Reference, ShopId, conversion::State};
use engine::{
    ports::{Clock, Peers},
    store::{Begun, Store},
};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use server::{
    book::{Book, Settings},
    clock::{SharedClock, SystemClock},
    store::{
        Database, Journal, Location,
        ledger::{self, History, MovementRow},
    },
};
use std::{
    io::Write,
    process::{Command, Stdio},
    sync::{Arc, atomic::AtomicI32},
    time::Duration,
};
use tempfile::TempDir;
use tokio::task::JoinSet;

pub const TILL_TOKEN: &str = "a-token-that-the-till-shows";

fn config(database: &str, sandbox: &str, port: u16) -> String {
    let text = crate::kill::config(database, sandbox, port);
    let (before, rest) = text.split_once("[shop.points]").unwrap_or_default();
    let after = rest.split_once("[shop.rules]").map_or("", |(_, after)| after);
    let points = "[shop.points]\nkind = \"builtin\"\nvalid_days = 365\n";
    let main = format!("{before}{points}token = \"{TILL_TOKEN}\"\n[shop.rules]{after}");
    // A second shop that no till uses.
    let shop = text.split_once("[[shop]]").map_or("", |(_, shop)| shop);
    let other = shop.replace("\"main\"", "\"other\"").replace("a-secret", "another-secret");
    let (before, _) = other.split_once("[shop.points]").unwrap_or_default();
    format!("{main}\n[[shop]]{before}{points}[shop.rules]{after}")
}

/// `kaeru serve` with its own points book, beside a sandbox Shopify.
pub struct Service {
    pub base: String,
    pub client: reqwest::Client,
    pub file: String,
    _process: Process,
    _sandbox: Process,
    _folder: TempDir,
}

/// Runs `kaeru` with these arguments, and says what it printed.
pub fn kaeru(arguments: &[&str], input: &str) -> anyhow::Result<(bool, String)> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kaeru"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().context("stdin")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    let done = output.status.success();
    let said = if done { output.stdout } else { [output.stdout, output.stderr].concat() };
    Ok((done, String::from_utf8(said)?))
}

impl Service {
    /// The customers have so many points. `url`: a database of one's own; `None`: SQLite.
    pub async fn start(url: Option<String>, points: &[(&str, i64)]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (sandbox, sandbox_at) = start(&["sandbox", "--listen", "127.0.0.1:0"])?;
        let sqlite = format!("sqlite://{}", folder.path().join("kaeru.db").display());
        let url = url.unwrap_or(sqlite);
        let now = SystemClock.now();
        let database = Database::open(&Location::parse(&url)?, now).await?;
        for (id, amount) in points {
            seed(&database, id, *amount, now).await?;
        }
        drop(database);
        let file = folder.path().join("kaeru.toml");
        std::fs::write(&file, config(&url, &sandbox_at, free_port()?))?;
        let file = file.to_str().context("a path in UTF-8")?.to_owned();
        let (process, base) = start(&["serve", "--config", &file])?;
        let client = reqwest::Client::new();
        Ok(Self { base, client, file, _process: process, _sandbox: sandbox, _folder: folder })
    }

    /// A personal token for the role.
    pub fn staff(&self, role: &str) -> anyhow::Result<String> {
        self.staff_of("main", role)
    }

    pub fn staff_of(&self, shop: &str, role: &str) -> anyhow::Result<String> {
        let (email, at) = (format!("{role}@demo.test"), ["--config", &self.file]);
        let shop = ["--shop", shop, "--email", &email];
        let add = [&["staff", "add", "--name", "Sato", "--role", role], &shop[..], &at].concat();
        let (done, said) = kaeru(&add, "a-long-password\n")?;
        anyhow::ensure!(done, "{said}");
        let token = [&["staff", "token", "--name", "test"], &shop[..], &at].concat();
        let (done, said) = kaeru(&token, "")?;
        anyhow::ensure!(done, "{said}");
        Ok(said.trim().to_owned())
    }

    pub async fn convert(
        &self,
        customer: u64,
        points: i64,
        key: &str,
    ) -> anyhow::Result<(u16, Value)> {
        let sent = self
            .client
            .post(format!("{}/storefront/v1/conversions", self.base))
            .bearer_auth(token(&self.file, customer)?)
            .header("Idempotency-Key", key)
            .json(&json!({"points": points}));
        told(sent.send().await?).await
    }

    pub async fn post(
        &self,
        token: &str,
        path: &str,
        key: &str,
        body: Value,
    ) -> anyhow::Result<(u16, Value)> {
        let sent = self.client.post(format!("{}{path}", self.base)).bearer_auth(token);
        told(sent.header("Idempotency-Key", key).json(&body).send().await?).await
    }

    pub async fn get(&self, token: &str, path: &str) -> anyhow::Result<(u16, Value)> {
        let sent = self.client.get(format!("{}{path}", self.base)).bearer_auth(token);
        told(sent.send().await?).await
    }
}

async fn told(answer: reqwest::Response) -> anyhow::Result<(u16, Value)> {
    Ok((answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null)))
}

async fn exchange_and_back(url: Option<String>) -> anyhow::Result<()> {
    let service = Service::start(url, &[("12345", 1_250)]).await?;
    let manager = service.staff("store_manager")?;
    let (status, made) = service.convert(12345, 500, "one").await?;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["balance"], json!({"before": 1_250, "after": 750}));
    let (again, same) = service.convert(12345, 500, "one").await?;
    assert_eq!((again, &same["coupon"]["code"]), (201, &made["coupon"]["code"]));
    let (status, short) = service.convert(12345, 1_200, "two").await?;
    assert_eq!(status, 422, "{short}");

    let code = made["coupon"]["code"].as_str().context("a code")?;
    let path = format!("/admin/api/v1/coupons/{code}/cancel");
    let body = json!({"reason": "customer_request", "notify": false});
    for _ in 0..2 {
        let (status, done) = service.post(&manager, &path, "back", body.clone()).await?;
        assert_eq!(status, 200, "{done}");
        assert_eq!(done["points_refunded"], 500);
        assert_eq!(done["balance"], json!({"before": 750, "after": 1_250}));
    }
    let customer = token(&service.file, 12345)?;
    let (_, points) = service.get(&customer, "/storefront/v1/points").await?;
    assert_eq!(points["balance"], 1_250, "{points}");
    assert_eq!(points["expiring"], json!([]), "the seed's lot never ends: {points}");
    let ec = service.staff("ec_admin")?;
    let grant = json!({"points": 40, "reason": "hello", "expires_at": "2099-03-31"});
    let (status, _) = service.post(&ec, "/admin/api/v1/customers/12345/grants", "g", grant).await?;
    assert_eq!(status, 200);
    let (_, points) = service.get(&customer, "/storefront/v1/points").await?;
    assert_eq!(points["expiring"], json!([{"points": 40, "expires_at": "2099-03-31T14:59:59Z"}]));
    let (_, page) = service.get(&customer, "/storefront/v1/history?limit=2").await?;
    assert_eq!(page["items"][0]["reason"], "hello", "{page}");
    let cursor = page["next_cursor"].as_str().context("a cursor")?;
    let path = format!("/storefront/v1/history?cursor={cursor}");
    let (_, page) = service.get(&customer, &path).await?;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2), "{page}");
    quiet(&service.client, &service.base).await?;
    for (command, said) in [
        (
            &["reconcile", "--shop", "main"][..],
            "1 coupons, 2 movements, 1 discounts at Shopify, 1 metafields, 0",
        ),
        (&["export", "--shop", "main", "balances"], "12345,1290"),
        (&["export", "--shop", "main", "lots"], "12345,2,40,40"),
        (&["export", "--shop", "main", "movements"], "Coupon conversion"),
        (&["export", "--shop", "main", "coupons"], "cancelled"),
        (&["export", "--shop", "main", "customers"], "Yamada Taro"),
        (&["doctor"], "schema is up to date"),
        (&["doctor"], "own books add up"),
    ] {
        let (done, found) = kaeru(&[command, &["--config", &service.file]].concat(), "")?;
        // The doctor misses mail and webhooks here.
        assert!((done || command == ["doctor"]) && found.contains(said), "{command:?}: {found}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn points_become_a_coupon_and_come_back_on_sqlite() -> anyhow::Result<()> {
    exchange_and_back(None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn points_become_a_coupon_and_come_back_on_postgresql() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    exchange_and_back(Some(postgres.database("kaeru")?)).await
}

/// An engine's peers: the sandbox's Shopify, and the ledger in this database.
pub fn peers(world: &World, database: &Database) -> Peers {
    let settings = Settings { valid_days: None, return_days: 30, token: None };
    let book = Book {
        unit: domain::ledger::Unit::Points,
        shop: ShopId::from("main"),
        zone: TimeZone::UTC,
        settings,
        database: database.clone(),
        clock: SharedClock::default(),
    };
    Peers { points: Arc::new(book), ..world.peers(Till::LookUp) }
}

pub async fn movements(database: &Database) -> anyhow::Result<Vec<MovementRow>> {
    let page = History { before: None, most: 100 };
    let mut found = ledger::history(database, &holder("12345"), page).await?;
    found.retain(|movement| !movement.reference.starts_with("SEED"));
    Ok(found)
}

async fn open(folder: &TempDir) -> anyhow::Result<Database> {
    open_at(&Location::Sqlite(folder.path().join("kaeru.db"))).await
}

/// The process dies at the nth commit of a conversion, and the next at the nth of its cancellation.
async fn crash(commits: i32, after: bool) -> anyhow::Result<()> {
    let (world, folder) = (World::start(Till::LookUp).await?, tempfile::tempdir()?);
    let dying = |database: &Database| Dying {
        inner: Arc::new(Journal::new(database.clone())),
        commits_left: AtomicI32::new(commits),
        after,
    };
    let database = open(&folder).await?;
    seed(&database, "12345", 1_250, SystemClock.now()).await?;
    let id = {
        let engine = engine(Arc::new(dying(&database)), peers(&world, &database));
        let row = begin(&engine, commits % 2 == 0).await?;
        let id = row.id;
        // Ends in an error where it died, and by itself where it was done before.
        let _ = engine.drive(row, true).await;
        id
    };
    drop(database);
    let database = open(&folder).await?;
    let store: Arc<dyn Store> = Arc::new(Journal::new(database.clone()));
    let whole = engine(Arc::clone(&store), peers(&world, &database));
    let row = settle(&whole, id, Duration::from_secs(60)).await?;
    let code = &row.flow.terms().expect("a coupon").code;
    let deduction = Reference::of_conversion(code);
    let live = async || {
        let books = world.books().await?;
        let coupons = books["coupons"].as_array().cloned().unwrap_or_default();
        let live = coupons.iter().any(|of| of["code"] == code.as_str() && of["live"] == true);
        anyhow::Ok(live)
    };
    match state(&row) {
        State::Completed { .. } => {
            let moved = movements(&database).await?;
            anyhow::ensure!(moved.len() == 1 && moved[0].amount == -500, "{moved:?}");
            anyhow::ensure!(moved[0].reference == deduction.as_str() && live().await?);
        }
        other => {
            anyhow::ensure!(movements(&database).await?.is_empty(), "{other:?}");
            anyhow::ensure!(!live().await?, "{other:?}");
        }
    }
    let coupon = issued(&whole).await?;
    let before = movements(&database).await?.len();
    let id = {
        let engine = engine(Arc::new(dying(&database)), peers(&world, &database));
        let Begun::Started(row) = engine.start(cancellation(&coupon)).await? else {
            anyhow::bail!("did not start");
        };
        let id = row.id;
        let _ = engine.drive(row, true).await;
        id
    };
    drop((whole, store, database));
    let database = open(&folder).await?;
    let whole = engine(Arc::new(Journal::new(database.clone())), peers(&world, &database));
    settle(&whole, id, Duration::from_secs(60)).await?;
    let moved = movements(&database).await?;
    anyhow::ensure!(moved.len() == before + 1 && moved[0].amount == 500, "{moved:?}");
    let of = Reference::of_conversion(&coupon.terms.code);
    anyhow::ensure!(moved[0].linked_to.as_deref() == Some(of.as_str()), "{moved:?}");
    let lots = ledger::lots(&database, &holder("12345"), SystemClock.now()).await?;
    anyhow::ensure!(lots.len() == 1, "back in the lot that it came from: {lots:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_die_and_each_movement_is_made_once() {
    let mut cases = JoinSet::new();
    for commits in 0..5 {
        for after in [false, true] {
            cases.spawn(async move { (commits, after, crash(commits, after).await) });
        }
    }
    while let Some(case) = cases.join_next().await {
        let (commits, after, outcome) = case.expect("a case that ends");
        if let Err(error) = outcome {
            panic!("commit {commits}, after {after}: {error:#}");
        }
    }
}

#[tokio::test]
async fn a_movement_whose_time_is_over_is_not_made() -> anyhow::Result<()> {
    use domain::{Points, Refusal};
    use engine::ports::{Answer, PointsOrder, Why};
    let (world, folder) = (World::start(Till::LookUp).await?, tempfile::tempdir()?);
    let database = open(&folder).await?;
    seed(&database, "12345", 1_250, SystemClock.now()).await?;
    let points = peers(&world, &database).points;
    let (customer, reference) = (PosId::from("12345"), Reference::from("COUPON-LATE"));
    let order = || PointsOrder {
        customer: &customer,
        points: Points::new(500).unwrap_or(Points::ZERO),
        reference: &reference,
        reason: "Coupon conversion",
        expires_at: None,
    };
    let answer = points.deduct(order(), Duration::ZERO).await;
    let late = Answer::Refused(Refusal::Other("too_late".to_owned()));
    assert!(answer == late || answer == Answer::Unknown(Why::TimedOut), "{answer:?}");
    let limit = Duration::from_secs(5);
    assert_eq!(points.find(&customer, &reference, limit).await, Answer::Done(vec![]));
    assert_eq!(movements(&database).await?, []);
    Ok(())
}
