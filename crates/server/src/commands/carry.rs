//! `kaeru move`: from SQLite to PostgreSQL.

use anyhow::bail;
use engine::ports::Clock;
use server::{
    clock::SystemClock,
    store::{Location, transfer},
};

pub async fn run(from: &str, to: &str) -> anyhow::Result<()> {
    let Location::Sqlite(path) = Location::parse(from)? else {
        bail!("--from: use sqlite://FILE");
    };
    let Location::Postgres(url) = Location::parse(to)? else {
        bail!("--to: use postgres://USER@HOST/DATABASE");
    };
    for table in transfer::carry(&path, &url, SystemClock.now()).await? {
        println!("{}\t{} rows\tchecksum {:032x}", table.table, table.rows, table.checksum);
    }
    println!("Both sides agree. Set database.url to the new one; the old one will not be served");
    Ok(())
}
