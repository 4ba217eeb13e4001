//! `kaeru import`: opening balances from a CSV file into the built-in points book. A file with a
//! mistake changes nothing, and a row that was imported is not imported again.

use super::Digested;
use anyhow::{Context, bail};
use clap::Args;
use domain::{
    At, PosId, Reference,
    ledger::{Account, Counter, Funding, Unit, Wish},
};
use engine::ports::Clock;
use futures::{StreamExt, stream};
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;
use server::{
    book::{self, Book},
    clock::{SharedClock, SystemClock},
    points::Settings,
    store::{
        Database,
        ledger::{self, Asked, Outcome},
    },
};
use sha2::{Digest, Sha256};
use std::{collections::HashMap, fs::File, io, path::PathBuf};

/// So many rows at once: they share their commits.
const AT_ONCE: usize = 128;
/// The most mistakes that are printed.
const SHOWN: usize = 20;
const EVERY: u64 = 10_000;

#[derive(Args)]
pub struct Import {
    /// CSV with a header: customer, points, and optionally issued_at, expires_at, funding
    file: PathBuf,
    /// Only says what would be imported
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    of: crate::OfShop,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// The customer's id at the points book.
    customer: String,
    points: i64,
    #[serde(default)]
    issued_at: Option<String>,
    #[serde(default)]
    expires_at: Option<String>,
    #[serde(default)]
    funding: Option<String>,
}

/// A row that can be imported.
struct Opening {
    line: u64,
    customer: PosId,
    reference: Reference,
    said: String,
    amount: i64,
    issued_at: Option<At>,
    expires_at: Option<At>,
    funding: Funding,
}

/// What the file says in all.
#[derive(Default)]
struct Summary {
    rows: u64,
    points: i64,
    mistakes: u64,
}

#[derive(Default)]
struct Report {
    new: (u64, i64),
    known: (u64, i64),
    failed: u64,
}

pub async fn run(command: Import) -> anyhow::Result<()> {
    let (config, id) = command.of.load()?;
    let known = config.shops.into_iter().find(|shop| shop.id == id);
    let shop = known.with_context(|| format!("--shop: there is no shop {id}"))?;
    let Settings::Builtin(settings) = shop.points else {
        bail!("--shop: the points of {id} are held by its till: import them there");
    };
    let mut digest = Digested::new(io::sink());
    io::copy(&mut open(&command.file)?, &mut digest).context("reading the file")?;
    let digest = digest.digest();
    let now = SystemClock.now();
    let summary = check(&command.file, now, &shop.zone)?;
    println!("{}: SHA-256 {digest}", command.file.display());
    println!("{} rows, {} points", summary.rows, summary.points);
    if summary.mistakes > 0 {
        bail!("{} rows cannot be imported, so none was", summary.mistakes);
    }
    if command.dry_run {
        println!("Nothing was imported: --dry-run");
        return Ok(());
    }
    let database = Database::open_beside(&config.database, now).await?;
    let (clock, unit) = (SharedClock::default(), Unit::Points);
    let book = Book { shop: id.clone(), unit, zone: shop.zone, settings, database, clock };
    let report = bring(&command.file, &book, now).await?;
    let ((new, new_points), (old, old_points)) = (report.new, report.known);
    println!("{new} rows with {new_points} points were imported");
    println!("{old} rows with {old_points} points were there already");
    let (movements, points) = ledger::opening(&book.database, &id).await?;
    println!("The book holds {movements} opening balances of {points} points in all");
    if report.failed > 0 || new_points + old_points != summary.points {
        bail!("{} rows were not imported. Run the same again", report.failed);
    }
    Ok(())
}

fn open(file: &PathBuf) -> anyhow::Result<File> {
    File::open(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Each row with its line, or what is wrong with it.
fn rows(
    file: File,
    now: At,
    zone: TimeZone,
) -> impl Iterator<Item = (u64, anyhow::Result<Opening>)> {
    let reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let mut seen: HashMap<[u8; 8], u32> = HashMap::new();
    reader.into_deserialize::<Row>().enumerate().map(move |(index, row)| {
        // The header is line 1.
        let line = index as u64 + 2;
        let opening = row
            .context("the row does not fit the header")
            .and_then(|row| opening(row, line, &mut seen, now, &zone));
        (line, opening)
    })
}

fn opening(
    row: Row,
    line: u64,
    seen: &mut HashMap<[u8; 8], u32>,
    now: At,
    zone: &TimeZone,
) -> anyhow::Result<Opening> {
    if row.customer.is_empty() {
        bail!("customer: is missing");
    }
    let issued_at = moment("issued_at", row.issued_at.as_deref())?;
    let expires_at = moment("expires_at", row.expires_at.as_deref())?;
    let funding = match row.funding.as_deref().filter(|funding| !funding.is_empty()) {
        None => Funding::Free,
        Some(text) => Funding::parse(text).context("funding: free or paid")?,
    };
    let (amount, from) = (row.points, Counter::Opening);
    let wish = Wish::Grant { amount, from, issued_at, expires_at, funding };
    Account::default().post(&wish, now, zone)?;
    let said =
        format!("{} {amount} {issued_at:?} {expires_at:?} {}", row.customer, funding.as_str());
    let digest = Sha256::digest(said.as_bytes());
    let mut short = [0; 8];
    short.copy_from_slice(&digest[..8]);
    // Two equal rows are two lots.
    let nth = seen.entry(short).and_modify(|nth| *nth += 1).or_insert(1);
    let reference = Reference(format!("OPENING-{}-{nth}", super::hex(&short)));
    let customer = PosId(row.customer);
    Ok(Opening { line, customer, reference, said, amount, issued_at, expires_at, funding })
}

fn moment(field: &str, text: Option<&str>) -> anyhow::Result<Option<At>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let moment: Timestamp = text.parse().map_err(|_| {
        anyhow::anyhow!("{field}: {text:?} is no moment such as 2027-03-31T14:59:59Z")
    })?;
    Ok(Some(At::from(moment)))
}

fn check(file: &PathBuf, now: At, zone: &TimeZone) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    for (line, opening) in rows(open(file)?, now, zone.clone()) {
        match opening {
            Ok(opening) => {
                summary.rows += 1;
                let sum = summary.points.checked_add(opening.amount);
                summary.points = sum.context("the points add up to more than can be counted")?;
            }
            Err(error) => {
                summary.mistakes += 1;
                if summary.mistakes <= SHOWN as u64 {
                    eprintln!("line {line}: {error:#}");
                }
            }
        }
    }
    Ok(summary)
}

async fn bring(file: &PathBuf, book: &Book, now: At) -> anyhow::Result<Report> {
    let posted = stream::iter(rows(open(file)?, now, book.zone.clone()))
        .filter_map(async |(_, opening)| opening.ok())
        .map(|opening| async move {
            let asked = Asked::Grant {
                amount: opening.amount,
                from: Counter::Opening,
                issued_at: opening.issued_at,
                expires_at: opening.expires_at,
                funding: opening.funding,
            };
            let Opening { line, customer, reference, said, amount, .. } = opening;
            let order = book.opening(&customer, reference, asked, said, now);
            (line, amount, ledger::post(&book.database, order).await)
        })
        .buffer_unordered(AT_ONCE);
    let mut posted = std::pin::pin!(posted);
    let mut report = Report::default();
    let mut done = 0_u64;
    while let Some((line, amount, outcome)) = posted.next().await {
        done += 1;
        if done.is_multiple_of(EVERY) {
            eprintln!("{done} rows");
        }
        let of = match outcome {
            Ok(Outcome::Posted(_)) => &mut report.new,
            Ok(Outcome::Known(_)) => &mut report.known,
            Ok(Outcome::Declined(why)) => {
                eprintln!("line {line}: {} ({why})", book::code(why));
                report.failed += 1;
                continue;
            }
            other => {
                eprintln!("line {line}: {other:?}");
                report.failed += 1;
                continue;
            }
        };
        of.0 += 1;
        of.1 += amount;
    }
    Ok(report)
}
