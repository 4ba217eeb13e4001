//! Webhooks between their arrival and their end: kept once, worked off, forgotten after a while.

use super::{
    Database,
    tx::{DbError, Dialect, End, Line, Statement, Tx, Work, values},
};
use domain::{At, ShopId};
use engine::store::StoreError;
use std::time::Duration;

/// How long an id is remembered after its webhook is done: Shopify tries for hours, and may be a
/// day late.
pub const REMEMBERED: Duration = Duration::from_secs(30 * 86_400);

/// How long webhooks belong to whoever took them.
pub const LEASE: Duration = Duration::from_secs(120);

/// A webhook whose signature was checked.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub shop: ShopId,
    pub id: String,
    pub topic: String,
    pub body: String,
    pub triggered_at: Option<At>,
    pub at: At,
}

/// A webhook to work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub shop: ShopId,
    pub id: String,
    pub topic: String,
    pub body: String,
    /// When it was said, as far as is known.
    pub at: At,
    /// This try included.
    pub tries: i64,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Done,
    Again(At),
    /// A person must look: why, in a word.
    Parked(&'static str),
}

const KEEP: &str = "INSERT INTO webhook_inbox \
    (shop, id, topic, body, triggered_at, received_at, due_at, tries) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 0) ON CONFLICT DO NOTHING";

/// After a restart of the only process: what a dead one had in its hands is due, at ?1. What waits
/// for its next try comes early, which does no harm. ?2: by when a lease of now ends.
pub const RECLAIM: &str = "UPDATE webhook_inbox SET due_at = ?1 WHERE due_at > ?1 AND due_at <= ?2";

const NEXT: &str = "SELECT min(due_at) FROM webhook_inbox WHERE due_at IS NOT NULL";

/// ?3: at most so many.
const CLAIM: &str = "UPDATE webhook_inbox SET due_at = ?2, tries = tries + 1 WHERE (shop, id) IN \
    (SELECT shop, id FROM webhook_inbox WHERE due_at IS NOT NULL AND due_at <= ?1 \
    ORDER BY due_at, received_at LIMIT ?3) \
    RETURNING shop, id, topic, body, coalesce(triggered_at, received_at), tries";

const DONE: &str = "UPDATE webhook_inbox SET due_at = NULL, body = '', done_at = ?3 \
    WHERE shop = ?1 AND id = ?2";
const AGAIN: &str = "UPDATE webhook_inbox SET due_at = ?3 WHERE shop = ?1 AND id = ?2";
const PARK: &str =
    "UPDATE webhook_inbox SET due_at = NULL, parked = ?3 WHERE shop = ?1 AND id = ?2";

/// Of many processes each takes what no other has in its hands.
const CLAIM_BESIDE_OTHERS: &str = "UPDATE webhook_inbox SET due_at = ?2, tries = tries + 1 \
    WHERE (shop, id) IN (SELECT shop, id FROM webhook_inbox \
    WHERE due_at IS NOT NULL AND due_at <= ?1 ORDER BY due_at, received_at LIMIT ?3 \
    FOR UPDATE SKIP LOCKED) \
    RETURNING shop, id, topic, body, coalesce(triggered_at, received_at), tries";

struct Keep(Arrival);

impl Work for Keep {
    type Output = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<bool>, DbError> {
        let of = &self.0;
        let values = values![
            of.shop.as_str(),
            of.id.as_str(),
            of.topic.as_str(),
            of.body.as_str(),
            of.triggered_at,
            of.at,
        ];
        let kept = tx.run(&[Statement { sql: KEEP, values: values.to_vec() }]).await?;
        Ok(if kept == 1 { End::Commit(true) } else { End::RollBack(false) })
    }
}

/// Keeps it. False where it was known.
pub async fn keep(database: &Database, arrival: Arrival) -> Result<bool, StoreError> {
    database.write(Keep(arrival)).await
}

struct Claim {
    now: At,
    until: At,
    most: i64,
}

impl Work for Claim {
    type Output = Vec<Waiting>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<Vec<Waiting>>, DbError> {
        let sql = match T::DIALECT {
            Dialect::Sqlite => CLAIM,
            Dialect::Postgres => CLAIM_BESIDE_OTHERS,
        };
        let lines = tx.rows(sql, &values![self.now, self.until, self.most]).await?;
        let read = |line: &Line| {
            Ok(Waiting {
                shop: ShopId(line.text(0)?.to_owned()),
                id: line.text(1)?.to_owned(),
                topic: line.text(2)?.to_owned(),
                body: line.text(3)?.to_owned(),
                at: line.at(4)?,
                tries: line.int(5)?,
            })
        };
        Ok(End::Commit(lines.iter().map(read).collect::<Result<_, DbError>>()?))
    }
}

/// Takes what is due, until then. Whoever dies meanwhile leaves it to the next.
pub async fn claim(
    database: &Database,
    now: At,
    until: At,
    most: i64,
) -> Result<Vec<Waiting>, StoreError> {
    // Looked at beside the writers first, so that an idle service writes nothing.
    let due = database.read(NEXT, vec![]).await?;
    let due = due.first().map(|line| line.maybe_at(0)).transpose()?.flatten();
    if due.is_none_or(|at| at > now) {
        return Ok(vec![]);
    }
    database.write(Claim { now, until, most }).await
}

struct Settle {
    verdicts: Vec<(Waiting, Verdict)>,
    now: At,
}

impl Work for Settle {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let statement = |(of, verdict): &(Waiting, Verdict)| {
            let (shop, id) = (of.shop.0.clone(), of.id.clone());
            let (sql, values) = match verdict {
                Verdict::Done => (DONE, values![shop, id, self.now]),
                Verdict::Again(at) => (AGAIN, values![shop, id, *at]),
                Verdict::Parked(why) => (PARK, values![shop, id, *why]),
            };
            Statement { sql, values: values.to_vec() }
        };
        let statements: Vec<_> = self.verdicts.iter().map(statement).collect();
        tx.run(&statements).await?;
        Ok(End::Commit(()))
    }
}

/// Writes down what came of them.
pub async fn settle(
    database: &Database,
    verdicts: Vec<(Waiting, Verdict)>,
    now: At,
) -> Result<(), StoreError> {
    if verdicts.is_empty() { Ok(()) } else { database.write(Settle { verdicts, now }).await }
}

struct Forget(At);

impl Work for Forget {
    type Output = usize;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<usize>, DbError> {
        let sql = "DELETE FROM webhook_inbox WHERE done_at IS NOT NULL AND done_at < ?1 \
            RETURNING 1";
        Ok(End::Commit(tx.rows(sql, &values![self.0]).await?.len()))
    }
}

/// Forgets the ids of what was done before then, and says how many.
pub async fn forget(database: &Database, before: At) -> Result<usize, StoreError> {
    database.write(Forget(before)).await
}

/// The topics that were heard lately.
pub async fn topics(database: &Database, shop: &ShopId) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT DISTINCT topic FROM webhook_inbox WHERE shop = ?1 ORDER BY topic";
    let lines = database.read(sql, vec![shop.0.clone().into()]).await?;
    lines.iter().map(|line| Ok(line.text(0)?.to_owned())).collect()
}

/// How many wait for a person, and how many to be worked on.
pub async fn counts(database: &Database) -> Result<(i64, i64), StoreError> {
    let sql = "SELECT (SELECT count(*) FROM webhook_inbox WHERE parked IS NOT NULL), \
        (SELECT count(*) FROM webhook_inbox WHERE due_at IS NOT NULL)";
    let lines = database.read(sql, vec![]).await?;
    let Some(line) = lines.first() else { return Ok((0, 0)) };
    Ok((line.int(0)?, line.int(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Location;

    #[tokio::test]
    async fn what_a_dead_process_was_working_on_is_due_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = Location::Sqlite(folder.path().join("kaeru.db"));
        let now = At(1_000_000);
        let arrival = Arrival {
            shop: ShopId::from("main"),
            id: "1".to_owned(),
            topic: "orders/paid".to_owned(),
            body: "{}".to_owned(),
            triggered_at: None,
            at: now,
        };
        let first = Database::open(&at, now).await.unwrap();
        assert!(keep(&first, arrival).await.unwrap());
        assert_eq!(claim(&first, now, now.plus(LEASE), 9).await.unwrap().len(), 1);
        assert!(claim(&first, now, now.plus(LEASE), 9).await.unwrap().is_empty());
        drop(first);
        let second = Database::open(&at, now).await.unwrap();
        let taken = claim(&second, now, now.plus(LEASE), 9).await.unwrap();
        assert_eq!(taken.iter().map(|of| of.tries).collect::<Vec<_>>(), [2]);
    }
}
