//! Which version of the schema a database has, without changing it.

use super::{Location, migrate, postgres::Postgres};
use rusqlite::{Connection, OpenFlags};

/// The changes that are still to be applied.
///
/// # Errors
/// Where the database does not answer, or is of a newer version.
pub async fn missing(location: &Location) -> anyhow::Result<Vec<&'static str>> {
    match location {
        Location::Sqlite(path) if !path.exists() => migrate::unapplied_sqlite(None),
        Location::Sqlite(path) => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
            let connection = Connection::open_with_flags(path, flags)?;
            migrate::unapplied_sqlite(Some(&connection))
        }
        Location::Postgres(url) => {
            let postgres = Postgres::connect(url)?;
            let client = postgres.client().await.map_err(|error| anyhow::anyhow!("{error}"))?;
            migrate::unapplied_postgres(&client).await
        }
    }
}
