//! Closed-loop load: so many clients, each with customers of its own, each asking again as soon as
//! it is answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::clock;
use crate::http::{Connection, request};
use crate::{bare, service, token};

pub const CONVERSIONS: &str = "/storefront/v1/conversions";
/// Points of each conversion.
pub const POINTS: i64 = 100;

/// Customers of each client. A customer converts a few times and not thousands of times.
const CUSTOMERS_PER_CLIENT: usize = 64;
const FEWEST_CUSTOMERS: usize = 256;
/// Connections and caches grow warm before anything counts.
const WARM: Duration = Duration::from_millis(500);

/// Digits of a key. No two requests have the same, not even those of two runs on one database.
const KEY_DIGITS: usize = 16;
static NEXT_KEY: LazyLock<AtomicU64> =
    LazyLock::new(|| AtomicU64::new(clock::unix_seconds() << 28));

/// Who is asked, and thereby how a customer is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Kaeru,
    Bare,
}

/// A conversion request made beforehand; only its key is written anew.
pub struct Prepared {
    pub customer: u64,
    bytes: Vec<u8>,
    key_at: usize,
}

/// What came of a load.
#[derive(Default)]
pub struct Report {
    /// Conversions answered 201 per second of the measured time.
    pub rate: f64,
    /// From the request's first byte to the answer's last.
    pub latencies: Vec<Duration>,
    /// 201s of each customer, warming up included.
    pub converted: BTreeMap<u64, u64>,
    /// Other answers by status: how many, and the first one's text.
    pub others: BTreeMap<u16, (u64, String)>,
}

impl Report {
    /// All 201s, warming up included.
    pub fn conversions(&self) -> u64 {
        self.converted.values().sum()
    }

    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        for (customer, count) in other.converted {
            *self.converted.entry(customer).or_default() += count;
        }
        for (status, (count, text)) in other.others {
            self.others.entry(status).or_insert((0, text)).0 += count;
        }
    }
}

/// How many customers a load of so many clients wants.
pub fn customers_for(clients: usize) -> usize {
    (clients * CUSTOMERS_PER_CLIENT).max(FEWEST_CUSTOMERS)
}

/// Loads the service for so long after warming up. Its pages were shown to the customers before.
///
/// # Errors
/// When a connection breaks or an answer is no HTTP. Answers other than 201 are counted only.
pub async fn run(
    target: Target,
    at: SocketAddr,
    clients: usize,
    customers: Range<u64>,
    measured: Duration,
) -> Result<Report> {
    let prepared = customers.map(|customer| prepare(target, customer)).collect::<Result<_>>()?;
    let from = clock::now() + WARM;
    let window = from..from + measured;
    let mut tasks = JoinSet::new();
    for own in shares(prepared, clients) {
        tasks.spawn(client(at, own, window.clone()));
    }
    let mut report = Report::default();
    while let Some(done) = tasks.join_next().await {
        report.add(done?.context("a client of the load")?);
    }
    report.rate = report.latencies.len() as f64 / measured.as_secs_f64();
    Ok(report)
}

/// Each customer opens the page first, as people do.
///
/// # Errors
/// When a page is not shown.
pub async fn show_pages(at: SocketAddr, customers: Range<u64>) -> Result<()> {
    let mut connection = Connection::open(at).await?;
    for customer in customers {
        let authorization = token::authorization(service::JWT_SECRET, service::SHOP, customer)?;
        let bytes = request("GET", "/storefront/v1/points", &[authorization], "");
        let answer = connection.ask(&bytes).await?;
        let text = String::from_utf8_lossy(answer.body);
        anyhow::ensure!(answer.status == 200, "GET points: {} {text}", answer.status);
    }
    Ok(())
}

/// The request of a customer, for a key to be written into.
///
/// # Errors
/// When the token cannot be signed.
pub fn prepare(target: Target, customer: u64) -> Result<Prepared> {
    let who = match target {
        Target::Kaeru => token::authorization(service::JWT_SECRET, service::SHOP, customer)?,
        Target::Bare => format!("{}: {customer}", bare::CUSTOMER),
    };
    let name = "Idempotency-Key: ";
    let key = format!("{name}{}", "0".repeat(KEY_DIGITS));
    let bytes = request("POST", CONVERSIONS, &[who, key], &format!("{{\"points\":{POINTS}}}"));
    let found = bytes.windows(name.len()).position(|window| window == name.as_bytes());
    let key_at = found.context("a request without its key")? + name.len();
    Ok(Prepared { customer, bytes, key_at })
}

impl Prepared {
    /// The bytes with a key that no other request has.
    pub fn fresh(&mut self) -> &[u8] {
        let key = format!("{:0KEY_DIGITS$x}", NEXT_KEY.fetch_add(1, Ordering::Relaxed));
        self.bytes[self.key_at..self.key_at + KEY_DIGITS].copy_from_slice(key.as_bytes());
        &self.bytes
    }

    /// The bytes with the key that they had last.
    pub fn again(&self) -> &[u8] {
        &self.bytes
    }
}

/// Deals the customers out to the clients.
fn shares(prepared: Vec<Prepared>, clients: usize) -> Vec<Vec<Prepared>> {
    let mut shares: Vec<Vec<Prepared>> = (0..clients).map(|_| Vec::new()).collect();
    for (at, one) in prepared.into_iter().enumerate() {
        shares[at % clients].push(one);
    }
    shares
}

async fn client(
    at: SocketAddr,
    mut customers: Vec<Prepared>,
    window: Range<Instant>,
) -> Result<Report> {
    let mut connection = Connection::open(at).await?;
    let mut report = Report::default();
    let mut turn = 0;
    loop {
        let start = clock::now();
        if start >= window.end {
            return Ok(report);
        }
        let own = customers.len();
        let customer = &mut customers[turn % own];
        turn += 1;
        let answer = connection.ask(customer.fresh()).await?;
        let now = clock::now();
        if answer.status == 201 {
            *report.converted.entry(customer.customer).or_default() += 1;
            if window.contains(&now) {
                report.latencies.push(now - start);
            }
        } else {
            let text = || String::from_utf8_lossy(answer.body).into_owned();
            report.others.entry(answer.status).or_insert_with(|| (0, text())).0 += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_its_own_key() {
        let mut prepared = prepare(Target::Bare, 42).expect("a request");
        let (first, second) = (prepared.fresh().to_vec(), prepared.fresh().to_vec());
        assert_ne!(first, second);
        assert_eq!(prepared.again(), second);
        let text = String::from_utf8(first).expect("text");
        assert!(text.contains("x-customer: 42\r\nIdempotency-Key: 0"), "{text}");
        assert!(text.ends_with("Content-Length: 14\r\n\r\n{\"points\":100}"), "{text}");
    }

    #[test]
    fn customers_are_dealt_out_once() {
        let prepared = (0..10).map(|id| prepare(Target::Bare, id).expect("a request")).collect();
        let shares = shares(prepared, 3);
        let ids = |share: &Vec<Prepared>| share.iter().map(|one| one.customer).collect::<Vec<_>>();
        let dealt: Vec<_> = shares.iter().map(ids).collect();
        assert_eq!(dealt, [vec![0, 3, 6, 9], vec![1, 4, 7], vec![2, 5, 8]]);
    }
}
