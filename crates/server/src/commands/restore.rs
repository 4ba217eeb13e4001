//! `kaeru restore`: a backup takes the database's place.

use anyhow::{Context, bail};
use engine::ports::Clock;
use server::{
    clock::SystemClock,
    config::Config,
    store::{Database, Location, backup, lineage},
};
use std::path::{Path, PathBuf};

pub async fn run(config: &Path, copy: Option<PathBuf>) -> anyhow::Result<()> {
    let location = Config::load(config)?.database;
    let now = SystemClock.now();
    match (&location, copy) {
        (Location::Sqlite(path), Some(copy)) => {
            if let Some(kept) = backup::put_back(&copy, path, now)? {
                println!("What was there before is kept as {}", kept.display());
            }
        }
        (Location::Postgres(_), None) => {
            let database = Database::open_beside(&location, now).await?;
            lineage::note(&database, lineage::RESTORED, now).await.context("database.url")?;
        }
        (Location::Sqlite(_), None) => bail!("say which FILE to put back"),
        (Location::Postgres(_), Some(_)) => {
            bail!("PostgreSQL has its own: use pg_restore, then `kaeru restore` without a FILE")
        }
    }
    println!(
        "The database comes from a backup. Points that were to move before now are looked up \
         before they move again. What was converted after the backup is in Shopify and at the POS, \
         and not here: see «Restore» in docs/operating.md"
    );
    Ok(())
}
