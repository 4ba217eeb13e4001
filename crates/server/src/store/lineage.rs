//! What was done to this database as a whole: put back from a backup, moved to another.

use super::{
    Database,
    tx::{DbError, End, Statement, Tx, Work, values},
};
use domain::At;
use engine::store::StoreError;

/// It was put back from a backup.
pub const RESTORED: &str = "restored";
/// Its rows live in another database now.
pub const MOVED: &str = "moved";

struct Note {
    what: &'static str,
    at: At,
}

impl Work for Note {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let sql = "INSERT INTO lineage (at, what) VALUES (?1, ?2)";
        tx.run(&[Statement { sql, values: values![self.at, self.what].to_vec() }]).await?;
        Ok(End::Commit(()))
    }
}

/// Remembers that it was done.
pub async fn note(database: &Database, what: &'static str, at: At) -> Result<(), StoreError> {
    database.write(Note { what, at }).await
}

/// When it was done last.
pub async fn last(database: &Database, what: &'static str) -> Result<Option<At>, StoreError> {
    let sql = "SELECT at FROM lineage WHERE what = ?1 ORDER BY at DESC LIMIT 1";
    let lines = database.read(sql, values![what].to_vec()).await?;
    Ok(lines.first().map(|line| line.int(0)).transpose()?.map(At))
}

/// Nothing is served from what was moved: its flows go on elsewhere.
///
/// # Errors
/// Where it was moved.
pub async fn refuse_moved(database: &Database) -> anyhow::Result<()> {
    anyhow::ensure!(
        last(database, MOVED).await?.is_none(),
        "database.url: this database was moved with `kaeru move`, and its shops live in the other \
         one now. Set database.url to that one"
    );
    Ok(())
}
