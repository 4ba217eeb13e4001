//! The test stand: a folder on a real disk, a sandbox, and whoever is measured against it.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::children::{Service, beside};
use crate::clock;
use crate::http::{Connection, request};
use crate::postgres::Postgres;
use crate::sandbox::Switchboard;
use crate::service::{self, Till};

/// As a database: a PostgreSQL that ends with the run.
const OWN: &str = "postgres";
/// Customers of the bench; the demo's own have smaller numbers.
const FIRST_CUSTOMER: u64 = 1_000_000;

pub struct Stand {
    pub sandbox: Switchboard,
    /// Pid of the sandbox's process.
    pub sandbox_pid: u32,
    // In this order: processes end before their folder goes.
    _sandbox: Service,
    folder: TempDir,
    _postgres: Option<Postgres>,
    next_customer: AtomicU64,
    config: PathBuf,
    /// Its URL.
    pub database: String,
}

impl Stand {
    /// Starts a sandbox without limits and without latency. `database`: the embedded one in a fresh
    /// folder if left out; `postgres`: a server of its own; else its URL.
    pub async fn new(database: Option<&str>) -> Result<Self> {
        Self::beside(database, &Till::USUAL).await
    }

    /// The same beside a points book of that kind.
    pub async fn beside(database: Option<&str>, till: &Till) -> Result<Self> {
        // Beside the program and not in /tmp, which may be memory.
        let disk = beside("")?;
        let disk = disk.parent().context("where is this program?")?;
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(disk)?;
        let mut kaeru = Command::new(beside("kaeru")?);
        kaeru.args(["sandbox", "--listen", "127.0.0.1:0"]).env("RUST_LOG", "warn");
        let log = folder.path().join("sandbox.log");
        let process = Service::start("kaeru sandbox", &mut kaeru, &log).await?;
        let sandbox = Switchboard { at: process.at };
        sandbox.no_throttling().await?;
        sandbox.till(till).await?;
        let postgres = if database == Some(OWN) { Some(Postgres::start()?) } else { None };
        let database = match (&postgres, database) {
            (Some(postgres), _) => postgres.database("kaeru")?,
            (None, Some(url)) => url.to_owned(),
            (None, None) => service::sqlite(folder.path()),
        };
        let config = folder.path().join("kaeru.toml");
        std::fs::write(&config, service::configuration(&database, sandbox.at, till))?;
        Ok(Self {
            sandbox,
            sandbox_pid: process.pid(),
            _sandbox: process,
            folder,
            _postgres: postgres,
            next_customer: AtomicU64::new(FIRST_CUSTOMER),
            config,
            database,
        })
    }

    /// More of the shop's configuration, before the service is started.
    pub fn configure(&self, more: &str) -> Result<()> {
        let mut file = std::fs::File::options().append(true).open(&self.config)?;
        Ok(std::io::Write::write_all(&mut file, more.as_bytes())?)
    }

    /// Where the database lies.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The service's configuration.
    pub fn config(&self) -> &std::path::Path {
        &self.config
    }

    /// Customers that nobody used before, with points at the POS.
    pub async fn customers(&self, count: usize) -> Result<Range<u64>> {
        let count = count as u64;
        let from = self.next_customer.fetch_add(count, Ordering::Relaxed);
        self.sandbox.customers(from, count).await?;
        Ok(from..from + count)
    }

    /// Starts the service and waits until it is ready.
    pub async fn kaeru(&self) -> Result<Service> {
        let mut command = Command::new(beside("kaeru")?);
        command.arg("serve").arg("--config").arg(&self.config).current_dir(self.folder.path());
        let log = self.folder.path().join("kaeru.log");
        let service = Service::start("kaeru serve", &mut command, &log).await?;
        ready(&service).await?;
        Ok(service)
    }

    /// Starts the floor against the same sandbox.
    pub async fn bare(&self) -> Result<Service> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bare", "--peers", &self.sandbox.at.to_string()]);
        Service::start("bench bare", &mut command, &self.folder.path().join("bare.log")).await
    }
}

/// Asks until `/readyz` answers 200.
async fn ready(service: &Service) -> Result<()> {
    let until = clock::now() + Duration::from_secs(60);
    while clock::now() < until {
        if get(service.at, "/readyz").await.is_ok_and(|(status, _)| status == 200) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bail!("kaeru was not ready within 60 s:\n{}", service.last_words())
}

/// Status and text of a page, over a connection of its own.
///
/// # Errors
/// When there is no answer.
pub async fn get(at: SocketAddr, path: &str) -> Result<(u16, String)> {
    let mut connection = Connection::open(at).await?;
    let answer = connection.ask(&request("GET", path, &[], "")).await?;
    Ok((answer.status, String::from_utf8_lossy(answer.body).into_owned()))
}
