//! Copies of the database, on the real binary: taken under load, put back, carried to PostgreSQL.

use crate::{
    kill::{CLIENTS, FIRST_CUSTOMER, config, customer, free_port, other_side, quiet, token},
    postgres::Postgres,
    process::{Process, start},
};
use anyhow::Context;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// A service and what is on its other side, all as processes.
struct Stand {
    folder: tempfile::TempDir,
    client: reqwest::Client,
    sandbox: String,
    base: String,
    file: String,
    service: Option<Process>,
    _other_side: Process,
}

impl Stand {
    async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let client = reqwest::Client::new();
        let (other_side, sandbox) = other_side(&client).await?;
        let file = folder.path().join("kaeru.toml").to_string_lossy().into_owned();
        let base = String::new();
        let service = None;
        let mut stand =
            Self { folder, client, sandbox, base, file, service, _other_side: other_side };
        let database = format!("sqlite://{}", stand.path("kaeru.db"));
        stand.serve_on(&database)?;
        Ok(stand)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn serve_on(&mut self, database: &str) -> anyhow::Result<()> {
        std::fs::write(&self.file, config(database, &self.sandbox, free_port()?))?;
        self.serve()
    }

    fn serve(&mut self) -> anyhow::Result<()> {
        let (service, base) = start(&["serve", "--config", &self.file])?;
        (self.service, self.base) = (Some(service), base);
        Ok(())
    }

    /// What the command printed, to either side, and whether it succeeded.
    fn run(&self, arguments: &[&str]) -> anyhow::Result<(bool, String)> {
        let output = Command::new(env!("CARGO_BIN_EXE_kaeru")).args(arguments).output()?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8(said)?))
    }

    fn must(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let (good, said) = self.run(arguments)?;
        anyhow::ensure!(good, "{arguments:?}: {said}");
        Ok(said)
    }

    /// A staff member's token.
    fn staff(&self) -> anyhow::Result<String> {
        add_staff(&self.file)?;
        let account = ["--shop", "main", "--email", STAFF, "--config", &self.file];
        let said = self.must(&[&["staff", "token", "--name", "t"], &account[..]].concat())?;
        Ok(said.trim().to_owned())
    }

    async fn convert(&self, key: &str) -> anyhow::Result<String> {
        let answer = self
            .client
            .post(format!("{}/storefront/v1/conversions", self.base))
            .bearer_auth(token(&self.file, FIRST_CUSTOMER)?)
            .header("Idempotency-Key", key)
            .json(&json!({"points": 100}))
            .send()
            .await?;
        let body: Value = answer.json().await?;
        let code = body["coupon"]["code"].as_str();
        code.map(str::to_owned).with_context(|| format!("not converted: {body}"))
    }

    /// Asks for the cancellation, and waits until the coupon is cancelled.
    async fn cancel(&self, staff: &str, code: &str, key: &str) -> anyhow::Result<()> {
        let url = format!("{}/admin/api/v1/coupons/{code}", self.base);
        let body = json!({"reason": "customer_request", "notify": false});
        let request = self.client.post(format!("{url}/cancel")).bearer_auth(staff);
        let answer = request.header("Idempotency-Key", key).json(&body).send().await?;
        anyhow::ensure!(answer.status().is_success(), "{}", answer.text().await?);
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let coupon = self.client.get(&url).bearer_auth(staff).send().await?;
            let coupon: Value = coupon.json().await?;
            if coupon["status"] == "cancelled" {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "never cancelled: {coupon}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn set(&self, path: &str, body: Value) -> anyhow::Result<()> {
        let url = format!("{}/sandbox/api/{path}", self.sandbox);
        self.client.put(url).json(&body).send().await?.error_for_status()?;
        Ok(())
    }

    /// The points book's movements by their references.
    async fn moved(&self) -> anyhow::Result<BTreeMap<String, Vec<i64>>> {
        let books = self.client.get(format!("{}/sandbox/api/books", self.sandbox)).send().await?;
        let books: Value = books.json().await?;
        let mut moved: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        let account = &books["points"][FIRST_CUSTOMER.to_string()];
        for movement in account["movements"].as_array().into_iter().flatten() {
            let reference = movement["reference"].as_str().unwrap_or_default().to_owned();
            moved.entry(reference).or_default().extend(movement["amount"].as_i64());
        }
        Ok(moved)
    }
}

pub const STAFF: &str = "a@example.test";

/// Adds an account, as an operator does.
pub fn add_staff(file: &str) -> anyhow::Result<()> {
    let account = ["--shop", "main", "--email", STAFF, "--config", file];
    let mut child = Command::new(env!("CARGO_BIN_EXE_kaeru"))
        .args(["staff", "add", "--name", "A", "--role", "ec_admin"])
        .args(account)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()?;
    let mut input = child.stdin.take().context("stdin")?;
    std::io::Write::write_all(&mut input, b"a password of some length\n")?;
    drop(input);
    anyhow::ensure!(child.wait()?.success(), "staff add");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_of_one_moment() -> anyhow::Result<()> {
    let stand = Stand::start().await?;
    let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let mut clients = tokio::task::JoinSet::new();
    for id in FIRST_CUSTOMER..FIRST_CUSTOMER + CLIENTS {
        let (token, bases) = (token(&stand.file, id)?, vec![stand.base.clone()]);
        clients.spawn(customer(id, bases, token, Arc::clone(&stop), Arc::clone(&told)));
    }
    for n in 0..5 {
        let deadline = Instant::now() + Duration::from_secs(20);
        while told.lock().unwrap_or_else(PoisonError::into_inner).len() < 20 * (n + 1) {
            anyhow::ensure!(Instant::now() < deadline, "nothing was converted");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let copy = stand.path(&format!("copy-{n}.db"));
        let backup = ["backup", copy.as_str(), "--config", &stand.file];
        let said = stand.must(&backup)?;
        assert!(said.contains("checked"), "{said}");
        let (good, said) = stand.run(&backup)?;
        assert!(!good && said.contains("is there already"), "{said}");
        let copy = rusqlite::Connection::open(copy)?;
        // Written in one transaction: of one moment, or they would not add up.
        let sums = "SELECT (SELECT count(*) FROM flow) = (SELECT count(*) FROM coupon), \
            (SELECT count(*) FROM flow) = (SELECT count(*) FROM audit), \
            (SELECT sum(version) FROM flow) = (SELECT count(*) FROM flow_event)";
        let sums: [bool; 3] =
            copy.query_row(sums, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
        assert_eq!(sums, [true; 3]);
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(done) = clients.join_next().await {
        done??;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_backup_forgot_does_not_happen_again() -> anyhow::Result<()> {
    let mut stand = Stand::start().await?;
    stand.set("settings", json!({"idempotency": false})).await?;
    let staff = stand.staff()?;
    let cancelled = stand.convert("a").await?;
    quiet(&stand.client, &stand.base).await?;
    stand.set("latency", json!({"shopify.create": 1_500})).await?;
    let copy = stand.path("copy.db");
    let under_way = async {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let text = stand.client.get(format!("{}/metrics", stand.base)).send().await?;
            if text.text().await?.contains("state=\"creating\"} 1") {
                return stand.must(&["backup", &copy, "--config", &stand.file]);
            }
            anyhow::ensure!(Instant::now() < deadline, "nothing was ever under way");
        }
    };
    let (converted, backup) = tokio::join!(stand.convert("b"), under_way);
    let (converted, _) = (converted?, backup?);
    stand.set("latency", json!({"shopify.create": 0})).await?;
    stand.cancel(&staff, &cancelled, "c").await?;
    quiet(&stand.client, &stand.base).await?;

    let restore = ["restore", copy.as_str(), "--config", &stand.file.clone()];
    let (good, said) = stand.run(&restore)?;
    assert!(!good && said.contains("another Kaeru"), "{said}");
    stand.service = None;
    let said = stand.must(&restore)?;
    assert!(said.contains("kept as"), "{said}");
    stand.serve()?;
    quiet(&stand.client, &stand.base).await?;
    stand.cancel(&staff, &cancelled, "d").await?;
    quiet(&stand.client, &stand.base).await?;

    let expected = BTreeMap::from([
        (format!("COUPON-{cancelled}"), vec![-100]),
        (format!("COUPON-{converted}"), vec![-100]),
        (format!("CANCEL-{cancelled}"), vec![100]),
    ]);
    assert_eq!(stand.moved().await?, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_backup_is_not_put_back() -> anyhow::Result<()> {
    let mut stand = Stand::start().await?;
    stand.convert("a").await?;
    let copy = stand.path("copy.db");
    let sound = stand.path("sound.db");
    for file in [&copy, &sound] {
        stand.must(&["backup", file, "--config", &stand.file])?;
    }
    stand.service = None;
    let mut bytes = std::fs::read(&copy)?;
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x5A);
    std::fs::write(&copy, bytes)?;
    let before = std::fs::read(stand.path("kaeru.db"))?;
    let (good, said) = stand.run(&["restore", &copy, "--config", &stand.file])?;
    assert!(!good && said.contains("copy.db"), "{said}");
    assert_eq!(std::fs::read(stand.path("kaeru.db"))?, before, "nothing has changed");
    // Died half-way: neither the one nor the other is opened, and the next run ends it.
    std::fs::write(stand.path("kaeru.db.restoring"), "a part of a copy")?;
    let (good, said) = stand.run(&["migrate", "--config", &stand.file])?;
    assert!(!good && said.contains("did not end"), "{said}");
    assert_eq!(std::fs::read(stand.path("kaeru.db"))?, before, "nothing has changed");
    stand.must(&["restore", &sound, "--config", &stand.file])?;
    stand.must(&["migrate", "--config", &stand.file])?;
    let (good, said) = stand.run(&["restore", &stand.file, "--config", &stand.file])?;
    assert!(!good && said.contains("no sound database"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_moves_to_postgres() -> anyhow::Result<()> {
    let mut stand = Stand::start().await?;
    let staff = stand.staff()?;
    for key in ["a", "b", "c"] {
        stand.convert(key).await?;
    }
    let gone = stand.convert("d").await?;
    stand.cancel(&staff, &gone, "e").await?;
    quiet(&stand.client, &stand.base).await?;
    let seen = async |stand: &Stand| -> anyhow::Result<Value> {
        let mut all = vec![];
        for path in ["coupons", "coupons/counts", "coupons?q=70", "audit", "reports/coupons"] {
            let url = format!("{}/admin/api/v1/{path}", stand.base);
            all.push(stand.client.get(url).bearer_auth(&staff).send().await?.json().await?);
        }
        Ok(Value::Array(all))
    };
    let before = seen(&stand).await?;
    let postgres = Postgres::start()?;
    let from = format!("sqlite://{}", stand.path("kaeru.db"));
    let (to, other) = (postgres.database("shop")?, postgres.database("other")?);
    let carry = ["move", "--from", from.as_str(), "--to", to.as_str()];
    let (good, said) = stand.run(&carry)?;
    assert!(!good && said.contains("another Kaeru"), "{said}");
    stand.service = None;
    let said = stand.must(&carry)?;
    assert!(said.contains("coupon\t4 rows"), "{said}");
    let (good, said) = stand.run(&["move", "--from", &from, "--to", &other])?;
    assert!(!good && said.contains("moved already"), "{said}");
    let (good, said) = stand.run(&["migrate", "--config", &stand.file])?;
    assert!(!good && said.contains("live in the other one"), "{said}");
    stand.serve_on(&to)?;
    assert_eq!(seen(&stand).await?, before);
    stand.convert("f").await?;
    assert!(!stand.convert("a").await?.is_empty(), "its key is known");

    // Died between the target's commit and the source's: the next run only says so.
    forget_the_move(Path::new(&stand.path("kaeru.db")))?;
    let (good, said) = stand.run(&carry)?;
    assert!(!good && said.contains("Use an empty database"), "{said}");
    let copy = postgres.database("again")?;
    stand.must(&["move", "--from", &from, "--to", &copy])?;
    forget_the_move(Path::new(&stand.path("kaeru.db")))?;
    stand.must(&["move", "--from", &from, "--to", &copy])?;
    Ok(())
}

fn forget_the_move(path: &Path) -> anyhow::Result<()> {
    rusqlite::Connection::open(path)?.execute("DELETE FROM lineage", [])?;
    Ok(())
}
