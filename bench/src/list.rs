//! The staff's list and search, over HTTP, as the number of coupons grows.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rusqlite::Connection as Database;
use serde_json::Value;

use crate::http::{Connection, request};
use crate::stand::Stand;
use crate::stats::{Sorted, ms};
use crate::{clock, staff};

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
const PAGES: [(&str, &str, bool); 11] = [
    ("first page", "limit=50", false),
    ("a page in the middle", "limit=50&cursor={deep}", false),
    ("unused", "limit=50&status=unused", false),
    ("cancelled", "limit=50&status=cancelled", false),
    ("one customer's", "limit=50&customer=5000042", false),
    ("a whole code", "limit=50&q={code}", true),
    ("part of a code", "limit=50&q={drawn}", true),
    ("a member number", "limit=50&q=M0004242", true),
    ("a name", "limit=50&q=%E5%B1%B1%E7%94%B0%20%E5%A4%AA%E9%83%8E4242", true),
    ("part of a name", "limit=50&q=%E9%83%8E4242", true),
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
    let code = fill(&stand.folder().join("kaeru.db"), coupons).context("filling the database")?;
    let drawn = code.split('-').nth(1).context("a code has three parts")?;
    let kaeru = stand.kaeru().await?;
    let staff = staff::authorization(stand.config())?;
    let mut connection = Connection::open(kaeru.at).await?;
    let deep = cursor(&mut connection, &staff, coupons).await?;
    let mut figures = Figures { list: Duration::ZERO, search: Duration::ZERO };
    println!("{coupons} coupons");
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

/// One a minute from then on.
const BEGAN_US: u64 = 1_600_000_000_000_000;

/// Six signs of the codes' alphabet, another six for each coupon: 161,803,391 has no divisor in
/// common with 25^6.
fn drawn() -> String {
    let sign = |place: u32| {
        let worth = 25_u64.pow(place);
        format!(
            "substr('34679ACDEFGHJKMNPQRTUVWXY', \
             1 + i * 161803391 % 244140625 / {worth} % 25, 1)"
        )
    };
    (0..6).map(sign).collect::<Vec<_>>().join(" || ")
}

/// Coupons as years of conversions leave them: written beside the service, which would take hours.
/// Tells one of the codes.
fn fill(path: &std::path::Path, coupons: u64) -> Result<String> {
    let database = Database::open(path)?;
    database.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL;")?;
    let numbers = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {coupons})"
    );
    database.execute_batch(&format!(
        "BEGIN;
         {numbers} INSERT INTO coupon (shop, code, flow, customer, member_no, points, amount,
           currency, status, node, created_at, expires_at, ended_at)
         SELECT 'main', printf('M%07d-%s-500', i % 50000, {drawn}), randomblob(16),
           5000000 + i % 50000, printf('M%07d', i % 50000), 500, 500, 'JPY',
           CASE i % 10 WHEN 0 THEN 'cancelled' WHEN 1 THEN 'active' WHEN 2 THEN 'expired'
             ELSE 'used' END,
           i, {BEGAN_US} + i * 60000000, {BEGAN_US} + i * 60000000 + 630720000000000,
           CASE i % 10 WHEN 1 THEN NULL ELSE {BEGAN_US} + i * 60000000 + 86400000000 END
         FROM n;
         INSERT INTO coupon_search (code, shop)
           SELECT code, shop FROM coupon ORDER BY created_at, code;
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 49999)
         INSERT INTO customer (shop, id, name, name_key, member_no, pos_id, seen_at)
         SELECT 'main', 5000000 + i, '山田 太郎' || i, '山田 太郎' || i, printf('M%07d', i),
           5000000 + i, {BEGAN_US} FROM n;
         INSERT INTO customer_search (name_key, shop, id)
           SELECT name_key, shop, id FROM customer;
         COMMIT;
         ANALYZE;
         PRAGMA wal_checkpoint(TRUNCATE);",
        drawn = drawn()
    ))?;
    let newest = BEGAN_US + 4_242 * 60_000_000;
    let sql = "SELECT code FROM coupon WHERE shop = 'main' AND created_at = ?1";
    Ok(database.query_row(sql, [i64::try_from(newest)?], |row| row.get(0))?)
}
