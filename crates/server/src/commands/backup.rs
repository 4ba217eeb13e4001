//! `kaeru backup`: a checked copy of the database, taken while the service runs.

use anyhow::bail;
use server::{
    config::Config,
    store::{Location, backup},
};
use std::path::Path;

pub fn run(config: &Path, to: &Path) -> anyhow::Result<()> {
    let Location::Sqlite(path) = Config::load(config)?.database else {
        bail!("database.url: this is PostgreSQL, which has its own: use pg_dump");
    };
    let tables = backup::take(&path, to)?;
    let rows: i64 = tables.iter().map(|(_, rows)| rows).sum();
    let bytes = std::fs::metadata(to)?.len();
    println!("{}: {} tables, {rows} rows, {bytes} bytes, checked", to.display(), tables.len());
    Ok(())
}
