//! The schema's versions: each a file, applied once, its checksum remembered.

use anyhow::{Context, bail};
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

macro_rules! changes {
    ($($name:literal),* $(,)?) => {
        [$(Change {
            name: $name,
            sqlite: include_str!(concat!("migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("migrations/postgres/", $name, ".sql")),
        }),*]
    };
}

/// One version of the schema, in each dialect.
struct Change {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// Oldest first. A file that was released is never edited: a change is a new file.
const CHANGES: &[Change] = &changes![
    "0001_init",
    "0002_acts",
    "0003_customers",
    "0004_verdicts",
    "0005_search",
    "0006_staff",
    "0007_replica",
    "0008_reports",
    "0009_ledger",
    "0012_mail",
    "0015_audit_seal",
    "0010_webhooks",
    "0011_orders",
    "0016_second_factor",
    "0017_signals",
    "0013_jobs",
    "0014_lineage",
    "0020_people",
    "0025_refunds",
    "0023_reconciliation",
    "0024_approvals",
    "0022_search_later",
    "0026_replacements",
    "0027_taken_back",
    "0028_hot_flows",
    "0029_signals_shown",
];

const REMEMBER: &str = "CREATE TABLE IF NOT EXISTS schema_migration \
    (name TEXT NOT NULL PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)";
const KNOWN: &str = "SELECT name, checksum FROM schema_migration ORDER BY name";

/// What is still to be applied, given what was.
///
/// # Errors
/// Where the database is newer than this program, or a file that it was made from was edited.
fn missing(
    known: &[(String, String)],
    text: fn(&Change) -> &'static str,
) -> anyhow::Result<Vec<&'static Change>> {
    for (name, checksum) in known {
        match CHANGES.iter().find(|change| change.name == name) {
            None => bail!(
                "the database has the schema change {name}, which this version of Kaeru does not \
                 know: it was written by a newer version. Run that one, or restore a backup"
            ),
            Some(change) if digest(text(change)) != *checksum => bail!(
                "the schema change {name} is not the one that this database was made with. Use an \
                 unmodified release"
            ),
            Some(_) => {}
        }
    }
    let unknown = |change: &&Change| known.iter().all(|(name, _)| name != change.name);
    Ok(CHANGES.iter().filter(unknown).collect())
}

/// Brings the schema up to date and returns the names of what was applied.
///
/// # Errors
/// Where the database is newer than this program, or a file that it was made from was edited.
pub fn sqlite(connection: &mut Connection, now_us: i64) -> anyhow::Result<Vec<&'static str>> {
    connection.execute_batch(REMEMBER)?;
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive)?;
    let known: Vec<(String, String)> = transaction
        .prepare(KNOWN)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut applied = Vec::new();
    for Change { name, sqlite, .. } in missing(&known, |change| change.sqlite)? {
        transaction.execute_batch(sqlite).with_context(|| format!("schema change {name}"))?;
        transaction.execute(
            "INSERT INTO schema_migration (name, checksum, applied_at) VALUES (?1, ?2, ?3)",
            params![name, digest(sqlite), now_us],
        )?;
        applied.push(*name);
    }
    transaction.commit()?;
    Ok(applied)
}

/// Fills the tables that PostgreSQL's search derives from others.
pub const SEARCH: &str = "\
    INSERT INTO coupon_search (code, shop) \
    SELECT code, shop FROM coupon WHERE node IS NOT NULL ORDER BY created_at, code; \
    INSERT INTO customer_search (name_key, shop, id) \
    SELECT name_key, shop, id FROM customer WHERE name_key IS NOT NULL";

/// Whether this version knows every change that the database was made with.
///
/// # Errors
/// As [`sqlite`]; and where it is no database of Kaeru's.
pub fn known(connection: &Connection) -> anyhow::Result<()> {
    let known: Vec<(String, String)> = connection
        .prepare(KNOWN)
        .context("this is not a database of Kaeru's")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    missing(&known, |change| change.sqlite).map(drop)
}

fn names(changes: Vec<&'static Change>) -> Vec<&'static str> {
    changes.into_iter().map(|change| change.name).collect()
}

/// What is still to be applied; `None`: to a database that is not there yet.
///
/// # Errors
/// As [`sqlite`].
pub fn unapplied_sqlite(connection: Option<&Connection>) -> anyhow::Result<Vec<&'static str>> {
    let known = match connection.map(|connection| connection.prepare(KNOWN)) {
        Some(Ok(mut rows)) => {
            rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?
        }
        // No schema at all.
        Some(Err(_)) | None => vec![],
    };
    missing(&known, |change| change.sqlite).map(names)
}

/// The same on PostgreSQL.
///
/// # Errors
/// As [`sqlite`].
pub async fn unapplied_postgres(
    client: &tokio_postgres::Client,
) -> anyhow::Result<Vec<&'static str>> {
    let there = "SELECT to_regclass('schema_migration') IS NOT NULL";
    let there: bool = client.query_one(there, &[]).await?.try_get(0)?;
    let rows = if there { client.query(KNOWN, &[]).await? } else { vec![] };
    let known: Vec<(String, String)> = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, tokio_postgres::Error>>()?;
    missing(&known, |change| change.postgres).map(names)
}

/// Any number: whoever migrates holds this lock until the transaction's end.
const LOCK: i64 = 0x006B_6165_7275;

/// The same on PostgreSQL, where many processes may start at once: one of them migrates, the
/// others wait for it.
///
/// # Errors
/// As [`sqlite`].
pub async fn postgres(
    client: &mut tokio_postgres::Client,
    now_us: i64,
) -> anyhow::Result<Vec<&'static str>> {
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    transaction.batch_execute(REMEMBER).await?;
    let known: Vec<(String, String)> = transaction
        .query(KNOWN, &[])
        .await?
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, tokio_postgres::Error>>()?;
    let mut applied = Vec::new();
    for Change { name, postgres, .. } in missing(&known, |change| change.postgres)? {
        transaction
            .batch_execute(postgres)
            .await
            .with_context(|| format!("schema change {name}"))?;
        transaction
            .execute(
                "INSERT INTO schema_migration (name, checksum, applied_at) VALUES ($1, $2, $3)",
                &[name, &digest(postgres), &now_us],
            )
            .await?;
        applied.push(*name);
    }
    transaction.commit().await?;
    Ok(applied)
}

fn digest(sql: &str) -> String {
    let hash = Sha256::digest(sql.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_made_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        let names: Vec<_> = CHANGES.iter().map(|change| change.name).collect();
        assert_eq!(sqlite(&mut connection, 1).unwrap(), names);
        assert!(sqlite(&mut connection, 2).unwrap().is_empty());
    }

    #[test]
    fn an_edited_or_unknown_change_is_refused() {
        for (change, message) in [
            ("UPDATE schema_migration SET checksum = 'x'", "not the one"),
            ("INSERT INTO schema_migration VALUES ('9999_later', 'x', 0)", "newer version"),
        ] {
            let mut connection = Connection::open_in_memory().unwrap();
            sqlite(&mut connection, 1).unwrap();
            connection.execute_batch(change).unwrap();
            let error = sqlite(&mut connection, 2).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
