//! The staff's list and search, over HTTP, as the number of coupons grows.

mod fill;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::http::{Connection, request};
use crate::stand::Stand;
use crate::stats::{Sorted, mib, ms};
use crate::{clock, staff};
use fill::{BEGAN_US, fill};

/// Each page is asked for so often.
const TIMES: usize = 200;

#[derive(clap::Args)]
pub struct Options {
    /// Numbers of coupons
    #[arg(long, value_delimiter = ',', default_value = "10000,100000")]
    coupons: Vec<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { coupons: vec![10_000, 100_000] }
    }
}

/// At one number of coupons.
pub struct Figures {
    /// The slowest kind of list, p99.
    pub list: Duration,
    /// The slowest kind of search, p99.
    pub search: Duration,
}

/// What staff ask for: what it is, the address, and whether it is a search. `{deep}` is a page in
/// the middle, `{code}` one of the codes, `{drawn}` its part that was drawn.
const PAGES: [(&str, &str, bool); 15] = [
    ("first page", "limit=50", false),
    ("a page in the middle", "limit=50&cursor={deep}", false),
    ("unused", "limit=50&status=unused", false),
    ("cancelled", "limit=50&status=cancelled", false),
    ("unused, ends soonest", "limit=50&status=unused&sort=expiring", false),
    ("in doubt", "limit=50&status=in_doubt", false),
    ("one customer's", "limit=50&customer=5000042", false),
    ("a whole code", "limit=50&q={code}", true),
    ("part of a code", "limit=50&q={drawn}", true),
    ("a member number", "limit=50&q=M0004242", true),
    ("a name", "limit=50&q=%E5%B1%B1%E7%94%B0%20%E5%A4%AA%E9%83%8E4242", true),
    ("part of a name", "limit=50&q=%E9%83%8E4242", true),
    ("part of every code", "limit=50&q=-500", true),
    ("everybody's name", "limit=50&q=%E5%B1%B1%E7%94%B0", true),
    ("nothing like it", "limit=50&q=zzzzzz", true),
];

/// Measures and prints.
///
/// # Errors
/// When something does not start or a page is not answered.
pub async fn run(options: &Options) -> Result<Vec<Figures>> {
    let mut all = Vec::new();
    for coupons in &options.coupons {
        all.push(at(*coupons).await?);
    }
    Ok(all)
}

async fn at(coupons: u64) -> Result<Figures> {
    let stand = Stand::new(None).await?;
    stand.kaeru().await?.kill()?;
    let began = clock::now();
    let file = stand.folder().join("kaeru.db");
    let code = fill(&file, coupons).context("filling the database")?;
    let bytes = std::fs::metadata(&file)?.len();
    println!("{coupons} coupons, {} on disk, written in {}", mib(bytes), ms(began.elapsed()));
    let drawn = code.split('-').nth(1).context("a code has three parts")?;
    let kaeru = stand.kaeru().await?;
    let staff = staff::authorization(stand.config())?;
    let mut connection = Connection::open(kaeru.at).await?;
    let deep = cursor(&mut connection, &staff, coupons).await?;
    let mut figures = Figures { list: Duration::ZERO, search: Duration::ZERO };
    for (name, query, search) in PAGES {
        let query =
            query.replace("{deep}", &deep).replace("{code}", &code).replace("{drawn}", drawn);
        let path = format!("/admin/api/v1/coupons?{query}");
        let bytes = request("GET", &path, std::slice::from_ref(&staff), "");
        let (times, items) = ask(&mut connection, &bytes).await?;
        let p99 = times.percentile(99.0);
        println!("  {name:<22} p50 {:>8}  p99 {:>8}  {items} items", ms(times.median()), ms(p99));
        let slowest = if search { &mut figures.search } else { &mut figures.list };
        *slowest = p99.max(*slowest);
    }
    let bytes = request("GET", "/admin/api/v1/coupons/counts", &[staff], "");
    let (times, _) = ask(&mut connection, &bytes).await?;
    println!(
        "  {:<22} p50 {:>8}  p99 {:>8}",
        "the tabs' counts",
        ms(times.median()),
        ms(times.percentile(99.0))
    );
    Ok(figures)
}

async fn ask(connection: &mut Connection, bytes: &[u8]) -> Result<(Sorted<Duration>, usize)> {
    let mut times = Vec::with_capacity(TIMES);
    let mut items = 0;
    for _ in 0..TIMES {
        let start = clock::now();
        let answer = connection.ask(bytes).await?;
        times.push(start.elapsed());
        let text = || String::from_utf8_lossy(answer.body).into_owned();
        ensure!(answer.status == 200, "{} {}", answer.status, text());
        let body: Value = serde_json::from_slice(answer.body)?;
        items = body["items"].as_array().map_or(0, Vec::len);
    }
    Ok((Sorted::of(times), items))
}

/// Of a page half-way down, found by its day.
async fn cursor(connection: &mut Connection, staff: &str, coupons: u64) -> Result<String> {
    let middle = date(i64::try_from(BEGAN_US / 1_000_000 + coupons / 2 * 60)?)?;
    let path = format!("/admin/api/v1/coupons?limit=50&to={middle}");
    let bytes = request("GET", &path, &[staff.to_owned()], "");
    let answer = connection.ask(&bytes).await?;
    let body: Value = serde_json::from_slice(answer.body)?;
    Ok(body["next_cursor"].as_str().unwrap_or_default().to_owned())
}

/// The UTC day of a moment in seconds since 1970, as `2021-07-01`.
fn date(seconds: i64) -> Result<String> {
    Ok(jiff::Timestamp::from_second(seconds)?.to_zoned(jiff::tz::TimeZone::UTC).date().to_string())
}
