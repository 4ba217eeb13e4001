//! Staff cancel coupons: how many a second, and what one costs.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::http::{Connection, request};
use crate::load::{Target, prepare};
use crate::stand::Stand;
use crate::stats::{Sorted, ms, per_second};
use crate::{books, clock, metrics, process, staff};

#[derive(clap::Args)]
pub struct Options {
    /// Clients at the same time
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Coupons that each of them cancels
    #[arg(long, default_value_t = 100)]
    each: usize,
    /// `postgres`: a server of its own; or a URL; left out, the embedded one in a fresh folder
    #[arg(long)]
    database: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { clients: 64, each: 100, database: None }
    }
}

pub struct Figures {
    /// Cancellations per second.
    pub rate: f64,
    pub p50: Duration,
    pub p99: Duration,
    /// CPU time of the service for one, what follows the answer included.
    pub cpu: Duration,
}

/// Measures and prints.
///
/// # Errors
/// When something does not start, breaks, or the books do not agree.
pub async fn run(options: &Options) -> Result<Figures> {
    ensure!(options.clients > 0 && options.each > 0, "--clients, --each: at least 1");
    let stand = Stand::new(options.database.as_deref()).await?;
    let kaeru = stand.kaeru().await?;
    let staff = staff::authorization(stand.config())?;
    let customers = stand.customers(options.clients).await?;
    let coupons = issue(kaeru.at, customers, options.each).await?;
    metrics::quiet(kaeru.at, Duration::from_secs(120), &[]).await?;

    let (start, cpu) = (clock::now(), process::cpu(kaeru.pid())?);
    let mut tasks = JoinSet::new();
    for codes in coupons.clone() {
        tasks.spawn(cancel(kaeru.at, staff.clone(), codes));
    }
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done??);
    }
    let took = start.elapsed();
    metrics::quiet(kaeru.at, Duration::from_secs(120), &[]).await?;
    let cancelled = latencies.len();
    let cpu = (process::cpu(kaeru.pid())?.saturating_sub(cpu)).div_f64(cancelled as f64);
    let all: Vec<String> = coupons.into_iter().flatten().collect();
    books::check_cancelled(&stand.sandbox.books().await?, &all)?;
    let latencies = Sorted::of(latencies);
    let rate = cancelled as f64 / took.as_secs_f64();
    let figures = Figures { rate, p50: latencies.median(), p99: latencies.percentile(99.0), cpu };
    println!(
        "cancel, {} clients: {}, p50 {}, p99 {}, {} µs CPU each; books: {cancelled} coupons, each \
         dead and its points back once",
        options.clients,
        per_second(figures.rate),
        ms(figures.p50),
        ms(figures.p99),
        figures.cpu.as_micros()
    );
    Ok(figures)
}

/// The codes of so many coupons for each customer.
async fn issue(at: SocketAddr, customers: Range<u64>, each: usize) -> Result<Vec<Vec<String>>> {
    let mut tasks = JoinSet::new();
    for customer in customers {
        tasks.spawn(async move {
            let mut connection = Connection::open(at).await?;
            let mut conversion = prepare(Target::Kaeru, customer)?;
            let mut codes = Vec::with_capacity(each);
            for _ in 0..each {
                let answer = connection.ask(conversion.fresh()).await?;
                let body: Value = serde_json::from_slice(answer.body)?;
                let code = body["coupon"]["code"].as_str();
                codes.push(code.map(str::to_owned).ok_or_else(|| anyhow::anyhow!("{body}"))?);
            }
            anyhow::Ok(codes)
        });
    }
    tasks.join_all().await.into_iter().collect()
}

async fn cancel(at: SocketAddr, staff: String, codes: Vec<String>) -> Result<Vec<Duration>> {
    let mut connection = Connection::open(at).await?;
    let body = r#"{"reason":"customer_request","notify":false}"#;
    let mut latencies = Vec::with_capacity(codes.len());
    for code in codes {
        let key = format!("Idempotency-Key: {code}");
        let path = format!("/admin/api/v1/coupons/{code}/cancel");
        let bytes = request("POST", &path, &[staff.clone(), key], body);
        let start = clock::now();
        let answer = connection.ask(&bytes).await?;
        let text = || String::from_utf8_lossy(answer.body).into_owned();
        ensure!(answer.status == 200, "a cancellation was answered {} {}", answer.status, text());
        latencies.push(start.elapsed());
    }
    Ok(latencies)
}
