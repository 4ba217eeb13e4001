//! Time to coupon when the other side takes as long as the merchant measured.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use crate::http::{Connection, request};
use crate::load::{Target, prepare};
use crate::stand::Stand;
use crate::stats::{Sorted, ms};
use crate::{books, clock, metrics, service, token};

/// Authentication, balance, coupon, deduction and metafield, one after the other.
pub const SEED: Duration = Duration::from_millis(2_300);

#[derive(clap::Args)]
pub struct Options {
    /// Customers of each kind, all at the same time
    #[arg(long, default_value_t = 10)]
    customers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { customers: 10 }
    }
}

/// Medians.
pub struct Figures {
    /// After the page was shown: what a customer waits for.
    pub shown: Duration,
    /// Straight away, with nothing known of the customer.
    pub cold: Duration,
}

/// Measures and prints.
///
/// # Errors
/// When something does not start, breaks, or the books do not agree.
pub async fn run(options: &Options) -> Result<Figures> {
    ensure!(options.customers > 0, "--customers: at least 1");
    let stand = Stand::new(None).await?;
    let kaeru = stand.kaeru().await?;
    stand.sandbox.latency("seed").await?;
    let mut medians = Vec::new();
    for (name, page_first) in [("after the page", true), ("straight away", false)] {
        let customers = stand.customers(options.customers).await?;
        let times = Sorted::of(convert(kaeru.at, customers.clone(), page_first).await?);
        println!(
            "time to coupon, {name}: median {}, slowest {} of {} (one after the other: {})",
            ms(times.median()),
            ms(times.most()),
            times.len(),
            ms(SEED),
        );
        medians.push(times.median());
        metrics::quiet(kaeru.at, Duration::from_secs(30), &[]).await?;
        let told = customers.clone().map(|customer| (customer, 1)).collect();
        books::check(&stand.sandbox.books().await?, &customers, &told, &BTreeSet::new())?;
    }
    Ok(Figures { shown: medians[0], cold: medians[1] })
}

async fn convert(
    at: std::net::SocketAddr,
    customers: Range<u64>,
    page_first: bool,
) -> Result<Vec<Duration>> {
    let mut tasks = JoinSet::new();
    for customer in customers {
        tasks.spawn(async move {
            let mut connection = Connection::open(at).await?;
            if page_first {
                let who = token::authorization(service::JWT_SECRET, service::SHOP, customer)?;
                let page = request("GET", "/storefront/v1/points", &[who], "");
                ensure!(connection.ask(&page).await?.status == 200, "GET points");
            }
            let mut conversion = prepare(Target::Kaeru, customer)?;
            let start = clock::now();
            let answer = connection.ask(conversion.fresh()).await?;
            let text = String::from_utf8_lossy(answer.body);
            ensure!(answer.status == 201, "a conversion was answered {} {text}", answer.status);
            Ok(start.elapsed())
        });
    }
    tasks.join_all().await.into_iter().collect()
}
