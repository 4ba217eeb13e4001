//! Webhooks in: kept durably before they are answered, at Shopify's pace and as fast as it goes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use tokio::task::JoinSet;

use crate::http::{Connection, request};
use crate::service::{SHOP, WEBHOOK_SECRET};
use crate::stand::{Stand, get};
use crate::stats::{Sorted, ms, per_second};
use crate::{clock, metrics};

const CLIENTS: u64 = 64;

#[derive(clap::Args)]
pub struct Options {
    /// Webhooks each second, sent whether the ones before are answered or not
    #[arg(long, default_value_t = 1_000)]
    pace: u64,
    /// How long each of the two parts lasts
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// `postgres`: a server of its own; or a URL; left out, the embedded one in a fresh folder
    #[arg(long)]
    database: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { pace: 1_000, seconds: 5, database: None }
    }
}

pub struct Figures {
    /// At the pace, from when each was due to be sent.
    pub p99: Duration,
    /// Per second, as fast as 64 clients can.
    pub most: f64,
}

/// Measures and prints.
///
/// # Errors
/// When something does not start, breaks, or not every webhook was kept.
pub async fn run(options: &Options) -> Result<Figures> {
    ensure!(options.pace > 0 && options.seconds > 0, "--pace, --seconds: at least 1");
    let stand = Stand::new(options.database.as_deref()).await?;
    let kaeru = stand.kaeru().await?;
    let paced = options.pace * options.seconds;
    let latencies = Sorted::of(at_pace(kaeru.at, options.pace, paced).await?);
    let (start, duration) = (clock::now(), Duration::from_secs(options.seconds));
    let sent = flat_out(kaeru.at, paced, start + duration).await?;
    let most = sent as f64 / start.elapsed().as_secs_f64();
    let (_, text) = get(kaeru.at, "/metrics").await?;
    let kept = metrics::sum(&text, "kaeru_webhooks_total").unwrap_or(0.0);
    ensure!(kept == (paced + sent) as f64, "{kept} of {} webhooks were kept", paced + sent);
    let figures = Figures { p99: latencies.percentile(99.0), most };
    println!(
        "webhooks at {}/s: p50 {}, p99 {}; {CLIENTS} clients: {}",
        options.pace,
        ms(latencies.median()),
        ms(figures.p99),
        per_second(figures.most)
    );
    Ok(figures)
}

/// Each is due at its time, and its latency counts from then: who waits for a slow answer is late
/// with the next ones.
async fn at_pace(at: SocketAddr, pace: u64, count: u64) -> Result<Vec<Duration>> {
    let start = clock::now() + Duration::from_millis(50);
    let mut tasks = JoinSet::new();
    for client in 0..CLIENTS {
        tasks.spawn(async move {
            let mut connection = Connection::open(at).await?;
            let mut latencies = Vec::new();
            for number in (client..count).step_by(CLIENTS as usize) {
                let bytes = webhook(number)?;
                let due = start + Duration::from_secs_f64(number as f64 / pace as f64);
                tokio::time::sleep_until(due.into()).await;
                send(&mut connection, &bytes).await?;
                latencies.push(due.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let all: Result<Vec<Vec<Duration>>> = tasks.join_all().await.into_iter().collect();
    Ok(all?.concat())
}

/// How many were kept until then; their numbers begin with `first`.
async fn flat_out(at: SocketAddr, first: u64, until: Instant) -> Result<u64> {
    let mut tasks = JoinSet::new();
    for client in 0..CLIENTS {
        tasks.spawn(async move {
            let mut connection = Connection::open(at).await?;
            let mut sent = 0;
            while clock::now() < until {
                let bytes = webhook(first + client + sent * CLIENTS)?;
                send(&mut connection, &bytes).await?;
                sent += 1;
            }
            anyhow::Ok(sent)
        });
    }
    let all: Result<Vec<u64>> = tasks.join_all().await.into_iter().collect();
    Ok(all?.into_iter().sum())
}

async fn send(connection: &mut Connection, bytes: &[u8]) -> Result<()> {
    let answer = connection.ask(bytes).await?;
    let text = || String::from_utf8_lossy(answer.body).into_owned();
    ensure!(answer.status == 200, "a webhook was answered {} {}", answer.status, text());
    Ok(())
}

/// An order's creation, signed as Shopify signs it.
fn webhook(number: u64) -> Result<Vec<u8>> {
    let body = json!({
        "id": 7_000_000_000_000 + number,
        "name": format!("#{number}"),
        "customer": { "id": 1_000_000 },
        "currency": "JPY",
        "total_price": "2500",
        "subtotal_price": "2000",
        "financial_status": "paid",
        "fulfillment_status": null,
        "created_at": "2026-11-21T10:00:00+09:00",
        "updated_at": "2026-11-21T10:00:05+09:00",
        "discount_applications": [],
        "payment_gateway_names": ["bogus"],
        "refunds": [],
        "note": "x".repeat(1_000),
    })
    .to_string();
    let mac = Hmac::<Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes())?;
    let signature = STANDARD.encode(mac.chain_update(&body).finalize().into_bytes());
    let headers = [
        format!("X-Shopify-Hmac-Sha256: {signature}"),
        "X-Shopify-Shop-Domain: demo.myshopify.com".to_owned(),
        format!("X-Shopify-Webhook-Id: bench-{number}"),
        "X-Shopify-Topic: orders/create".to_owned(),
        "X-Shopify-Triggered-At: 2026-11-21T01:00:05Z".to_owned(),
    ];
    Ok(request("POST", &format!("/webhooks/shopify/{SHOP}"), &headers, &body))
}
