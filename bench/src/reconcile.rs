//! The points book's list of all that was moved, beside Kaeru's books: `kaeru reconcile --points`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rusqlite::Connection as Database;

use crate::children::beside;
use crate::stand::Stand;
use crate::stats::{mib, ms, per_second};
use crate::{clock, process};

#[derive(clap::Args)]
pub struct Options {
    /// Customers, each with a movement here and at the points book
    #[arg(long, default_value_t = 1_000_000)]
    customers: u64,
}

/// Movements that the list does not have, and others that Kaeru does not have.
const WRONG: u64 = 10;
const FIRST: u64 = 5_000_000;
/// How often the memory is looked at.
const PACE: Duration = Duration::from_millis(20);

/// Measures and prints.
///
/// # Errors
/// When something does not start, or not exactly the differences are found that were made.
pub async fn run(options: &Options) -> Result<()> {
    let customers = options.customers;
    ensure!(customers > WRONG * 2, "--customers: more than {}", WRONG * 2);
    let stand = Stand::new(None).await?;
    stand.kaeru().await?.kill()?;
    let list = stand.folder().join("list.csv");
    fill(&stand.folder().join("kaeru.db"), customers).context("filling the database")?;
    write(&list, customers).context("writing the list")?;
    let out = stand.folder().join("differences.txt");
    let began = clock::now();
    let mut child = Command::new(beside("kaeru")?)
        .args(["reconcile", "--shop", "main", "--points"])
        .args([&list, Path::new("--config"), stand.config()])
        .stdout(Stdio::from(File::create(&out)?))
        .stderr(Stdio::null())
        .spawn()?;
    let (mut early, mut peak) = (0, 0);
    let mut cpu = Duration::ZERO;
    while child.try_wait()?.is_none() {
        if let (Ok((now, most)), Ok(used)) = (process::memory(child.id()), process::cpu(child.id()))
        {
            peak = most.max(peak);
            cpu = used;
            if began.elapsed() < Duration::from_secs(1) {
                early = now.max(early);
            }
        }
        tokio::time::sleep(PACE).await;
    }
    let took = began.elapsed();
    let said = std::fs::read_to_string(&out)?;
    let expected = format!("{} differences", WRONG * 2);
    ensure!(said.contains(&expected), "not {expected}:\n{said}");
    println!(
        "reconciliation of {customers} customers: {} in {}, {} of CPU; memory {} after the first \
         second, {} at its highest",
        per_second(customers as f64 / took.as_secs_f64()),
        ms(took),
        ms(cpu),
        mib(early),
        mib(peak)
    );
    Ok(())
}

fn reference(number: u64) -> String {
    format!("COUPON-M{number:09}-{:06}-500", number * 161_803 % 1_000_000)
}

/// Whether only the list has it.
fn unknown_here(number: u64, customers: u64) -> bool {
    number % (customers / WRONG) == 1
}

/// Whether only Kaeru has it.
fn unknown_there(number: u64, customers: u64) -> bool {
    number % (customers / WRONG) == 2
}

fn fill(path: &Path, customers: u64) -> Result<()> {
    let database = Database::open(path)?;
    database.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; BEGIN")?;
    let mut person = database.prepare(
        "INSERT INTO customer (shop, id, member_no, pos_id, seen_at) \
         VALUES ('main', ?1, ?2, ?3, 0)",
    )?;
    let mut movement = database.prepare(
        "INSERT INTO movement (shop, reference, flow, customer, points, reason, at) \
         VALUES ('main', ?1, randomblob(16), ?2, -500, 'Coupon conversion', 0)",
    )?;
    for number in 0..customers {
        let id = i64::try_from(FIRST + number)?;
        person.execute((id, format!("M{number:09}"), id.to_string()))?;
        if !unknown_here(number, customers) {
            movement.execute((reference(number), id))?;
        }
    }
    Ok(database.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")?)
}

fn write(path: &Path, customers: u64) -> Result<()> {
    let mut list = BufWriter::new(File::create(path)?);
    writeln!(list, "reference,customer,points")?;
    for number in (0..customers).filter(|number| !unknown_there(*number, customers)) {
        writeln!(list, "{},{},-500", reference(number), FIRST + number)?;
    }
    Ok(list.flush()?)
}
