//! The schema's versions: each a file, applied once, its checksum remembered.

use anyhow::{Context, bail};
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

/// The files, oldest first. A file that was released is never edited: a change is a new file.
const SQLITE: [(&str, &str); 6] = [
    ("0001_init", include_str!("migrations/sqlite/0001_init.sql")),
    ("0002_acts", include_str!("migrations/sqlite/0002_acts.sql")),
    ("0003_customers", include_str!("migrations/sqlite/0003_customers.sql")),
    ("0004_verdicts", include_str!("migrations/sqlite/0004_verdicts.sql")),
    ("0005_search", include_str!("migrations/sqlite/0005_search.sql")),
    ("0006_staff", include_str!("migrations/sqlite/0006_staff.sql")),
];

/// Brings the schema up to date and returns the names of what was applied.
///
/// # Errors
/// Where the database is newer than this program, or a file that it was made from was edited.
pub fn sqlite(connection: &mut Connection, now_us: i64) -> anyhow::Result<Vec<&'static str>> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migration \
         (name TEXT NOT NULL PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)",
    )?;
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive)?;
    let known: Vec<(String, String)> = transaction
        .prepare("SELECT name, checksum FROM schema_migration ORDER BY name")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (name, checksum) in &known {
        match SQLITE.iter().find(|(file, _)| file == name) {
            None => bail!(
                "the database has the schema change {name}, which this version of Kaeru does not \
                 know: it was written by a newer version. Run that one, or restore a backup"
            ),
            Some((_, sql)) if digest(sql) != *checksum => bail!(
                "the schema change {name} is not the one that this database was made with. Use an \
                 unmodified release"
            ),
            Some(_) => {}
        }
    }
    let mut applied = Vec::new();
    for (name, sql) in SQLITE.iter().skip(known.len()) {
        transaction.execute_batch(sql).with_context(|| format!("schema change {name}"))?;
        transaction.execute(
            "INSERT INTO schema_migration (name, checksum, applied_at) VALUES (?1, ?2, ?3)",
            params![name, digest(sql), now_us],
        )?;
        applied.push(*name);
    }
    transaction.commit()?;
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
        let names: Vec<_> = SQLITE.iter().map(|(name, _)| *name).collect();
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
