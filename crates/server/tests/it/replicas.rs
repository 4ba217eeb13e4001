//! Three `kaeru serve` on one PostgreSQL and one sandbox. Each request may go to any of them, and
//! again to another; one is killed, one stands still past its leases and wakes, and the database
//! itself loses its power. Nothing is lost, nothing is twice.

use crate::{
    kill::{CLIENTS, FIRST_CUSTOMER, agree, config, customer, free_port, other_side, quiet, token},
    postgres::Postgres,
    process::{Process, start},
};
use anyhow::Context;
use serde_json::Value;
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
        let folder = tempfile::tempdir()?;
        let postgres = Postgres::start()?;
        let database = postgres.database("kaeru")?;
        let (mut files, mut bases, mut running) = (Vec::new(), Vec::new(), Vec::new());
        for n in 0..REPLICAS {
            let port = free_port()?;
            let file = folder.path().join(format!("replica-{n}.toml"));
            std::fs::write(&file, config(&database, sandbox, port))?;
            files.push(file.to_str().context("a path in UTF-8")?.to_owned());
            bases.push(format!("http://127.0.0.1:{port}"));
            running.push(None);
        }
        let mut cluster = Self { _folder: folder, postgres, database, files, bases, running };
        for n in 0..REPLICAS {
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
    let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let mut clients = JoinSet::new();
    for id in FIRST_CUSTOMER..FIRST_CUSTOMER + CLIENTS {
        let token = token(&cluster.files[0], id)?;
        let (stop, told) = (Arc::clone(&stop), Arc::clone(&told));
        clients.spawn(customer(id, cluster.bases.clone(), token, stop, told));
    }
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

    stop.store(true, Ordering::Relaxed);
    while let Some(done) = clients.join_next().await {
        done??;
    }
    quiet(&client, &cluster.bases[0]).await?;
    let told: Vec<Value> = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
    println!("{} conversions", told.len());
    agree(&client, &sandbox, &told).await
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
    let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let done = || told.lock().unwrap_or_else(PoisonError::into_inner).len();
    let mut clients = JoinSet::new();
    for id in FIRST_CUSTOMER..FIRST_CUSTOMER + CLIENTS {
        let token = token(&cluster.files[0], id)?;
        let (stop, told) = (Arc::clone(&stop), Arc::clone(&told));
        clients.spawn(customer(id, cluster.bases.clone(), token, stop, told));
    }
    let more = async |what: &str| -> anyhow::Result<()> {
        let (before, deadline) = (done(), Instant::now() + Duration::from_secs(60));
        while done() < before + 20 {
            anyhow::ensure!(Instant::now() < deadline, "nothing was converted {what}");
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    };
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

    stop.store(true, Ordering::Relaxed);
    while let Some(done) = clients.join_next().await {
        done??;
    }
    quiet(&client, &cluster.bases[0]).await?;
    let told: Vec<Value> = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
    agree(&client, &sandbox, &told).await
}
