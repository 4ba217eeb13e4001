//! `kaeru import-orders`: orders of another channel from a CSV file, each placed as a single one
//! is. A file with a mistake places nothing, and a row that was placed is not placed again.

use super::{Digested, hex};
use anyhow::{Context, bail};
use clap::Args;
use domain::{Actor, Flow, placing::State};
use engine::{ports::Clock, store::Request};
use serde::Deserialize;
use server::{
    acts::{Begin, Declined},
    app::{App, Shop},
    clock::SystemClock,
    own_orders::{self, Wish},
    store::Database,
    web::api::order_new::{self, AmountRequest, PlaceRequest},
};
use sha2::{Digest, Sha256};
use std::{fs::File, io, path::PathBuf, sync::Arc, time::Duration};

/// The most mistakes that are printed.
const SHOWN: u64 = 20;
/// Shopify may be slow; a row that takes longer goes on in the service.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Args)]
pub struct ImportOrders {
    /// CSV with a header: channel, number, customer, total, and optionally coupons (separated by
    /// blanks), credits, status, placed_at, note
    file: PathBuf,
    /// Only says what would be placed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    of: crate::OfShop,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    channel: String,
    number: String,
    customer: String,
    total: String,
    #[serde(default)]
    coupons: String,
    #[serde(default)]
    credits: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    placed_at: Option<String>,
    #[serde(default)]
    note: Option<String>,
}

/// How many orders, and their totals in minor units.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    minor: i64,
}

impl Sum {
    fn add(&mut self, wish: &Wish) -> anyhow::Result<()> {
        self.rows += 1;
        let sum = self.minor.checked_add(wish.total.minor);
        self.minor = sum.context("the totals add up to more than can be counted")?;
        Ok(())
    }
}

/// # Errors
/// Where a row has a mistake, or was not placed.
pub async fn run(command: ImportOrders) -> anyhow::Result<()> {
    let (config, id) = command.of.load()?;
    let database = Database::open_beside(&config.database, SystemClock.now()).await?;
    let app = App::over(config, database, false).await?;
    let shop = app.shops.get(&id).with_context(|| format!("--shop: there is no shop {id}"))?;
    let mut digest = Digested::new(io::sink());
    io::copy(&mut open(&command.file)?, &mut digest).context("reading the file")?;
    let digest = digest.digest();
    let whole = check(&app, shop, &command.file)?;
    let currency = shop.rules.rate.currency();
    let money = |sum: Sum| domain::Money { minor: sum.minor, currency }.to_string();
    println!("{}: SHA-256 {digest}", command.file.display());
    println!("{} orders of {} {}", whole.rows, money(whole), currency.code());
    if command.dry_run {
        println!("Nothing was placed: --dry-run");
        return Ok(());
    }
    let (mut new, mut known, mut failed) = (Sum::default(), Sum::default(), 0_u64);
    for (line, row) in rows(open(&command.file)?) {
        let wish = wish(&app, shop, row?)?;
        match place(&app, shop, wish.clone()).await {
            Ok(true) => new.add(&wish)?,
            Ok(false) => known.add(&wish)?,
            Err(why) => {
                failed += 1;
                eprintln!("line {line}: {why:#}");
            }
        }
    }
    // The metafields are written behind the answers.
    app.drives.close();
    app.drives.wait().await;
    println!("{} orders of {} were placed", new.rows, money(new));
    println!("{} orders of {} were there already", known.rows, money(known));
    let all = Sum { rows: new.rows + known.rows, minor: new.minor + known.minor };
    if failed > 0 || all != whole {
        bail!("{failed} orders were not placed. Mend them, and run the same again");
    }
    Ok(())
}

fn open(file: &PathBuf) -> anyhow::Result<File> {
    File::open(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Each row with its line.
fn rows(file: File) -> impl Iterator<Item = (u64, anyhow::Result<Row>)> {
    let reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    // The header is line 1.
    let lines = reader.into_deserialize::<Row>().zip(2_u64..);
    lines.map(|(row, line)| (line, row.context("the row does not fit the header")))
}

/// What the row asks for, once by what it says.
fn wish(app: &App, shop: &Shop, row: Row) -> anyhow::Result<Wish> {
    if row.number.is_empty() {
        bail!("number: is missing");
    }
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let amount = |amount: String| AmountRequest { amount, currency: None };
    let said = PlaceRequest {
        id: None,
        number: Some(row.number),
        channel: row.channel,
        customer: row.customer,
        status: some(row.status),
        total: amount(row.total),
        coupons: row.coupons.split_whitespace().map(str::to_owned).collect(),
        credits: some(row.credits).map(amount),
        placed_at: some(row.placed_at),
        note: some(row.note),
    };
    let words = format!("{said:?}");
    let digest = hex(&Sha256::digest(words.as_bytes())[..16]);
    let request = Request { key: format!("import {digest}"), fingerprint: digest };
    order_new::wish(app, shop, Actor::System, &said, request)
        .map_err(|error| anyhow::anyhow!(error.detail.unwrap_or_else(|| error.code.to_owned())))
}

/// Every row, none placed.
fn check(app: &App, shop: &Shop, file: &PathBuf) -> anyhow::Result<Sum> {
    let (mut sum, mut mistakes) = (Sum::default(), 0_u64);
    for (line, row) in rows(open(file)?) {
        match row.and_then(|row| wish(app, shop, row)) {
            Ok(wish) => sum.add(&wish)?,
            Err(error) => {
                mistakes += 1;
                if mistakes <= SHOWN {
                    eprintln!("line {line}: {error:#}");
                }
            }
        }
    }
    if mistakes > 0 {
        bail!("{mistakes} orders cannot be placed, so none was");
    }
    Ok(sum)
}

/// Whether it was placed now; false where it was before.
async fn place(app: &Arc<App>, shop: &Shop, wish: Wish) -> anyhow::Result<bool> {
    let begun = own_orders::begin(app, shop, wish).await.map_err(|declined| match declined {
        Declined::NotFound => anyhow::anyhow!("coupons: there is no such coupon"),
        other => other.into(),
    })?;
    let new = matches!(begun, Begin::New(_));
    let row = begun.see_through(app, PATIENCE).await;
    match row.flow {
        Flow::Placing(flow) => match flow.state {
            State::Failed { problem } => bail!("{}", problem.code()),
            _ if flow.counts() => Ok(new),
            _ => bail!("it is being worked on ({}); run the same again", flow.state_name()),
        },
        _ => bail!("the row is another request's"),
    }
}
