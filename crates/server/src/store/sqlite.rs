//! SQLite: bundled, WAL, `synchronous=FULL`, one process. One thread writes; readers have
//! connections of their own.

use super::{
    inbox, jobs, leases, migrate, outbox, reconciliation, sql, statistics,
    tx::{DbError, Dialect, End, Line, Ran, Statement, Tx, Value, Work},
    writer::Writer,
};
use anyhow::Context;
use domain::At;
use engine::store::StoreError;
use futures::FutureExt;
use rusqlite::{
    Connection, OpenFlags, ToSql, params, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};
use std::{
    borrow::Cow,
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Semaphore;

/// SQLite keeps so many prepared statements per connection: more than there are.
const STATEMENTS: usize = 128;
const READERS: usize = 4;
/// Flows of a dead process that are made due in one transaction.
const RECLAIMED_AT_ONCE: usize = 1000;

#[derive(Debug)]
pub struct Sqlite {
    writer: Writer,
    readers: Readers,
    /// When it was opened, as long as a dead process's flows are still to be made due.
    left: Mutex<Option<At>>,
    /// Held by a service as long as the store is open: one at a time.
    _lock: Option<File>,
}

/// A few read-only connections, each made when it is wanted and used by one reader at a time.
#[derive(Debug)]
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    places: Semaphore,
}

impl Sqlite {
    /// Opens the file, creating and migrating it where needed. What a dead process left leased is
    /// due at once.
    ///
    /// # Errors
    /// Where the file cannot be used, or another process has it.
    pub fn open(path: &Path, now: At) -> anyhow::Result<Self> {
        let lock = lock(path)?;
        let connection = prepare(path, now)?;
        // Nobody serves yet: whatever is leased is a dead process's.
        let reclaimed = reclaim(&connection, now, At(i64::MAX))?;
        connection.execute(outbox::RECLAIM, params![now.0, now.plus(leases::LEASE).0])?;
        connection.execute(jobs::RECLAIM, params![now.0, now.plus(leases::LEASE).0])?;
        connection.execute(inbox::RECLAIM, params![now.0, now.plus(inbox::LEASE).0])?;
        let (sql, lease) = (reconciliation::RECLAIM, reconciliation::LEASE);
        connection.execute(sql, params![now.0, now.plus(lease).0])?;
        let sqlite = Self::start(path, connection, Some(lock))?;
        if reclaimed == RECLAIMED_AT_ONCE {
            *sqlite.lock_left() = Some(now);
        }
        Ok(sqlite)
    }

    fn lock_left(&self) -> MutexGuard<'_, Option<At>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes more of what a dead process left due, where there was more of it than an opening
    /// waits for. What is not yet, is when its lease is over.
    pub async fn reclaim(&self) -> Result<(), StoreError> {
        let Some(opened) = *self.lock_left() else { return Ok(()) };
        let reclaimed = self
            .writer
            .run(move |connection| Ok(End::Commit(reclaim(connection, opened, opened)?)));
        if reclaimed.await? < RECLAIMED_AT_ONCE {
            *self.lock_left() = None;
        }
        Ok(())
    }

    /// The same beside a service that has it open: SQLite lets one of them write at a time, and
    /// nothing is taken from the service.
    ///
    /// # Errors
    /// Where the file cannot be used.
    pub fn open_beside(path: &Path, now: At) -> anyhow::Result<Self> {
        let connection = prepare(path, now)?;
        Self::start(path, connection, None)
    }

    fn start(path: &Path, connection: Connection, lock: Option<File>) -> anyhow::Result<Self> {
        let readers = Readers {
            path: path.to_owned(),
            idle: Mutex::new(Vec::new()),
            places: Semaphore::new(READERS),
        };
        Ok(Self {
            writer: Writer::start(connection, connect(path, OpenFlags::default())?)?,
            readers,
            left: Mutex::new(None),
            _lock: lock,
        })
    }

    /// Whether the last transaction could not be written.
    pub fn failing(&self) -> bool {
        self.writer.failing()
    }

    pub async fn write<W: Work>(&self, work: W) -> Result<W::Output, StoreError> {
        self.writer
            .run(move |connection| {
                let mut tx = SqliteTx(connection);
                // Nothing in it waits: each statement is done when it returns.
                let now = work.run(&mut tx).now_or_never();
                now.unwrap_or_else(|| Err(DbError::Failed("a transaction waited".to_owned())))
            })
            .await
    }

    /// Runs the query on a thread where it may block.
    pub async fn read(
        &self,
        sql: Cow<'static, str>,
        values: Vec<Value<'static>>,
    ) -> Result<Vec<Line>, StoreError> {
        let failed = |error: String| StoreError(error);
        let _place = self.readers.places.acquire().await.map_err(|e| failed(e.to_string()))?;
        let idle = self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let path = self.readers.path.clone();
        let (connection, result) = tokio::task::spawn_blocking(move || {
            let connection = idle.map_or_else(|| reader(&path), Ok)?;
            let result = query(&connection, &sql, &values);
            Ok::<_, rusqlite::Error>((connection, result))
        })
        .await
        .map_err(|error| failed(error.to_string()))?
        .map_err(DbError::from)?;
        self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(result?)
    }
}

/// A connection that writes, to a file whose schema is up to date.
///
/// # Errors
/// Where the file cannot be used.
pub fn prepare(path: &Path, now: At) -> anyhow::Result<Connection> {
    let half = coming(path);
    anyhow::ensure!(
        !half.exists(),
        "database.url: `kaeru restore` did not end, and what lies there may be neither the old \
         database nor the backup. Run it again (it left {})",
        half.display()
    );
    let mut connection = connect(path, OpenFlags::default())
        .with_context(|| format!("database.url: cannot open {}", path.display()))?;
    migrate::sqlite(&mut connection, now.0)?;
    statistics::tell(&mut connection)?;
    Ok(connection)
}

/// Says how many flows are due now that were leased when the database was opened.
fn reclaim(connection: &Connection, opened: At, untouched: At) -> rusqlite::Result<usize> {
    let until = opened.plus(engine::LEASE);
    let values = params![opened.0, until.0, RECLAIMED_AT_ONCE as i64, untouched.0];
    connection.execute(sql::RECLAIM, values)
}

fn reader(path: &Path) -> rusqlite::Result<Connection> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// The file of that name with this end.
pub fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// What a restore makes the database of. It is there from the first step to the last, which gives
/// it its name: a database beside it is not to be opened.
pub fn coming(path: &Path) -> PathBuf {
    beside(path, ".restoring")
}

/// Nobody else serves on the file, as long as the answer is kept.
///
/// # Errors
/// Where another process does, or the folder cannot be written.
pub fn lock(path: &Path) -> anyhow::Result<File> {
    let name = beside(path, ".lock");
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
        // See `checkpoint.rs`.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        // What a transaction would put back stays in memory, not in a file made for each.
        connection.pragma_update(None, "temp_store", "memory")?;
    }
    Ok(connection)
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

fn query(connection: &Connection, sql: &str, values: &[Value<'_>]) -> Result<Vec<Line>, DbError> {
    let mut statement = connection.prepare_cached(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query(params_from_iter(values))?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        lines.push(line(row, columns)?);
    }
    Ok(lines)
}

/// A row of so many columns.
pub fn line(row: &rusqlite::Row<'_>, columns: usize) -> Result<Line, DbError> {
    let values = (0..columns).map(|column| match row.get_ref(column)? {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Int(number)),
        ValueRef::Text(text) => String::from_utf8(text.to_vec())
            .map(Value::from)
            .map_err(|error| DbError::Failed(error.to_string())),
        ValueRef::Blob(bytes) => Ok(Value::Blob(Cow::Owned(bytes.to_vec()))),
        ValueRef::Real(_) => Err(DbError::Failed("a fraction has no place here".to_owned())),
    });
    Ok(Line(values.collect::<Result<_, DbError>>()?))
}

/// A savepoint inside the writer's transaction.
struct SqliteTx<'a>(&'a mut Connection);

impl Tx for SqliteTx<'_> {
    const DIALECT: Dialect = Dialect::Sqlite;

    async fn rows(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Line>, DbError> {
        query(self.0, sql, values)
    }

    async fn finish(
        &mut self,
        unless: Option<&Statement<'_>>,
        statements: &[Statement<'_>],
    ) -> Result<Ran, DbError> {
        if let Some(query) = unless
            && let Some(line) = self.row(query.sql, &query.values).await?
        {
            return Ok(Ran::Found(line));
        }
        Ok(Ran::Statements(self.run(statements).await?))
    }

    async fn run(&mut self, statements: &[Statement<'_>]) -> Result<usize, DbError> {
        for (index, statement) in statements.iter().enumerate() {
            let mut prepared = self.0.prepare_cached(statement.sql)?;
            match prepared.execute(params_from_iter(&statement.values))? {
                0 => return Ok(index),
                1 => {}
                more => {
                    let sql = statement.sql;
                    return Err(DbError::Failed(format!("{more} rows, not one: {sql}")));
                }
            }
        }
        Ok(statements.len())
    }
}
