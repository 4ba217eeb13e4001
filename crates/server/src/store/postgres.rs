//! PostgreSQL: many replicas on one database. Transactions run in tasks of their own, so that a
//! dropped request leaves none open; statements that need no answer travel together.

use super::{
    migrate,
    tx::{DbError, Dialect, End, Line, Ran, Statement, Tx, Value, Work},
};
use anyhow::Context;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use engine::store::StoreError;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use rustls_platform_verifier::ConfigVerifierExt;
use std::{
    borrow::Cow,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio_postgres::{
    Client, Config, Connection, NoTls, Row, Socket,
    config::SslMode,
    error::SqlState,
    tls::{MakeTlsConnect, NoTlsStream},
    types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Connections of one process, where the URL does not say (`?application_name=…` and the like are
/// PostgreSQL's own).
const CONNECTIONS: usize = 16;
/// A process that stands still in the middle of a transaction must not hold its locks for long, nor
/// wait for another's.
const LIMITS: &str = "-c idle_in_transaction_session_timeout=5s -c lock_timeout=10s \
    -c statement_timeout=30s";
/// A connection is waited for so long.
const WAIT: Duration = Duration::from_secs(5);
/// A transaction that others were in the way of is run so often.
const TRIES: u32 = 10;

pub struct Postgres {
    pool: Pool,
    config: Config,
    /// `None`: the URL wants no TLS.
    tls: Option<MakeRustlsConnect>,
    failing: AtomicBool,
}

/// A client, and the connection that somebody has to drive for it.
pub enum Connected {
    Plain(Client, Box<Connection<Socket, NoTlsStream>>),
    Tls(Client, Box<Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>>),
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Postgres")
    }
}

impl Postgres {
    /// Connects, and brings the schema up to date; safe from many processes at once.
    ///
    /// # Errors
    /// Where the database does not answer, or is of a newer version.
    pub async fn open(url: &str, now_us: i64) -> anyhow::Result<Self> {
        let postgres = Self::connect(url)?;
        let mut client = postgres.pool.get().await.context("database.url: cannot connect")?;
        migrate::postgres(&mut client, now_us).await?;
        drop(client);
        Ok(postgres)
    }

    /// The same without a look at the schema; connects with the first statement.
    ///
    /// # Errors
    /// Where the URL cannot be used.
    pub fn connect(url: &str) -> anyhow::Result<Self> {
        let mut config: Config = url.parse().context("database.url")?;
        let options = config.get_options().map_or_else(String::new, |given| format!("{given} "));
        config.options(format!("{options}{LIMITS}")).connect_timeout(WAIT);
        let recycling_method = RecyclingMethod::Fast;
        let manager = ManagerConfig { recycling_method };
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => {
                let tls = rustls::ClientConfig::with_platform_verifier()
                    .context("the system's root certificates")?;
                Some(MakeRustlsConnect::new(tls))
            }
        };
        let manager = match &tls {
            None => Manager::from_config(config.clone(), NoTls, manager),
            Some(tls) => Manager::from_config(config.clone(), tls.clone(), manager),
        };
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(WAIT))
            .runtime(Runtime::Tokio1)
            .build()?;
        Ok(Self { pool, config, tls, failing: AtomicBool::new(false) })
    }

    /// A connection that is not the pool's.
    pub async fn apart(&self) -> Result<Connected, DbError> {
        Ok(match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                Connected::Plain(client, Box::new(connection))
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                Connected::Tls(client, Box::new(connection))
            }
        })
    }

    pub async fn client(&self) -> Result<Object, DbError> {
        self.pool.get().await.map_err(|error| DbError::Failed(error.to_string()))
    }

    /// Whether the last transaction could not be written.
    pub fn failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Runs the work in a transaction of its own, again where others were in the way.
    pub async fn write<W: Work>(&self, work: W) -> Result<W::Output, StoreError> {
        let pool = self.pool.clone();
        let task = tokio::spawn(async move {
            let mut pause = Duration::from_millis(2);
            let mut tries = 1;
            loop {
                match once(&pool, &work).await {
                    Err(DbError::Conflict(_)) if tries < TRIES => {
                        metrics::counter!("kaeru_store_conflicts_total").increment(1);
                        let jitter = crate::ids::random() % 1_000;
                        tokio::time::sleep(pause + Duration::from_micros(jitter)).await;
                        pause = (pause * 2).min(Duration::from_millis(200));
                        tries += 1;
                    }
                    outcome => return outcome,
                }
            }
        });
        metrics::counter!("kaeru_store_commits_total").increment(1);
        let outcome = task.await.map_err(|error| StoreError(error.to_string()))?;
        self.failing.store(outcome.is_err(), Ordering::Relaxed);
        if outcome.is_err() {
            metrics::counter!("kaeru_store_errors_total").increment(1);
        }
        Ok(outcome?)
    }

    pub async fn read(
        &self,
        sql: Cow<'static, str>,
        values: Vec<Value<'static>>,
    ) -> Result<Vec<Line>, StoreError> {
        let client = self.client().await?;
        Ok(query(&client, &sql, &values).await?)
    }

    /// The database's time, in microseconds since 1970.
    pub async fn now(&self) -> Result<i64, StoreError> {
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        let lines = self.read(Cow::Borrowed(sql), vec![]).await?;
        Ok(lines.first().map_or(Ok(0), |line| line.int(0))?)
    }
}

async fn once<W: Work>(pool: &Pool, work: &W) -> Result<W::Output, DbError> {
    let client = pool.get().await.map_err(|error| DbError::Failed(error.to_string()))?;
    let mut tx = PostgresTx { client: &client, begun: false, committed: false };
    let end = work.run(&mut tx).await;
    let (begun, committed) = (tx.begun, tx.committed);
    if committed {
        return match end? {
            End::Commit(output) => Ok(output),
            End::RollBack(_) => {
                Err(DbError::Failed("what is committed cannot be rolled back".to_owned()))
            }
        };
    }
    let (last, outcome) = match end {
        Ok(End::Commit(output)) => ("COMMIT", Ok(output)),
        Ok(End::RollBack(output)) => ("ROLLBACK", Ok(output)),
        Err(error) => ("ROLLBACK", Err(error)),
    };
    if !begun {
        return outcome;
    }
    match client.batch_execute(last).await {
        Ok(()) => outcome,
        Err(error) => {
            // What state it is in nobody knows: it is not used again.
            drop(Object::take(client));
            match outcome {
                // Rolled back or not, nothing was written.
                Ok(output) if last == "ROLLBACK" => Ok(output),
                Ok(_) => Err(error.into()),
                Err(first) => Err(first),
            }
        }
    }
}

/// An open transaction. It begins together with its first statement.
struct PostgresTx<'a> {
    client: &'a Object,
    begun: bool,
    /// It was all one statement, and is over.
    committed: bool,
}

impl PostgresTx<'_> {
    async fn begin(&mut self) -> Result<(), DbError> {
        if !self.begun {
            self.begun = true;
            self.client.batch_execute("BEGIN").await?;
        }
        Ok(())
    }
}

impl Tx for PostgresTx<'_> {
    const DIALECT: Dialect = Dialect::Postgres;

    async fn rows(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Line>, DbError> {
        let client = self.client;
        let statement = prepare(client, sql, values).await?;
        let parameters = parameters(values);
        let (begun, rows) = futures::join!(self.begin(), client.query(&statement, &parameters));
        begun?;
        rows?.iter().map(line).collect()
    }

    async fn run(&mut self, statements: &[Statement<'_>]) -> Result<usize, DbError> {
        let client = self.client;
        let mut prepared = Vec::with_capacity(statements.len());
        for statement in statements {
            prepared.push(prepare(client, statement.sql, &statement.values).await?);
        }
        let parameters: Vec<_> =
            statements.iter().map(|statement| parameters(&statement.values)).collect();
        let runs = prepared
            .iter()
            .zip(&parameters)
            .map(|(statement, values)| client.execute(statement, values));
        let (begun, results) = futures::join!(self.begin(), futures::future::join_all(runs));
        begun?;
        for (index, result) in results.into_iter().enumerate() {
            match result? {
                0 => return Ok(index),
                1 => {}
                more => {
                    let sql = statements[index].sql;
                    return Err(DbError::Failed(format!("{more} rows, not one: {sql}")));
                }
            }
        }
        Ok(statements.len())
    }

    async fn finish(
        &mut self,
        unless: Option<&Statement<'_>>,
        statements: &[Statement<'_>],
    ) -> Result<Ran, DbError> {
        if !self.begun && at_once(self.client, unless, statements).await? {
            self.committed = true;
            return Ok(Ran::Statements(statements.len()));
        }
        // Something stood in the way: one by one shows what.
        if let Some(query) = unless
            && let Some(line) = self.row(query.sql, &query.values).await?
        {
            return Ok(Ran::Found(line));
        }
        Ok(Ran::Statements(self.run(statements).await?))
    }
}

/// Runs them as one statement, which is its own transaction: one way there and back. Says whether
/// each has changed its row and the query found none; if not, nothing was changed.
async fn at_once(
    client: &Object,
    unless: Option<&Statement<'_>>,
    statements: &[Statement<'_>],
) -> Result<bool, DbError> {
    let mut sql = String::with_capacity(2048);
    let mut values: Vec<Value<'_>> = Vec::with_capacity(64);
    for (index, statement) in statements.iter().enumerate() {
        sql.push_str(if index == 0 { "WITH s" } else { ", s" });
        sql.push_str(&format!("{index} AS ("));
        add_numbered(&mut sql, statement.sql, values.len());
        sql.push_str(" RETURNING 1)");
        values.extend(statement.values.iter().cloned());
    }
    // Divided by zero, it changes nothing; else a row that two of them change would be changed by
    // one of them only.
    sql.push_str(" SELECT 1 / CASE WHEN ");
    let counts = (0..statements.len()).map(|index| format!("(SELECT count(*) FROM s{index}) = 1"));
    sql.push_str(&counts.collect::<Vec<_>>().join(" AND "));
    if let Some(query) = unless {
        sql.push_str(" AND NOT EXISTS (");
        add_numbered(&mut sql, query.sql, values.len());
        sql.push(')');
        values.extend(query.values.iter().cloned());
    }
    sql.push_str(" THEN 1 ELSE 0 END");
    let prepared = prepare(client, &sql, &values).await?;
    let in_the_way = [&SqlState::DIVISION_BY_ZERO, &SqlState::UNIQUE_VIOLATION];
    match client.query(&prepared, &parameters(&values)).await {
        Ok(_) => Ok(true),
        Err(error) if error.code().is_some_and(|code| in_the_way.contains(&code)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The statement, its first parameter being number `before` + 1.
fn add_numbered(sql: &mut String, statement: &str, before: usize) {
    let mut parts = statement.split('?');
    sql.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let number: usize = part[..end].parse().unwrap_or(0);
        sql.push_str(&format!("?{}", number + before));
        sql.push_str(&part[end..]);
    }
}

async fn query(client: &Object, sql: &str, values: &[Value<'_>]) -> Result<Vec<Line>, DbError> {
    let statement = prepare(client, sql, values).await?;
    client.query(&statement, &parameters(values)).await?.iter().map(line).collect()
}

/// Kept by the connection. The types are said, so that two parameters can be compared with each
/// other.
async fn prepare(
    client: &Object,
    sql: &str,
    values: &[Value<'_>],
) -> Result<tokio_postgres::Statement, DbError> {
    let types: Vec<Type> = values
        .iter()
        .map(|value| match value {
            Value::Null => Type::UNKNOWN,
            Value::Int(_) => Type::INT8,
            Value::Text(_) => Type::TEXT,
            Value::Blob(_) => Type::BYTEA,
        })
        .collect();
    Ok(client.prepare_typed_cached(&sql.replace('?', "$"), &types).await?)
}

fn parameters<'a>(values: &'a [Value<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        of: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(number) => number.to_sql(of, out),
            Value::Text(text) => text.as_ref().to_sql(of, out),
            Value::Blob(bytes) => bytes.as_ref().to_sql(of, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A row as the statements see it.
pub fn line(row: &Row) -> Result<Line, DbError> {
    let value = |index: usize| -> Result<Value<'static>, DbError> {
        Ok(match *row.columns()[index].type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(index)?.into(),
            Type::INT4 => row.try_get::<_, Option<i32>>(index)?.map(i64::from).into(),
            // What a sum of BIGINT is.
            Type::NUMERIC => match row.try_get::<_, Option<Decimal>>(index)? {
                None => Value::Null,
                Some(sum) => Value::Int(whole(sum)?),
            },
            Type::BYTEA => row
                .try_get::<_, Option<Vec<u8>>>(index)?
                .map_or(Value::Null, |bytes| Value::Blob(Cow::Owned(bytes))),
            _ => row.try_get::<_, Option<String>>(index)?.into(),
        })
    };
    Ok(Line((0..row.len()).map(value).collect::<Result<_, _>>()?))
}

fn whole(sum: Decimal) -> Result<i64, DbError> {
    let whole = if sum.is_integer() { sum.to_i64() } else { None };
    whole.ok_or_else(|| DbError::Failed("a fraction has no place here".to_owned()))
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        let conflicts = [
            &SqlState::T_R_SERIALIZATION_FAILURE,
            &SqlState::T_R_DEADLOCK_DETECTED,
            // Two of the same at once: run again, the second finds the first.
            &SqlState::UNIQUE_VIOLATION,
        ];
        let text = error.as_db_error().map_or_else(|| error.to_string(), |of| of.to_string());
        match error.code() {
            Some(code) if conflicts.contains(&code) => Self::Conflict(text),
            _ => Self::Failed(text),
        }
    }
}
