//! Statements, values and transactions, for every database alike.

use domain::{At, FlowId};
use engine::store::StoreError;
use sha2::{Digest, Sha256};
use std::{borrow::Cow, future::Future};

/// A value of a statement: what the common subset of the databases knows. Times are microseconds,
/// money is minor units, ids of flows are 16 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
    Blob(Cow<'a, [u8]>),
}

/// `values![a, b, c]`: an array of [`Value`]s.
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::store::tx::Value::from($value)),*] };
}
pub(super) use values;

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Self::Int(truth.into())
    }
}

impl From<At> for Value<'_> {
    fn from(at: At) -> Self {
        Self::Int(at.0)
    }
}

impl From<FlowId> for Value<'_> {
    fn from(id: FlowId) -> Self {
        Self::Blob(Cow::Owned(id.0.into_bytes().to_vec()))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<T: Into<Self>> From<Option<T>> for Value<'_> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Value<'_> {
    /// The same, owning what it holds.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Int(number) => Value::Int(number),
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Blob(bytes) => Value::Blob(Cow::Owned(bytes.into_owned())),
        }
    }
}

/// Shopify's ids and customers' numbers are unsigned and fit; SQL has signed ones only.
pub fn number(id: u64) -> Result<i64, DbError> {
    i64::try_from(id).map_err(|_| DbError::Failed(format!("{id} is too large for the database")))
}

/// A row that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(pub Vec<Value<'static>>);

impl Line {
    pub fn bytes(&self, column: usize) -> Result<&[u8], DbError> {
        match self.0.get(column) {
            Some(Value::Blob(bytes)) => Ok(bytes),
            _ => Err(self.unreadable(column, "bytes")),
        }
    }

    /// Of every value, whatever it is; the same from each database.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for value in &self.0 {
            let number;
            let (tag, bytes): (u8, &[u8]) = match value {
                Value::Null => (0, &[]),
                Value::Int(int) => {
                    number = int.to_be_bytes();
                    (1, &number)
                }
                Value::Text(text) => (2, text.as_bytes()),
                Value::Blob(bytes) => (3, bytes),
            };
            hash.update([tag]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        hash.finalize().into()
    }

    fn unreadable(&self, column: usize, wanted: &str) -> DbError {
        let found = match self.0.get(column) {
            None => "nothing",
            Some(Value::Null) => "null",
            Some(Value::Int(_)) => "a number",
            Some(Value::Text(_)) => "a text",
            Some(Value::Blob(_)) => "bytes",
        };
        DbError::Failed(format!("column {column} holds {found}, not {wanted}"))
    }

    pub fn is_null(&self, column: usize) -> bool {
        matches!(self.0.get(column), Some(Value::Null))
    }

    pub fn int(&self, column: usize) -> Result<i64, DbError> {
        match self.0.get(column) {
            Some(Value::Int(number)) => Ok(*number),
            _ => Err(self.unreadable(column, "a number")),
        }
    }

    pub fn maybe_int(&self, column: usize) -> Result<Option<i64>, DbError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.int(column).map(Some),
        }
    }

    pub fn at(&self, column: usize) -> Result<At, DbError> {
        self.int(column).map(At)
    }

    pub fn maybe_at(&self, column: usize) -> Result<Option<At>, DbError> {
        self.maybe_int(column).map(|at| at.map(At))
    }

    /// An id that is unsigned outside of the database.
    pub fn id(&self, column: usize) -> Result<u64, DbError> {
        u64::try_from(self.int(column)?).map_err(|_| self.unreadable(column, "an id"))
    }

    pub fn text(&self, column: usize) -> Result<&str, DbError> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(self.unreadable(column, "a text")),
        }
    }

    pub fn maybe_text(&self, column: usize) -> Result<Option<&str>, DbError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.text(column).map(Some),
        }
    }

    pub fn flow(&self, column: usize) -> Result<FlowId, DbError> {
        let Some(Value::Blob(bytes)) = self.0.get(column) else {
            return Err(self.unreadable(column, "a flow's id"));
        };
        let id = uuid::Uuid::from_slice(bytes);
        id.map(FlowId).map_err(|_| self.unreadable(column, "a flow's id"))
    }
}

/// A statement did not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// Other transactions were in the way: the same work may well succeed when it is run again.
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    Failed(String),
}

impl From<DbError> for StoreError {
    fn from(error: DbError) -> Self {
        Self(error.to_string())
    }
}

/// A statement with its values: one that is to change one row, but for queries.
#[derive(Clone, Debug)]
pub struct Statement<'a> {
    pub sql: &'static str,
    pub values: Vec<Value<'a>>,
}

/// Where the databases differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// How far [`Tx::finish`] came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ran {
    /// The row was there.
    Found(Line),
    /// So many of the statements have changed one row each.
    Statements(usize),
}

/// An open transaction.
pub trait Tx: Send {
    const DIALECT: Dialect;

    fn rows(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<Vec<Line>, DbError>> + Send;

    /// Runs them in order, without waiting in between, up to the first that changes no row. Says
    /// how many have changed one: all of them, where that is their number. After fewer, only a
    /// transaction of one statement may go on.
    fn run(
        &mut self,
        statements: &[Statement<'_>],
    ) -> impl Future<Output = Result<usize, DbError>> + Send;

    /// All that the transaction is to do: [`Tx::run`], where the query finds no row. It is
    /// committed if and only if every statement has changed its row. None may read what another
    /// one writes: they may run at the same time.
    fn finish(
        &mut self,
        unless: Option<&Statement<'_>>,
        statements: &[Statement<'_>],
    ) -> impl Future<Output = Result<Ran, DbError>> + Send;

    /// The first row, if any came.
    fn row(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<Option<Line>, DbError>> + Send {
        async move { Ok(self.rows(sql, values).await?.into_iter().next()) }
    }

    /// The same, and no other transaction changes that row until this one is over: what a later
    /// statement is decided by is still true when it runs.
    fn locked(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<Option<Line>, DbError>> + Send {
        async move {
            match Self::DIALECT {
                // One transaction writes at a time.
                Dialect::Sqlite => self.row(sql, values).await,
                Dialect::Postgres => self.row(&format!("{sql} FOR UPDATE"), values).await,
            }
        }
    }
}

/// What a transaction came to.
#[derive(Debug)]
pub enum End<T> {
    Commit(T),
    /// Whatever it wrote is taken back.
    RollBack(T),
}

/// What is done in one transaction. It may be run again where others were in the way, and waits
/// for nothing but its own statements.
pub trait Work: Send + Sync + 'static {
    type Output: Send + 'static;

    fn run<T: Tx>(
        &self,
        tx: &mut T,
    ) -> impl Future<Output = Result<End<Self::Output>, DbError>> + Send;
}
