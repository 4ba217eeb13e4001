//! A shop that outgrew one machine: every row of an SQLite database, carried to an empty
//! PostgreSQL in one transaction, counted and compared.

use super::{
    lineage, migrate,
    postgres::{self, Postgres},
    sqlite,
    tx::Line,
};
use anyhow::{Context, ensure};
use domain::At;
use futures::TryStreamExt;
use rusqlite::{Connection, OptionalExtension};
use std::{path::Path, pin::pin};
use tokio_postgres::{
    Transaction,
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};

/// What each database keeps for itself: its schema's versions, who serves, and what the search
/// derives from other tables.
const TABLES: &str = "SELECT name FROM sqlite_master WHERE type = 'table' \
    AND name NOT LIKE 'sqlite%' AND name NOT LIKE '%\\_search%' ESCAPE '\\' \
    AND name NOT IN ('schema_migration', 'replica') ORDER BY rowid";
const UNHURRIED: &str = "SET LOCAL statement_timeout = 0; \
    SET LOCAL idle_in_transaction_session_timeout = 0";

/// One table, as it is on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    pub table: String,
    pub rows: u64,
    /// Of all rows together, in any order.
    pub checksum: u128,
}

/// Carries everything over, and says in the source that it was moved. Where an earlier run died
/// before saying so, this one compares and says it.
///
/// # Errors
/// Where a service has the source open, the target holds anything else, or the two differ
/// afterwards: nothing was carried then.
pub async fn carry(from: &Path, to: &str, now: At) -> anyhow::Result<Vec<Carried>> {
    ensure!(from.exists(), "--from: there is no {}", from.display());
    let _lock = sqlite::lock(from)?;
    let source = sqlite::prepare(from, now)?;
    let moved = "SELECT at FROM lineage WHERE what = ?1";
    let moved = source.query_row(moved, [lineage::MOVED], |row| row.get::<_, i64>(0)).optional()?;
    ensure!(moved.is_none(), "--from: {} was moved already", from.display());
    let target = Postgres::open(to, now.0).await.context("--to")?;
    let mut client = target.client().await.map_err(|error| anyhow::anyhow!("--to: {error}"))?;
    let transaction = client.transaction().await?;
    transaction.batch_execute(UNHURRIED).await?;
    let tables = tables(&source)?;
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let lock = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", names.join(", "));
    transaction.batch_execute(&lock).await?;
    let empty = is_empty(&transaction, &names).await?;
    let mut carried = Vec::with_capacity(tables.len());
    for table in &tables {
        let theirs = if empty {
            copy(&source, &transaction, table).await?
        } else {
            of_source(&source, table)?
        };
        let ours = of_target(&transaction, table).await?;
        ensure!(
            theirs == ours,
            "{}: --from has {} rows (checksum {:032x}), --to has {} (checksum {:032x}). Use an \
             empty database",
            table.name,
            theirs.rows,
            theirs.checksum,
            ours.rows,
            ours.checksum
        );
        carried.push(ours);
    }
    if empty {
        transaction.batch_execute(migrate::SEARCH).await.context("the search's tables")?;
    }
    transaction.commit().await?;
    source.execute("INSERT INTO lineage (at, what) VALUES (?1, ?2)", (now.0, lineage::MOVED))?;
    Ok(carried)
}

struct Table {
    name: String,
    /// Joined by commas.
    columns: String,
    types: Vec<Type>,
}

fn tables(source: &Connection) -> anyhow::Result<Vec<Table>> {
    let names: Vec<String> =
        source.prepare(TABLES)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    names.into_iter().map(|name| table(source, name)).collect()
}

fn table(source: &Connection, name: String) -> anyhow::Result<Table> {
    let columns: Vec<(String, String)> = source
        .prepare("SELECT name, type FROM pragma_table_info(?1) ORDER BY cid")?
        .query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let types = columns
        .iter()
        .map(|(column, kind)| {
            Ok(match kind.as_str() {
                "BIGINT" => Type::INT8,
                "TEXT" => Type::TEXT,
                "BLOB" => Type::BYTEA,
                other => anyhow::bail!("{name}.{column} is of the type {other}"),
            })
        })
        .collect::<anyhow::Result<_>>()?;
    let columns: Vec<String> = columns.into_iter().map(|(column, _)| column).collect();
    Ok(Table { columns: columns.join(", "), types, name })
}

async fn is_empty(target: &Transaction<'_>, tables: &[&str]) -> anyhow::Result<bool> {
    for table in tables {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {table})");
        if target.query_one(&sql, &[]).await?.get(0) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Sums up rows, in whatever order they come.
struct Sum {
    rows: u64,
    checksum: u128,
}

impl Sum {
    const ZERO: Self = Self { rows: 0, checksum: 0 };

    fn add(&mut self, line: &Line) {
        let hash = line.digest();
        let row = hash.iter().take(16).fold(0, |sum, byte| (sum << 8) | u128::from(*byte));
        self.rows += 1;
        self.checksum = self.checksum.wrapping_add(row);
    }

    fn of(self, table: &Table) -> Carried {
        Carried { table: table.name.clone(), rows: self.rows, checksum: self.checksum }
    }
}

fn of_source(source: &Connection, table: &Table) -> anyhow::Result<Carried> {
    let mut statement = source.prepare(&select(table))?;
    let mut rows = statement.query([])?;
    let mut sum = Sum::ZERO;
    while let Some(row) = rows.next()? {
        sum.add(&sqlite::line(row, table.types.len())?);
    }
    Ok(sum.of(table))
}

async fn copy(
    source: &Connection,
    target: &Transaction<'_>,
    table: &Table,
) -> anyhow::Result<Carried> {
    let into = format!("COPY {} ({}) FROM STDIN BINARY", table.name, table.columns);
    let writer = BinaryCopyInWriter::new(target.copy_in(&into).await?, &table.types);
    let mut writer = pin!(writer);
    let mut statement = source.prepare(&select(table))?;
    let mut rows = statement.query([])?;
    let mut sum = Sum::ZERO;
    while let Some(row) = rows.next()? {
        let line = sqlite::line(row, table.types.len())?;
        let values = line.0.iter().map(|value| value as &(dyn ToSql + Sync));
        let values: Vec<_> = values.collect();
        writer.as_mut().write(&values).await.with_context(|| table.name.clone())?;
        sum.add(&line);
    }
    writer.finish().await.with_context(|| table.name.clone())?;
    Ok(sum.of(table))
}

async fn of_target(target: &Transaction<'_>, table: &Table) -> anyhow::Result<Carried> {
    let none: [&(dyn ToSql + Sync); 0] = [];
    let mut rows = pin!(target.query_raw(&select(table), none).await?);
    let mut sum = Sum::ZERO;
    while let Some(row) = rows.try_next().await? {
        sum.add(&postgres::line(&row)?);
    }
    Ok(sum.of(table))
}

fn select(table: &Table) -> String {
    format!("SELECT {} FROM {}", table.columns, table.name)
}
