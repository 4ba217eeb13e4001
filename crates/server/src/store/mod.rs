//! The database, and the only SQL of the program.
//!
//! [`Database`] runs statements: writes in transactions of their own, reads beside them. What a
//! transaction does is written once, over [`tx::Tx`], for every database alike.

pub mod approvals;
pub mod audit;
pub mod backup;
mod checkpoint;
pub mod coupons;
pub mod credits;
pub mod customers;
pub mod expiry;
pub mod export;
mod facts;
pub mod inbox;
pub mod jobs;
pub mod journal;
pub mod leases;
pub mod ledger;
pub mod lineage;
pub mod listen;
pub mod migrate;
mod order_due;
pub mod order_lists;
pub mod orders;
pub mod outbox;
pub mod overview;
pub mod people;
pub mod person;
mod placing;
mod postgres;
pub mod reads;
pub mod reconcile;
pub mod reconciliation;
pub mod replacements;
pub mod replicas;
pub mod reports;
mod reversals;
pub mod reviews;
mod rows;
pub mod schema;
pub mod seals;
pub mod searchable;
pub mod second_factor;
pub mod signals;
mod sql;
mod sqlite;
pub mod staff;
mod statistics;
pub mod tokens;
pub mod transfer;
mod tx;
mod writer;

pub use journal::Journal;

use anyhow::bail;
use domain::At;
use engine::store::StoreError;
use postgres::Postgres;
use sqlite::Sqlite;
use std::{borrow::Cow, fmt, path::PathBuf, sync::Arc};
use tx::{Line, Value, Work};

/// Where the data is, read from `database.url`.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    Sqlite(PathBuf),
    /// The whole URL, password included: never printed.
    Postgres(String),
}

impl Location {
    /// Reads `sqlite://kaeru.db`, `sqlite:///var/lib/kaeru/kaeru.db` or `postgres://user@host/db`.
    ///
    /// # Errors
    /// Where it is neither, saying what it may be.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        match url.strip_prefix("sqlite://").filter(|path| !path.is_empty()) {
            Some(path) => Ok(Self::Sqlite(PathBuf::from(path))),
            None => bail!(
                "database.url: this is not a database that this version knows. Use sqlite://FILE \
                 or postgres://USER@HOST/DATABASE"
            ),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(_) => f.write_str("the PostgreSQL database"),
        }
    }
}

/// An open database. Clones share it.
#[derive(Clone, Debug)]
pub enum Database {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

impl Database {
    /// Opens it, creating and migrating it where needed. What a dead process left leased is due at
    /// once, where no other process can be alive.
    ///
    /// # Errors
    /// Where it cannot be used.
    pub async fn open(location: &Location, now: At) -> anyhow::Result<Self> {
        let database = match location {
            Location::Sqlite(path) => Self::Sqlite(Arc::new(Sqlite::open(path, now)?)),
            Location::Postgres(url) => Self::connect(url, now).await?,
        };
        lineage::refuse_moved(&database).await?;
        Ok(database)
    }

    /// Opens it beside a service that is running on it: for commands that add a row and end.
    ///
    /// # Errors
    /// Where it cannot be used.
    pub async fn open_beside(location: &Location, now: At) -> anyhow::Result<Self> {
        let database = match location {
            Location::Sqlite(path) => Self::Sqlite(Arc::new(Sqlite::open_beside(path, now)?)),
            Location::Postgres(url) => Self::connect(url, now).await?,
        };
        lineage::refuse_moved(&database).await?;
        Ok(database)
    }

    async fn connect(url: &str, now: At) -> anyhow::Result<Self> {
        Ok(Self::Postgres(Arc::new(Postgres::open(url, now.0).await?)))
    }

    /// How a part of a text is looked for through the trigrams: the operator, and the pattern. No
    /// pattern where the text is too short for them, or has signs of the pattern's own.
    fn part(&self, text: &str) -> Option<(&'static str, String)> {
        if text.chars().count() < 3 || text.contains(['%', '_', '\\', '*', '?', '[']) {
            return None;
        }
        Some(match self {
            // Its trigrams are told apart by case, which LIKE is not: it would read every row.
            Self::Sqlite(_) => ("GLOB", format!("*{text}*")),
            Self::Postgres(_) => ("LIKE", format!("%{text}%")),
        })
    }

    /// Whether the last transaction could not be written: a full disk, a lost connection.
    pub fn failing(&self) -> bool {
        match self {
            Self::Sqlite(sqlite) => sqlite.failing(),
            Self::Postgres(postgres) => postgres.failing(),
        }
    }

    /// The time that all processes on this database share; `None` where there is only one.
    pub async fn now(&self) -> Result<Option<At>, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(postgres) => postgres.now().await.map(|now| Some(At(now))),
        }
    }

    /// Makes more of what a dead process left due, where opening the database did not come to it.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn reclaim(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.reclaim().await,
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Runs the work in a transaction of its own, and answers once it is durable.
    async fn write<W: Work>(&self, work: W) -> Result<W::Output, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.write(work).await,
            Self::Postgres(postgres) => postgres.write(work).await,
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
            Self::Postgres(postgres) => postgres.read(sql.into(), values).await,
        }
    }
}
