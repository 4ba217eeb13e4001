//! `kaeru reconcile`: the books compared, and what differs, a line each.

use anyhow::{Context, bail};
use clap::Args;
use domain::{At, ShopId};
use engine::ports::Clock;
use jiff::Timestamp;
use server::{
    app::{self, Shop},
    clock::{SharedClock, SystemClock},
    config::Config,
    http_client::http_client,
    reconcile::{
        self, Phase, Place,
        listed::{self, Totals},
    },
    store::Database,
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

const DAY_US: i64 = 86_400_000_000;
const EVERY: usize = 5_000;

#[derive(Args)]
pub struct Reconcile {
    /// Left out: every shop
    #[arg(long)]
    shop: Option<String>,
    /// Only what was issued or moved in so many days
    #[arg(long)]
    days: Option<u16>,
    /// The points book's own list of its movements, compared with Kaeru's in one pass instead of
    /// asking anybody: CSV with the columns reference, customer and points, in the order of the
    /// references' bytes
    #[arg(long, value_name = "FILE", requires = "shop", conflicts_with = "days")]
    points: Option<PathBuf>,
    /// When that list was made; left out, when the file was last written
    #[arg(long, value_name = "MOMENT", requires = "points")]
    made: Option<Timestamp>,
    #[command(flatten)]
    configured: crate::Configured,
}

/// Prints what differs as it is found, so that memory stays the same; says how much did.
async fn compare(shop: &Shop, database: &Database, since: At) -> anyhow::Result<usize> {
    let mut counts: BTreeMap<Phase, usize> = BTreeMap::new();
    let (mut place, mut found, mut told) = (Some(Place::START), 0, 0);
    while let Some(here) = place {
        let part = reconcile::step(shop, database, since, &here, SystemClock.now()).await?;
        for difference in &part.differences {
            println!("{}\t{difference}", shop.id);
        }
        *counts.entry(here.phase).or_default() += part.compared;
        found += part.differences.len();
        let compared: usize = counts.values().sum();
        if compared / EVERY > told {
            told = compared / EVERY;
            eprintln!("{}: {compared} compared", shop.id);
        }
        place = part.next;
    }
    let of = |phase| counts.get(&phase).copied().unwrap_or_default();
    println!(
        "{}: {} coupons, {} movements, {} discounts at Shopify, {} metafields, {found} differences",
        shop.id,
        of(Phase::Coupons),
        of(Phase::Movements),
        of(Phase::Discounts),
        of(Phase::Metafields)
    );
    if !reconcile::compares_points(shop) {
        println!("{}: the till cannot look movements up, so points were not compared", shop.id);
    }
    Ok(found)
}

/// The same of a list of the points book's; says how much differed.
async fn compare_list(
    shop: &ShopId,
    database: &Database,
    file: &Path,
    made: Option<Timestamp>,
) -> anyhow::Result<usize> {
    let list = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let made = match made {
        Some(made) => made,
        None => Timestamp::try_from(list.metadata()?.modified()?)?,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    let totals = listed::compare(shop, database, list, At::from(made), |difference| {
        if written.is_ok() {
            written = writeln!(out, "{shop}\t{difference}");
        }
    });
    let totals = totals.await.with_context(|| file.display().to_string())?;
    written?;
    let Totals { here, there, others, differences } = totals;
    writeln!(
        out,
        "{shop}: {here} movements here and {there} in the list, which has {others} of others, \
         {differences} differences"
    )?;
    out.flush()?;
    Ok(usize::try_from(differences)?)
}

pub async fn run(command: Reconcile) -> anyhow::Result<()> {
    let config = Config::load(&command.configured.config)?;
    let (now, client, clock) = (SystemClock.now(), http_client(), SharedClock::default());
    let database = Database::open_beside(&config.database, now).await?;
    let since = command.days.map_or(At(0), |days| At(now.0 - i64::from(days) * DAY_US));
    let wanted = command.shop.map(ShopId);
    let of = |id: &ShopId| wanted.as_ref().is_none_or(|wanted| wanted == id);
    let shops: Vec<_> = config.shops.into_iter().filter(|shop| of(&shop.id)).collect();
    if shops.is_empty() {
        bail!("--shop: there is no such shop");
    }
    let mut differences = 0;
    for shop in shops {
        if let Some(file) = &command.points {
            differences += compare_list(&shop.id, &database, file, command.made).await?;
            continue;
        }
        let shop = app::open_shop(shop, &client, &database, &clock);
        let found = compare(&shop, &database, since).await;
        let found = found.with_context(|| format!("shop {}", shop.id))?;
        differences += found;
    }
    if differences > 0 {
        bail!("{differences} differences: each line says whose book differs from Kaeru's");
    }
    Ok(())
}
