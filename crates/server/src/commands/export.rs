//! `kaeru export`: a shop's books as CSV, with what they add up to.

use super::Digested;
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use domain::At;
use engine::ports::Clock;
use jiff::{ToSpan, civil::Date};
use server::{
    clock::SystemClock,
    points::Settings,
    store::{
        Database,
        export::{self, What},
    },
};
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

#[derive(Args)]
pub struct Export {
    #[arg(value_enum)]
    what: List,
    /// As things stood at the end of that day in the shop's time zone, such as 2027-03-31
    #[arg(long)]
    on: Option<Date>,
    /// Left out: standard output
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    of: crate::OfShop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum List {
    /// Points of each customer, where Kaeru holds them
    Balances,
    /// What is left of each lot, where Kaeru holds the points
    Lots,
    /// Every change of points that Kaeru knows
    Movements,
    Coupons,
    Customers,
}

pub async fn run(command: Export) -> anyhow::Result<()> {
    let (config, id) = command.of.load()?;
    let known = config.shops.iter().find(|shop| shop.id == id);
    let shop = known.with_context(|| format!("--shop: there is no shop {id}"))?;
    let builtin = matches!(shop.points, Settings::Builtin(_));
    let what = match command.what {
        List::Balances if builtin => What::Balances,
        List::Lots if builtin => What::Lots,
        List::Balances | List::Lots => {
            bail!("the points of {id} are held by its till: export them there")
        }
        List::Movements if builtin => What::LedgerMovements,
        List::Movements => What::Movements,
        List::Coupons => What::Coupons,
        List::Customers => What::Customers,
    };
    let end = |day: Date| -> anyhow::Result<At> {
        let midnight = day.tomorrow()?.to_zoned(shop.zone.clone())?;
        Ok(At::from(midnight.checked_sub(1.microsecond())?.timestamp()))
    };
    let until = command.on.map(end).transpose().context("--on")?;
    let stands = matches!(what, What::Balances | What::Lots);
    let until = if stands { until.or(Some(SystemClock.now())) } else { until };
    let database = Database::open_beside(&config.database, SystemClock.now()).await?;
    let out: Box<dyn Write> = match &command.out {
        Some(path) => Box::new(BufWriter::new(
            File::create_new(path).with_context(|| format!("--out: {}", path.display()))?,
        )),
        None => Box::new(io::stdout().lock()),
    };
    let mut writer = csv::Writer::from_writer(Digested::new(out));
    writer.write_record(what.header())?;
    let (mut rows, mut sum, mut place) = (0_u64, 0_i64, None);
    loop {
        let page = export::page(&database, &id, what, place, until).await?;
        for row in &page.rows {
            writer.write_record(row)?;
            rows += 1;
        }
        sum += page.sum;
        place = page.next;
        if place.is_none() {
            break;
        }
    }
    let mut written = writer.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?;
    written.flush().context("writing")?;
    let digest = written.digest();
    let points = if what == What::Customers { String::new() } else { format!(", {sum} points") };
    eprintln!("{rows} rows{points}, SHA-256 {digest}");
    Ok(())
}
