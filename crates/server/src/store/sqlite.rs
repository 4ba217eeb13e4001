//! The journal on SQLite: bundled, WAL, `synchronous=FULL`, one process.

use super::{migrate, reads::Reads, rows, sql, writer::Writer};
use anyhow::Context;
use async_trait::async_trait;
use domain::{At, Code, CustomerId, Fact, FlowId, Problem, ShopId, conversion::State};
use engine::store::{Begun, Commit, Committed, Request, Row, Start, Store, StoreError};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// SQLite keeps so many prepared statements per connection: more than there are.
const STATEMENTS: usize = 64;
const READERS: usize = 4;

pub struct SqliteStore {
    writer: Writer,
    reads: Arc<Reads>,
    /// Held as long as the store is open: one process at a time.
    _lock: File,
}

impl SqliteStore {
    /// Opens the file, creating and migrating it where needed. What a dead process left leased is
    /// due at once.
    ///
    /// # Errors
    /// Where the file cannot be used, or another process has it.
    pub fn open(path: &Path, now: At) -> anyhow::Result<Self> {
        let lock = lock(path)?;
        let mut connection = connect(path, OpenFlags::default())
            .with_context(|| format!("database.url: cannot open {}", path.display()))?;
        migrate::sqlite(&mut connection, now.0)?;
        connection.execute(sql::RECLAIM, params![now.0, now.plus(engine::LEASE).0])?;
        let readers = (0..READERS)
            .map(|_| connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY))
            .collect::<Result<Vec<_>, _>>()?;
        let writer = Writer::start(connection)?;
        Ok(Self { writer, reads: Arc::new(Reads::new(readers)), _lock: lock })
    }

    pub fn reads(&self) -> Arc<Reads> {
        Arc::clone(&self.reads)
    }

    async fn one(&self, statement: &'static str, id: FlowId) -> Result<Option<Row>, StoreError> {
        self.reads
            .with(move |connection| {
                connection
                    .prepare_cached(statement)?
                    .query_row([rows::id(id)], rows::read)
                    .optional()
            })
            .await
            .map(|found| found.map(|(row, _)| row))
    }
}

/// The path in `sqlite://kaeru.db` or `sqlite:///var/lib/kaeru/kaeru.db`.
pub fn path_of(url: &str) -> Option<PathBuf> {
    url.strip_prefix("sqlite://").filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn lock(path: &Path) -> anyhow::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .with_context(|| format!("database.url: cannot write {}", name.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => anyhow::bail!(
            "another Kaeru has {} open. Stop it first; for many processes on one database use \
             PostgreSQL",
            path.display()
        ),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    if !flags.contains(OpenFlags::SQLITE_OPEN_READ_ONLY) {
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    }
    Ok(connection)
}

#[async_trait]
impl Store for SqliteStore {
    async fn begin(&self, start: Start) -> Result<Begun, StoreError> {
        self.writer.run(move |connection| begin(connection, start)).await
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        let commit = commit.clone();
        self.writer.run(move |connection| apply(connection, &commit)).await
    }

    async fn claim(&self, now: At, lease: Duration, most: usize) -> Result<Vec<Row>, StoreError> {
        // Looked at by a reader first, so that an idle service writes nothing.
        let due = self.reads.with(next_due).await?;
        if due.is_none_or(|at| at > now) {
            return Ok(vec![]);
        }
        let until = now.plus(lease).0;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.writer
            .run(move |connection| {
                connection
                    .prepare_cached(sql::CLAIM)?
                    .query_map(params![now.0, until, most], rows::read)?
                    .map(|found| found.map(|(row, _)| row))
                    .collect()
            })
            .await
    }

    async fn seize(&self, id: FlowId, now: At, lease: Duration) -> Result<Option<Row>, StoreError> {
        let until = now.plus(lease).0;
        self.writer
            .run(move |connection| {
                connection
                    .prepare_cached(sql::SEIZE)?
                    .query_row(params![rows::id(id), until], rows::read)
                    .optional()
            })
            .await
            .map(|found| found.map(|(row, _)| row))
    }

    async fn load(&self, id: FlowId) -> Result<Option<Row>, StoreError> {
        self.one(sql::LOAD, id).await
    }

    async fn by_key(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        request: &Request,
    ) -> Result<Option<(Row, bool)>, StoreError> {
        let (shop, request) = (shop.clone(), request.clone());
        self.reads
            .with(move |connection| by_key(connection, &shop, customer, &request.key))
            .await
            .map(|found| found.map(|(row, fingerprint)| (row, fingerprint == request.fingerprint)))
    }
}

fn next_due(connection: &Connection) -> rusqlite::Result<Option<At>> {
    connection
        .prepare_cached("SELECT min(due_at) FROM flow WHERE due_at IS NOT NULL")?
        .query_row([], |row| row.get::<_, Option<i64>>(0))
        .map(|at| at.map(At))
}

fn by_key(
    connection: &Connection,
    shop: &ShopId,
    customer: CustomerId,
    key: &str,
) -> rusqlite::Result<Option<(Row, String)>> {
    connection
        .prepare_cached(sql::BY_KEY)?
        .query_row(params![shop.as_str(), rows::number(customer.0)?, key], rows::read)
        .optional()
}

fn begin(connection: &Connection, start: Start) -> rusqlite::Result<Begun> {
    let terms = &start.terms;
    let customer = rows::number(terms.customer.0)?;
    let shop = terms.shop.as_str();
    let known = by_key(connection, &terms.shop, terms.customer, &start.request.key)?;
    if let Some((row, fingerprint)) = known {
        let same_request = fingerprint == start.request.fingerprint;
        return Ok(Begun::Known { row, same_request });
    }
    let points = terms.points.get();
    if code_exists(connection, terms.shop.as_str(), &terms.code)? {
        return Ok(Begun::CodeExists);
    }
    let day = terms.day.to_string();
    let limits = (start.daily_limit.get(), start.balance.get());
    let reserved = connection
        .prepare_cached(sql::RESERVE)?
        .query_row(params![shop, customer, day, points, limits.0, limits.1], |row| {
            row.get::<_, i64>(0)
        })
        .optional()?;
    if reserved.is_none() {
        return why_not(connection, shop, customer, &day, points, limits.0).map(Begun::Refused);
    }
    let id = rows::id(start.id);
    connection.prepare_cached(sql::COUPON_ADD)?.execute(params![
        shop,
        terms.code.as_str(),
        id,
        customer,
        terms.member_no.as_str(),
        points,
        terms.amount.minor,
        terms.amount.currency.code(),
        terms.created_at.0,
        terms.expires_at.0,
    ])?;
    let state = State::Creating { check: start.check };
    let body = rows::body(&state)?;
    let agreed = serde_json::to_string(terms)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    connection.prepare_cached(sql::FLOW_ADD)?.execute(params![
        id,
        shop,
        customer,
        "creating",
        body,
        agreed,
        start.lease_until.0,
        start.request.key,
        start.request.fingerprint,
        start.now.0,
    ])?;
    add_event(connection, id, 1, start.now, "accepted", None)?;
    Ok(Begun::Started(Row {
        id: start.id,
        conversion: domain::Conversion { terms: start.terms, state },
        version: 1,
        epoch: 1,
        due_at: Some(start.lease_until),
        tries: 0,
    }))
}

fn code_exists(connection: &Connection, shop: &str, code: &Code) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM coupon WHERE shop = ?1 AND code = ?2")?
        .exists(params![shop, code.as_str()])
}

/// Which guard of the reservation failed.
fn why_not(
    connection: &Connection,
    shop: &str,
    customer: i64,
    day: &str,
    points: i64,
    daily_limit: i64,
) -> rusqlite::Result<Problem> {
    let account = connection
        .prepare_cached(sql::ACCOUNT)?
        .query_row(params![shop, customer], |row| {
            let counted: String = row.get(0)?;
            let today: i64 = if counted == day { row.get(1)? } else { 0 };
            Ok((today, row.get::<_, i64>(3)?))
        })
        .optional()?;
    let (today, doubts) = account.unwrap_or((0, 0));
    Ok(if doubts > 0 {
        Problem::ConversionInDoubt
    } else if today + points > daily_limit {
        Problem::DailyLimitExceeded
    } else {
        Problem::InsufficientPoints
    })
}

fn apply(connection: &Connection, commit: &Commit) -> rusqlite::Result<Committed> {
    let row = &commit.row;
    let id = rows::id(row.id);
    let moved = connection.prepare_cached(sql::FLOW_MOVE)?.execute(params![
        id,
        row.epoch,
        row.version - 1,
        row.conversion.state_name(),
        rows::body(&row.conversion.state)?,
        row.due_at.map(|at| at.0),
        row.tries,
        commit.at.0,
    ])?;
    if moved == 0 {
        return Ok(Committed::LeaseLost);
    }
    let detail = commit.event.detail.as_deref();
    add_event(connection, id, row.version, commit.at, commit.event.name, detail)?;
    for fact in &commit.facts {
        write_fact(connection, row, fact, commit.at)?;
    }
    Ok(Committed::Yes)
}

fn add_event(
    connection: &Connection,
    id: [u8; 16],
    seq: i64,
    at: At,
    name: &str,
    detail: Option<&str>,
) -> rusqlite::Result<()> {
    connection.prepare_cached(sql::EVENT_ADD)?.execute(params![id, seq, at.0, name, detail])?;
    Ok(())
}

fn write_fact(connection: &Connection, row: &Row, fact: &Fact, at: At) -> rusqlite::Result<()> {
    let terms = &row.conversion.terms;
    let (shop, code) = (terms.shop.as_str(), terms.code.as_str());
    let customer = rows::number(terms.customer.0)?;
    let id = rows::id(row.id);
    let changed =
        match fact {
            Fact::Issued { node } => connection
                .prepare_cached(sql::COUPON_ISSUE)?
                .execute(params![shop, code, rows::number(node.0)?])?,
            Fact::Voided => {
                connection.prepare_cached(sql::COUPON_VOID)?.execute(params![shop, code])?
            }
            Fact::Moved { reference, points, balance } => {
                connection.prepare_cached(sql::MOVEMENT_ADD)?.execute(params![
                    shop,
                    reference.as_str(),
                    id,
                    customer,
                    points,
                    balance.map(i64::from),
                    "conversion",
                    at.0,
                ])?
            }
            Fact::Released { give_back } => {
                connection.prepare_cached(sql::RELEASE)?.execute(params![
                    shop,
                    customer,
                    terms.points.get(),
                    give_back,
                    terms.day.to_string(),
                ])?
            }
            Fact::DoubtOpened => {
                connection.prepare_cached(sql::DOUBT)?.execute(params![shop, customer, 1])?
            }
            Fact::DoubtClosed => {
                connection.prepare_cached(sql::DOUBT)?.execute(params![shop, customer, -1])?
            }
            Fact::ReviewOpened(reason) => connection
                .prepare_cached(sql::REVIEW_OPEN)?
                .execute(params![shop, id, reason.as_str(), at.0])?,
            Fact::ReviewClosed(reason) => connection
                .prepare_cached(sql::REVIEW_CLOSE)?
                .execute(params![id, reason.as_str(), at.0])?,
            Fact::Alert(reason) => {
                let body = format!(r#"{{"flow":"{}","reason":"{}"}}"#, row.id, reason.as_str());
                connection.prepare_cached(sql::ALERT_ADD)?.execute(params![
                    id,
                    row.version,
                    shop,
                    body,
                    at.0
                ])?
            }
            Fact::KeyReleased => connection.prepare_cached(sql::KEY_RELEASE)?.execute([id])?,
        };
    assert_eq!(changed, 1, "{fact:?} of flow {} found not its one row", row.id);
    Ok(())
}

#[cfg(test)]
mod tests;
