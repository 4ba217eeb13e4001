//! What pages and lists show. Read-only connections: what is here cannot write.

use super::{rows, sql};
use domain::{At, CustomerId, FlowId, ShopId};
use engine::store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::{Mutex, PoisonError};
use tokio::sync::Semaphore;

/// A few read-only connections, each used by one reader at a time.
#[derive(Debug)]
pub struct Reads {
    idle: Mutex<Vec<Connection>>,
    places: Semaphore,
}

/// A coupon as its owner sees it.
#[derive(Clone, Debug)]
pub struct CouponRow {
    pub code: String,
    pub points: i64,
    pub amount: i64,
    pub currency: String,
    pub status: String,
    pub created_at: At,
    pub expires_at: At,
}

/// A movement of points.
#[derive(Clone, Debug)]
pub struct MovementRow {
    pub reference: String,
    pub points: i64,
    pub balance: Option<i64>,
    pub reason: String,
    pub linked_to: Option<String>,
    pub at: At,
}

/// A line of a flow's timeline.
#[derive(Clone, Debug)]
pub struct EventRow {
    pub at: At,
    pub name: String,
}

/// Where a page begins: strictly older than this, the text telling equals apart.
#[derive(Clone, Debug)]
pub struct Before {
    pub at: At,
    pub key: String,
}

/// What an operator watches.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    /// Open flows by state.
    pub open: Vec<(String, i64)>,
    pub in_doubt: i64,
    pub reviews: i64,
    pub alerts: i64,
    /// When the oldest due flow was due.
    pub oldest_due: Option<At>,
}

impl Reads {
    pub fn new(connections: Vec<Connection>) -> Self {
        let places = Semaphore::new(connections.len());
        Self { idle: Mutex::new(connections), places }
    }

    /// Runs the query on a thread where it may block.
    pub(super) async fn with<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let failed = |error: String| StoreError(error);
        let _place = self.places.acquire().await.map_err(|e| failed(e.to_string()))?;
        let connection = self.pop().ok_or_else(|| failed("no reader is idle".to_owned()))?;
        let (connection, result) = tokio::task::spawn_blocking(move || {
            let result = query(&connection);
            (connection, result)
        })
        .await
        .map_err(|error| failed(error.to_string()))?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        result.map_err(|error| failed(error.to_string()))
    }

    fn pop(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// What the customer has used of the day's allowance.
    pub async fn used_today(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        day: jiff::civil::Date,
    ) -> Result<i64, StoreError> {
        let shop = shop.clone();
        self.with(move |connection| {
            let account = connection
                .prepare_cached(sql::ACCOUNT)?
                .query_row(params![shop.as_str(), rows::number(customer.0)?], |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
                })
                .optional()?;
            Ok(account.filter(|(counted, _)| *counted == day.to_string()).map_or(0, |(_, n)| n))
        })
        .await
    }

    /// Newest first; only what the customer was ever shown.
    pub async fn coupons(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        before: Option<Before>,
        most: usize,
    ) -> Result<Vec<CouponRow>, StoreError> {
        let (shop, before) = (shop.clone(), start_of(before));
        self.with(move |connection| {
            connection
                .prepare_cached(
                    "SELECT code, points, amount, currency, status, created_at, expires_at \
                     FROM coupon WHERE shop = ?1 AND customer = ?2 \
                     AND (created_at, code) < (?3, ?4) AND status NOT IN ('pending', 'void') \
                     ORDER BY created_at DESC, code DESC LIMIT ?5",
                )?
                .query_map(
                    params![
                        shop.as_str(),
                        rows::number(customer.0)?,
                        before.at.0,
                        before.key,
                        most_rows(most)
                    ],
                    |row| {
                        Ok(CouponRow {
                            code: row.get(0)?,
                            points: row.get(1)?,
                            amount: row.get(2)?,
                            currency: row.get(3)?,
                            status: row.get(4)?,
                            created_at: At(row.get(5)?),
                            expires_at: At(row.get(6)?),
                        })
                    },
                )?
                .collect()
        })
        .await
    }

    /// Newest first.
    pub async fn history(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        before: Option<Before>,
        most: usize,
    ) -> Result<Vec<MovementRow>, StoreError> {
        let (shop, before) = (shop.clone(), start_of(before));
        self.with(move |connection| {
            connection
                .prepare_cached(
                    "SELECT reference, points, balance, reason, linked_to, at FROM movement \
                     WHERE shop = ?1 AND customer = ?2 AND (at, reference) < (?3, ?4) \
                     ORDER BY at DESC, reference DESC LIMIT ?5",
                )?
                .query_map(
                    params![
                        shop.as_str(),
                        rows::number(customer.0)?,
                        before.at.0,
                        before.key,
                        most_rows(most)
                    ],
                    |row| {
                        Ok(MovementRow {
                            reference: row.get(0)?,
                            points: row.get(1)?,
                            balance: row.get(2)?,
                            reason: row.get(3)?,
                            linked_to: row.get(4)?,
                            at: At(row.get(5)?),
                        })
                    },
                )?
                .collect()
        })
        .await
    }

    pub async fn timeline(&self, flow: FlowId) -> Result<Vec<EventRow>, StoreError> {
        self.with(move |connection| {
            connection
                .prepare_cached("SELECT at, name FROM flow_event WHERE flow = ?1 ORDER BY seq")?
                .query_map([rows::id(flow)], |row| {
                    Ok(EventRow { at: At(row.get(0)?), name: row.get(1)? })
                })?
                .collect()
        })
        .await
    }

    pub async fn gauges(&self) -> Result<Gauges, StoreError> {
        self.with(|connection| {
            let one = |sql: &'static str| {
                connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0))
            };
            let open = connection
                .prepare_cached(
                    "SELECT state, count(*) FROM flow WHERE due_at IS NOT NULL GROUP BY state",
                )?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            let oldest = connection
                .prepare_cached("SELECT min(due_at) FROM flow WHERE due_at IS NOT NULL")?
                .query_row([], |row| row.get::<_, Option<i64>>(0))?;
            Ok(Gauges {
                open,
                in_doubt: one("SELECT count(*) FROM flow WHERE state IN \
                     ('confirming', 'shelving', 'shelved', 'in_review', 'restoring')")?,
                reviews: one("SELECT count(*) FROM review WHERE closed_at IS NULL")?,
                alerts: one("SELECT count(*) FROM outbox WHERE sent_at IS NULL")?,
                oldest_due: oldest.map(At),
            })
        })
        .await
    }

    /// Whether the database answers at all.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.with(|connection| connection.query_row("SELECT 1", [], |_| Ok(()))).await
    }
}

fn start_of(before: Option<Before>) -> Before {
    before.unwrap_or(Before { at: At(i64::MAX), key: String::new() })
}

fn most_rows(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
