//! Three `kaeru serve` on one PostgreSQL and one sandbox. Each request may go to any of them, and
//! again to another; one is killed, one stands still past its leases and wakes, one is cut from the
//! database, and the database itself loses its power. Nothing is lost, nothing is twice.

use crate::{
    kill::{CLIENTS, FIRST_CUSTOMER, agree, config, customer, free_port, other_side, quiet, token},
    postgres::Postgres,
    process::{Process, start},
    proxy::{Listen, Proxy},
};
use anyhow::Context;
use serde_json::{Value, json};
use std::{
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

const REPLICAS: usize = 3;

/// The replicas' configurations, and whoever of them runs.
struct Cluster {
    _folder: TempDir,
    postgres: Postgres,
    database: String,
    files: Vec<String>,
    bases: Vec<String>,
    running: Vec<Option<Process>>,
}

impl Cluster {
    fn start(sandbox: &str) -> anyhow::Result<Self> {
        let postgres = Postgres::start()?;
        let database = postgres.database("kaeru")?;
        let ways = vec![database.clone(); REPLICAS];
        Self::on(postgres, database, &ways, sandbox)
    }

    /// One replica for each way to the database.
    fn on(
        postgres: Postgres,
        database: String,
        ways: &[String],
        sandbox: &str,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (mut files, mut bases, mut running) = (Vec::new(), Vec::new(), Vec::new());
        for (n, way) in ways.iter().enumerate() {
            let port = free_port()?;
            let file = folder.path().join(format!("replica-{n}.toml"));
            std::fs::write(&file, config(way, sandbox, port))?;
            files.push(file.to_str().context("a path in UTF-8")?.to_owned());
            bases.push(format!("http://127.0.0.1:{port}"));
            running.push(None);
        }
        let mut cluster = Self { _folder: folder, postgres, database, files, bases, running };
        for n in 0..ways.len() {
            cluster.run(n)?;
        }
        Ok(cluster)
    }

    fn run(&mut self, n: usize) -> anyhow::Result<()> {
        let (process, _) = start(&["serve", "--config", &self.files[n]])?;
        self.running[n] = Some(process);
        Ok(())
    }

    fn kill(&mut self, n: usize) {
        self.running[n] = None;
    }

    fn signal(&self, n: usize, name: &str) -> anyhow::Result<()> {
        self.running[n].as_ref().context("a replica that runs")?.signal(name)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_die_and_sleep_and_nothing_is_lost_or_twice() -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let (_sandbox, sandbox) = other_side(&client).await?;
    let mut cluster = Cluster::start(&sandbox)?;
    let crowd = Crowd::start(&cluster)?;
    for round in 0..6 {
        sleep(Duration::from_millis(300)).await;
        cluster.kill(round % REPLICAS);
        sleep(Duration::from_millis(100)).await;
        cluster.run(round % REPLICAS)?;
    }
    cluster.postgres.cut()?;
    sleep(Duration::from_millis(200)).await;
    cluster.postgres.run()?;
    sleep(Duration::from_secs(1)).await;

    // Past its leases, others have taken what it held; awake again, it must notice.
    cluster.signal(1, "STOP")?;
    sleep(engine::LEASE + Duration::from_secs(8)).await;
    cluster.signal(1, "CONT")?;
    sleep(Duration::from_secs(2)).await;

    let told = crowd.end().await?;
    quiet(&client, &cluster.bases[0]).await?;
    println!("{} conversions", told.len());
    agree(&client, &sandbox, &told).await
}

/// The clients of a test, until they are told to stop.
struct Crowd {
    stop: Arc<AtomicBool>,
    told: Arc<Mutex<Vec<Value>>>,
    clients: JoinSet<anyhow::Result<()>>,
}

impl Crowd {
    fn start(cluster: &Cluster) -> anyhow::Result<Self> {
        let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let mut clients = JoinSet::new();
        // One of the customers is left to the test.
        for id in FIRST_CUSTOMER + 1..FIRST_CUSTOMER + CLIENTS {
            let token = token(&cluster.files[0], id)?;
            let (stop, told) = (Arc::clone(&stop), Arc::clone(&told));
            clients.spawn(customer(id, cluster.bases.clone(), token, stop, told));
        }
        Ok(Self { stop, told, clients })
    }

    fn done(&self) -> usize {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits for so many more conversions.
    async fn more(&self, wanted: usize, when: &str) -> anyhow::Result<()> {
        let (before, deadline) = (self.done(), Instant::now() + Duration::from_secs(60));
        while self.done() < before + wanted {
            anyhow::ensure!(Instant::now() < deadline, "nothing was converted {when}");
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    async fn end(mut self) -> anyhow::Result<Vec<Value>> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(done) = self.clients.join_next().await {
            done??;
        }
        Ok(self.told.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// Waits for what the replica says of itself.
async fn readiness(client: &reqwest::Client, base: &str, wanted: u16) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let status = client.get(format!("{base}/readyz")).send().await?.status().as_u16();
        if status == wanted {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "/readyz says {status}, not {wanted}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_cut_from_the_database_moves_nothing_and_comes_back() -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let (_sandbox, sandbox) = other_side(&client).await?;
    let postgres = Postgres::start()?;
    let database = postgres.database("kaeru")?;
    let wire = Proxy::start(&postgres, Listen::Works).await?;
    let ways = [wire.database("kaeru"), database.clone()];
    let cluster = Cluster::on(postgres, database, &ways, &sandbox)?;
    let (cut_off, other) = (&cluster.bases[0], &cluster.bases[1]);
    let alone = token(&cluster.files[0], FIRST_CUSTOMER)?;
    let convert = async |key: &str| {
        let sent = client
            .post(format!("{cut_off}/storefront/v1/conversions"))
            .bearer_auth(&alone)
            .header("Idempotency-Key", key)
            .json(&json!({"points": 100}))
            .send();
        anyhow::Ok(sent.await?.status().as_u16())
    };
    let slow = async |ms: u32| {
        let url = format!("{sandbox}/sandbox/api/latency");
        client.put(url).json(&json!({"pos.deduct": ms})).send().await?.error_for_status()
    };
    let crowd = Crowd::start(&cluster)?;
    crowd.more(20, "at first").await?;

    // Each flow is at its deduction when the wire is cut: those of the one are answered to nobody.
    slow(700).await?;
    sleep(Duration::from_millis(400)).await;
    wire.cut();
    slow(8).await?;
    readiness(&client, cut_off, 503).await?;
    assert_eq!(convert("cut").await?, 503);
    assert!(wire.tried(), "it does not even try");
    readiness(&client, other, 200).await?;
    crowd.more(20, "while one is cut off").await?;
    let mut told = crowd.end().await?;
    quiet(&client, other).await?;
    let books: Value =
        client.get(format!("{sandbox}/sandbox/api/books")).send().await?.json().await?;
    let untouched = &books["points"][FIRST_CUSTOMER.to_string()]["movements"];
    assert_eq!(untouched.as_array().map_or(0, Vec::len), 0, "the one cut off moved points");

    wire.mend();
    readiness(&client, cut_off, 200).await?;
    assert_eq!(convert("mended").await?, 201);
    let crowd = Crowd::start(&cluster)?;
    crowd.more(20, "with both again").await?;
    told.extend(crowd.end().await?);
    quiet(&client, other).await?;
    told.push(again(&client, other, &alone).await?);
    agree(&client, &sandbox, &told).await
}

/// What the customer who was left to the test was told, from the other replica.
async fn again(client: &reqwest::Client, base: &str, token: &str) -> anyhow::Result<Value> {
    let sent = client
        .post(format!("{base}/storefront/v1/conversions"))
        .bearer_auth(token)
        .header("Idempotency-Key", "mended")
        .json(&json!({"points": 100}))
        .send();
    Ok(sent.await?.error_for_status()?.json().await?)
}

/// What the next version's migration does before its processes start beside this one's: it only
/// adds. (A release that takes something away comes after the last process that knew it.)
const NEXT_VERSION: &str = "
    ALTER TABLE flow ADD COLUMN next_version TEXT;
    ALTER TABLE coupon ADD COLUMN next_version BIGINT NOT NULL DEFAULT 0;
    CREATE TABLE next_version (id BIGINT NOT NULL PRIMARY KEY);
    CREATE INDEX flow_next_version ON flow (next_version);
    INSERT INTO schema_migration VALUES ('9999_next_version', 'x', 0)";

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_goes_from_replica_to_replica() -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let (_sandbox, sandbox) = other_side(&client).await?;
    let mut cluster = Cluster::start(&sandbox)?;
    let crowd = Crowd::start(&cluster)?;
    let more = async |when| crowd.more(20, when).await;
    more("at first").await?;
    for n in 0..REPLICAS {
        let stopping = cluster.running[n].take().context("a replica that runs")?;
        let stopped = tokio::task::spawn_blocking(move || stopping.stop());
        more("while one stops").await?;
        stopped.await??;
        cluster.run(n)?;
        more("with it back").await?;
    }
    let (database, connection) =
        tokio_postgres::connect(&cluster.database, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    database.batch_execute(NEXT_VERSION).await?;
    more("on the next version's schema").await?;
    let old = Command::new(env!("CARGO_BIN_EXE_kaeru"))
        .args(["migrate", "--config", &cluster.files[0]])
        .output()?;
    let said = String::from_utf8_lossy(&old.stderr);
    assert!(!old.status.success() && said.contains("newer version"), "{said}");

    let told = crowd.end().await?;
    quiet(&client, &cluster.bases[0]).await?;
    agree(&client, &sandbox, &told).await
}
