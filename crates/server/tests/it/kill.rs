//! `kill -9` of the real binary in the middle of conversions, over and over, with clients that
//! repeat their requests by key. Afterwards the sandbox's books and what the clients were told must
//! agree.

use crate::{
    laws::{self, Told},
    process::{Process, start},
};
use anyhow::Context;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

const KILLS: u32 = 12;
pub const CLIENTS: u64 = 8;
pub const FIRST_CUSTOMER: u64 = 900_000;
const BALANCE: i64 = 1_000_000;

pub fn config(database: &str, sandbox: &str, port: u16) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
[database]
url = "{database}"
[[shop]]
id = "main"
domain = "demo.myshopify.com"
timezone = "Asia/Tokyo"
currency = "JPY"
[shop.shopify]
base_url = "{sandbox}"
access_token = "demo-shopify-token"
[shop.points]
kind = "http"
base_url = "{sandbox}/pos"
token = "demo-pos-token"
lookup = true
horizon = "3s"
[shop.rules]
daily_limit = 1000000000
[shop.customers]
jwt_secret = "a-secret-for-this-test-only"
"#
    )
}

/// One that nobody listens at, another with each call. The system gives none of these to a
/// connection by chance, as it may with those it chooses itself.
pub fn free_port() -> anyhow::Result<u16> {
    const PORTS: std::ops::Range<u16> = 20_000..32_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Each test is a process of its own.
    let own = std::process::id().wrapping_mul(37);
    (0..PORTS.len())
        .map(|_| own.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)))
        .map(|nth| PORTS.start + (nth % u32::from(PORTS.end - PORTS.start)) as u16)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .context("no port is free")
}

/// Repeats each request by its key, at one service after the other, until it is answered for good;
/// notes what it was told.
pub async fn customer(
    id: u64,
    bases: Vec<String>,
    token: String,
    stop: Arc<AtomicBool>,
    told: Arc<Mutex<Vec<Value>>>,
) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let run = server::ids::text(domain::At(0));
    let mut wish = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        wish += 1;
        let deadline = Instant::now() + Duration::from_secs(180);
        for base in bases.iter().cycle().skip(usize::try_from(id)?) {
            anyhow::ensure!(Instant::now() < deadline, "customer {id} was never answered");
            let sent = client
                .post(format!("{base}/storefront/v1/conversions"))
                .bearer_auth(&token)
                .header("Idempotency-Key", format!("{run}-{wish}"))
                .json(&json!({"points": 100}))
                .timeout(Duration::from_secs(5))
                .send()
                .await;
            if let Ok(answer) = sent {
                let status = answer.status().as_u16();
                let body: Value = answer.json().await.unwrap_or(Value::Null);
                match status {
                    201 => {
                        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                        told.push(body);
                        break;
                    }
                    202 | 409 | 503 => {}
                    _ => anyhow::bail!("customer {id}: {status} {body}"),
                }
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }
    Ok(())
}

/// A sandbox with customers of this test's own, without Shopify's limit, and a little slow.
pub async fn other_side(client: &reqwest::Client) -> anyhow::Result<(Process, String)> {
    let (process, sandbox) = start(&["sandbox", "--listen", "127.0.0.1:0"])?;
    let bulk = json!({"from": FIRST_CUSTOMER, "count": CLIENTS, "balance": BALANCE});
    let url = format!("{sandbox}/sandbox/api/customers/bulk");
    client.post(url).json(&bulk).send().await?.error_for_status()?;
    let limits = json!({"maximum": 1_000_000, "restore_per_s": 1_000_000});
    let url = format!("{sandbox}/sandbox/api/settings");
    client.put(url).json(&limits).send().await?.error_for_status()?;
    let slow = json!({"pos.deduct": 8, "shopify.create": 5});
    let url = format!("{sandbox}/sandbox/api/latency");
    client.put(url).json(&slow).send().await?.error_for_status()?;
    Ok((process, sandbox))
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_nothing_is_lost_or_twice() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let client = reqwest::Client::new();
    let (_sandbox, sandbox) = other_side(&client).await?;

    let port = free_port()?;
    let file = folder.path().join("kaeru.toml");
    let database = format!("sqlite://{}", folder.path().join("kaeru.db").display());
    std::fs::write(&file, config(&database, &sandbox, port))?;
    let file = file.to_str().context("a path in UTF-8")?.to_owned();
    let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let mut clients = tokio::task::JoinSet::new();
    for id in FIRST_CUSTOMER..FIRST_CUSTOMER + CLIENTS {
        let token = token(&file, id)?;
        let bases = vec![format!("http://127.0.0.1:{port}")];
        clients.spawn(customer(id, bases, token, Arc::clone(&stop), Arc::clone(&told)));
    }
    for round in 0..KILLS {
        let (process, _) = start(&["serve", "--config", &file])?;
        let lives = Duration::from_millis(60 + u64::from(round * 97 % 400));
        tokio::time::sleep(lives).await;
        drop(process);
    }
    let (_last, base) = start(&["serve", "--config", &file])?;
    stop.store(true, Ordering::Relaxed);
    while let Some(done) = clients.join_next().await {
        done??;
    }
    quiet(&client, &base).await?;
    let told = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
    agree(&client, &sandbox, &told).await
}

/// The sandbox's books and what the clients were told say the same: each coupon lives and was paid
/// once.
pub async fn agree(client: &reqwest::Client, sandbox: &str, told: &[Value]) -> anyhow::Result<()> {
    let books: Value =
        client.get(format!("{sandbox}/sandbox/api/books")).send().await?.json().await?;
    assert!(told.len() > CLIENTS as usize, "the clients got something done: {}", told.len());
    let words: BTreeMap<String, Told> = told
        .iter()
        .filter_map(|body| Some((body["coupon"]["code"].as_str()?.to_owned(), Told::Done)))
        .collect();
    assert_eq!(words.len(), told.len(), "no two conversions share a code");
    assert_eq!(laws::broken(&books, initial, &words), None);
    let deducted: i64 = books["points"]
        .as_object()
        .context("points")?
        .values()
        .flat_map(|account| account["movements"].as_array().into_iter().flatten())
        .filter_map(|movement| movement["amount"].as_i64())
        .sum();
    assert_eq!(deducted, -100 * i64::try_from(told.len())?, "each coupon was paid once");
    Ok(())
}

pub fn token(file: &str, customer: u64) -> anyhow::Result<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_kaeru"))
        .args(["token", "customer", "--shop", "main", "--customer", &customer.to_string()])
        .args(["--config", file])
        .output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn initial(customer: &str) -> i64 {
    let ours = customer.parse::<u64>().is_ok_and(|id| id >= FIRST_CUSTOMER);
    if ours { BALANCE } else { crate::support::demo_balance(customer) }
}

/// Waits until nothing is under way and nothing is in doubt.
pub async fn quiet(client: &reqwest::Client, base: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(100);
    loop {
        let text = client.get(format!("{base}/metrics")).send().await?.text().await?;
        let open: f64 = text
            .lines()
            .filter(|line| line.starts_with("kaeru_flows_"))
            // What only waits until nothing can land any more.
            .filter(|line| !line.contains("\"dead\"") && !line.contains("\"clearing\""))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum();
        if open == 0.0 {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "never quiet: {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
