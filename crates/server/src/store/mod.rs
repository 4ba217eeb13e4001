//! The database, and the only SQL of the program.
//!
//! [`Database`] runs statements: writes in transactions of their own, reads beside them. What a
//! transaction does is written once, over [`tx::Tx`], for every database alike.

pub mod audit;
pub mod coupons;
pub mod customers;
pub mod journal;
pub mod migrate;
pub mod reads;
pub mod reviews;
mod rows;
mod sql;
mod sqlite;
pub mod staff;
mod tx;
mod writer;

pub use journal::Journal;

use anyhow::bail;
use domain::At;
use engine::store::StoreError;
use sqlite::Sqlite;
use std::{borrow::Cow, fmt, path::PathBuf, sync::Arc};
use tx::{Line, Value, Work};

/// Where the data is, read from `database.url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    Sqlite(PathBuf),
}

impl Location {
    /// Reads `sqlite://kaeru.db` or `sqlite:///var/lib/kaeru/kaeru.db`.
    ///
    /// # Errors
    /// Where it is neither, saying what it may be.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        match url.strip_prefix("sqlite://").filter(|path| !path.is_empty()) {
            Some(path) => Ok(Self::Sqlite(PathBuf::from(path))),
            None => bail!(
                "database.url: {url:?} is not a database that this version knows. Use sqlite://FILE"
            ),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
        }
    }
}

/// An open database. Clones share it.
#[derive(Clone, Debug)]
pub enum Database {
    Sqlite(Arc<Sqlite>),
}

impl Database {
    /// Opens it, creating and migrating it where needed. What a dead process left leased is due at
    /// once, where no other process can be alive.
    ///
    /// # Errors
    /// Where it cannot be used.
    pub async fn open(location: &Location, now: At) -> anyhow::Result<Self> {
        match location {
            Location::Sqlite(path) => Ok(Self::Sqlite(Arc::new(Sqlite::open(path, now)?))),
        }
    }

    /// Opens it beside a service that is running on it: for commands that add a row and end.
    ///
    /// # Errors
    /// Where it cannot be used.
    pub async fn open_beside(location: &Location, now: At) -> anyhow::Result<Self> {
        match location {
            Location::Sqlite(path) => Ok(Self::Sqlite(Arc::new(Sqlite::open_beside(path, now)?))),
        }
    }

    /// Runs the work in a transaction of its own, and answers once it is durable.
    async fn write<W: Work>(&self, work: W) -> Result<W::Output, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.write(work).await,
        }
    }

    /// Runs one query. It sees what was committed before.
    async fn read(
        &self,
        sql: impl Into<Cow<'static, str>>,
        values: Vec<Value<'static>>,
    ) -> Result<Vec<Line>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read(sql.into(), values).await,
        }
    }
}
