//! `kaeru reconcile`: the books compared, and what differs, a line each.

use anyhow::{Context, bail};
use clap::Args;
use domain::{At, ShopId};
use engine::ports::Clock;
use server::{
    app,
    clock::{SharedClock, SystemClock},
    config::Config,
    http_client::http_client,
    reconcile,
    store::Database,
};

const DAY_US: i64 = 86_400_000_000;
const EVERY: u64 = 5_000;

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
        let progress = |compared: u64| {
            if compared.is_multiple_of(EVERY) {
                eprintln!("{}: {compared} compared", shop.id);
            }
        };
        let report = reconcile::run(&shop, &database, since, now, progress).await;
        let report = report.with_context(|| format!("shop {}", shop.id))?;
        for difference in &report.differences {
            println!("{}\t{difference}", shop.id);
        }
        let (coupons, movements) = (report.coupons, report.movements);
        let found = report.differences.len();
        println!("{}: {coupons} coupons, {movements} movements, {found} differences", shop.id);
        if !report.points_compared {
            println!("{}: the till cannot look movements up, so points were not compared", shop.id);
        }
        differences += found;
    }
    if differences > 0 {
        bail!("{differences} differences: each line says whose book differs from Kaeru's");
    }
    Ok(())
}
