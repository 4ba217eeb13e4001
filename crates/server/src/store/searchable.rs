//! Codes become findable by any part of theirs in stretches, beside the conversions: the trigrams
//! of one code cost as much to write as all else that a conversion commits, those of many together
//! far less. Until then a code waits in a table that the search looks through.

use super::{
    Database,
    tx::{DbError, Dialect, End, Tx, Work, values},
};
use engine::store::StoreError;

/// Codes in one transaction: bounds how long the others wait for it.
const STRETCH: i64 = 250;

const WAITING: &str = "SELECT 1 FROM coupon_search_wait LIMIT 1";
const FILE: &str = "INSERT INTO coupon_search (code, shop) \
    SELECT code, shop FROM coupon_search_wait ORDER BY rowid LIMIT ?1";
const FILED: &str = "DELETE FROM coupon_search_wait WHERE rowid IN \
    (SELECT rowid FROM coupon_search_wait ORDER BY rowid LIMIT ?1) RETURNING rowid";
/// Both, where others do the same at the same time.
const FILE_BESIDE_OTHERS: &str = "WITH filed AS (DELETE FROM coupon_search_wait WHERE rowid IN \
    (SELECT rowid FROM coupon_search_wait ORDER BY rowid LIMIT ?1 FOR UPDATE SKIP LOCKED) \
    RETURNING rowid, code, shop) \
    INSERT INTO coupon_search (code, shop) SELECT code, shop FROM filed ORDER BY filed.rowid \
    RETURNING rowid";

struct File;

impl Work for File {
    type Output = usize;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<usize>, DbError> {
        let filed = match T::DIALECT {
            Dialect::Sqlite => {
                tx.rows(FILE, &values![STRETCH]).await?;
                tx.rows(FILED, &values![STRETCH]).await?
            }
            Dialect::Postgres => tx.rows(FILE_BESIDE_OTHERS, &values![STRETCH]).await?,
        };
        Ok(End::Commit(filed.len()))
    }
}

/// Files the codes that have waited longest. Says whether more of them may wait.
///
/// # Errors
/// Where the database does not answer.
pub async fn file(database: &Database) -> Result<bool, StoreError> {
    if database.read(WAITING, vec![]).await?.is_empty() {
        return Ok(false);
    }
    let filed = database.write(File).await?;
    Ok(i64::try_from(filed).is_ok_and(|filed| filed == STRETCH))
}
