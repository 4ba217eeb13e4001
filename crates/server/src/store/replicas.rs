//! The processes that serve on one database, as they know of each other.

use super::{
    Database,
    tx::{DbError, End, Statement, Tx, Work, values},
};
use domain::At;
use engine::store::StoreError;
use std::time::Duration;

/// Whoever was not seen for so long does not count any more.
pub const GONE: Duration = Duration::from_secs(15);

struct Seen {
    id: String,
    now: At,
}

const SEEN: &str = "INSERT INTO replica (id, seen_at) VALUES (?1, ?2) \
    ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at";
const FORGET: &str = "DELETE FROM replica WHERE seen_at <= ?1 RETURNING id";
const COUNT: &str = "SELECT count(*) FROM replica";

impl Work for Seen {
    type Output = i64;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<i64>, DbError> {
        let gone = At(self.now.0 - i64::try_from(GONE.as_micros()).unwrap_or(0));
        let values = values![self.id.as_str(), self.now].to_vec();
        tx.run(&[Statement { sql: SEEN, values }]).await?;
        tx.rows(FORGET, &values![gone]).await?;
        let count = tx.row(COUNT, &[]).await?.map_or(Ok(1), |line| line.int(0))?;
        Ok(End::Commit(count))
    }
}

/// This process serves. How many do.
pub async fn seen(database: &Database, id: &str, now: At) -> Result<u32, StoreError> {
    let count = database.write(Seen { id: id.to_owned(), now }).await?;
    Ok(u32::try_from(count.max(1)).unwrap_or(u32::MAX))
}

struct Leave(String);

impl Work for Leave {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let sql = "DELETE FROM replica WHERE id = ?1";
        tx.run(&[Statement { sql, values: values![self.0.as_str()].to_vec() }]).await?;
        Ok(End::Commit(()))
    }
}

/// This process serves no more.
pub async fn leave(database: &Database, id: &str) -> Result<(), StoreError> {
    database.write(Leave(id.to_owned())).await
}
