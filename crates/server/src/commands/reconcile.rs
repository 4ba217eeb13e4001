//! `kaeru reconcile`: the books compared, and what differs, a line each.

use anyhow::{Context, bail};
use clap::Args;
use domain::{At, ShopId};
use engine::ports::Clock;
use server::{
    app::{self, Shop},
    clock::{SharedClock, SystemClock},
    config::Config,
    http_client::http_client,
    reconcile::{self, Phase, Place},
    store::Database,
};
use std::collections::BTreeMap;

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
