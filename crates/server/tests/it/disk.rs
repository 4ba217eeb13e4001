//! The real binary on a disk that fills up, or that takes nothing from the start.

use crate::{
    kill::{CLIENTS, FIRST_CUSTOMER, agree, config, customer, free_port, other_side, quiet, token},
    process::start_in,
};
use anyhow::Context;
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// A small disk of its own, seen by those who are started with it. Gone with the test.
struct Disk {
    holder: Child,
    at: PathBuf,
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0)
}

impl Disk {
    /// Mounts it there, with these options of tmpfs.
    fn mount(at: &Path, options: &str) -> anyhow::Result<Self> {
        let mut command = Command::new("unshare");
        if !is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        let mount = format!("mount -t tmpfs -o {options} tmpfs \"$0\" && echo ready && exec cat");
        let mut holder = command
            .args(["--mount", "sh", "-c", &mount])
            .arg(at)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = holder.stdout.take().context("stdout")?;
        let first = BufReader::new(output).lines().next().context("no disk was mounted")??;
        anyhow::ensure!(first == "ready", "{first}");
        Ok(Self { holder, at: at.to_owned() })
    }

    /// What runs a program that sees the disk.
    fn before(&self) -> Vec<String> {
        let mut command = vec!["nsenter".to_owned(), format!("--target={}", self.holder.id())];
        if !is_root() {
            command.extend(["--user", "--preserve-credentials"].map(str::to_owned));
        }
        command.push("--mount".to_owned());
        command
    }

    /// A file on it, as it is seen from outside.
    fn file(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.at.strip_prefix("/").unwrap_or(&self.at)).join(name)
    }

    fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::create(self.file("filler"))?;
        while file.write_all(&[0; 4096]).is_ok() {}
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

async fn until(what: &str, mut reached: impl AsyncFnMut() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !reached().await {
        anyhow::ensure!(Instant::now() < deadline, "never {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_and_is_said() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let client = reqwest::Client::new();
    let (_sandbox, sandbox) = other_side(&client).await?;
    let small = folder.path().join("disk");
    std::fs::create_dir(&small)?;
    let disk = Disk::mount(&small, "size=24m")?;
    let port = free_port()?;
    let file = folder.path().join("kaeru.toml");
    let database = format!("sqlite://{}", small.join("kaeru.db").display());
    std::fs::write(&file, config(&database, &sandbox, port))?;
    let file = file.to_str().context("a path in UTF-8")?.to_owned();
    let before = disk.before();
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let (service, base) = start_in(&before, &["serve", "--config", &file])?;

    let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let done = || told.lock().unwrap_or_else(PoisonError::into_inner).len();
    let mut clients = tokio::task::JoinSet::new();
    for id in FIRST_CUSTOMER..FIRST_CUSTOMER + CLIENTS {
        let (token, bases) = (token(&file, id)?, vec![base.clone()]);
        clients.spawn(customer(id, bases, token, Arc::clone(&stop), Arc::clone(&told)));
    }
    let health = async |path: &str| match client.get(format!("{base}{path}")).send().await {
        Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap_or_default()),
        Err(_) => (0, String::new()),
    };
    until("converted", async || done() > 20).await?;
    assert_eq!(health("/readyz").await.0, 200);
    disk.fill()?;
    until("red", async || health("/readyz").await == (503, FULL.to_owned())).await?;
    assert_eq!(health("/healthz").await.0, 200, "it runs");
    let answer = client
        .post(format!("{base}/storefront/v1/conversions"))
        .bearer_auth(token(&file, 12_345)?)
        .header("Idempotency-Key", "while-full")
        .json(&json!({"points": 100}))
        .send()
        .await?;
    assert_eq!(answer.status(), 503);
    let problem: Value = answer.json().await?;
    assert_eq!(problem["type"], "/problems/service-unavailable", "{problem}");

    let before_space = done();
    std::fs::remove_file(disk.file("filler"))?;
    until("green", async || health("/readyz").await.0 == 200).await?;
    until("converted again", async || done() > before_space + 20).await?;
    // What was interrupted is leased for a minute; a new process takes it at once.
    drop(service);
    let before = disk.before();
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let (_service, base) = start_in(&before, &["serve", "--config", &file])?;
    stop.store(true, Ordering::Relaxed);
    while let Some(done) = clients.join_next().await {
        done??;
    }
    quiet(&client, &base).await?;
    let told = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
    agree(&client, &sandbox, &told).await
}

const FULL: &str = "the database takes nothing: is its disk full, or read-only? See the log";

#[tokio::test]
async fn a_read_only_disk_is_named_at_the_start() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let small = folder.path().join("disk");
    std::fs::create_dir(&small)?;
    let disk = Disk::mount(&small, "ro")?;
    let file = folder.path().join("kaeru.toml");
    let database = format!("sqlite://{}", small.join("kaeru.db").display());
    std::fs::write(&file, config(&database, "http://127.0.0.1:9", free_port()?))?;
    let before = disk.before();
    let output = Command::new(&before[0])
        .args(&before[1..])
        .arg(env!("CARGO_BIN_EXE_kaeru"))
        .args(["serve", "--config"])
        .arg(&file)
        .output()?;
    let said = String::from_utf8(output.stderr)?;
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("database.url") && said.contains("Read-only"), "{said}");
    Ok(())
}
