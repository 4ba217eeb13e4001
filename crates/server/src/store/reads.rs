//! What pages and lists show.

use super::{
    Database, sql,
    tx::{DbError, Line, number, values},
};
use domain::{At, CustomerId, FlowId, ShopId};
use engine::store::StoreError;

/// The lists in a database.
#[derive(Clone, Debug)]
pub struct Reads {
    database: Database,
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
    /// Until when what it brought is good, where the points book told.
    pub good_until: Option<At>,
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
    /// Open flows by kind and state.
    pub open: Vec<(String, String, i64)>,
    pub in_doubt: i64,
    pub reviews: i64,
    /// Mails on their way, mails given up, and alerts that no mail has told yet.
    pub mails: i64,
    pub mails_dead: i64,
    pub alerts: i64,
    /// When the oldest due flow was due.
    pub oldest_due: Option<At>,
}

impl Reads {
    pub const fn new(database: Database) -> Self {
        Self { database }
    }

    /// What the customer has used of the day's allowance.
    pub async fn used_today(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        day: jiff::civil::Date,
    ) -> Result<i64, StoreError> {
        let values = values![shop.0.clone(), number(customer.0)?].to_vec();
        let lines = self.database.read(sql::ACCOUNT, values).await?;
        match lines.first() {
            Some(account) if account.text(0)? == day.to_string() => Ok(account.int(1)?),
            _ => Ok(0),
        }
    }

    /// What the customer's conversions hold back, and how many movements are in doubt.
    pub async fn open_points(
        &self,
        shop: &ShopId,
        customer: CustomerId,
    ) -> Result<(i64, i64), StoreError> {
        let values = values![shop.0.clone(), number(customer.0)?].to_vec();
        let lines = self.database.read(sql::ACCOUNT, values).await?;
        let Some(line) = lines.first() else { return Ok((0, 0)) };
        Ok((line.int(2)?, line.int(3)?))
    }

    /// Newest first, those that are the customer's.
    pub async fn coupons(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        before: Option<Before>,
        most: usize,
    ) -> Result<Vec<CouponRow>, StoreError> {
        let before = start_of(before);
        let values =
            values![shop.0.clone(), number(customer.0)?, before.at, before.key, most_rows(most)];
        let sql = "SELECT code, points, amount, currency, status, created_at, expires_at \
            FROM coupon WHERE shop = ?1 AND customer = ?2 \
            AND status NOT IN ('pending', 'void') AND (created_at, code) < (?3, ?4) \
            ORDER BY created_at DESC, code DESC LIMIT ?5";
        let read = |line: &Line| {
            Ok(CouponRow {
                code: line.text(0)?.to_owned(),
                points: line.int(1)?,
                amount: line.int(2)?,
                currency: line.text(3)?.to_owned(),
                status: line.text(4)?.to_owned(),
                created_at: line.at(5)?,
                expires_at: line.at(6)?,
            })
        };
        self.list(sql, values.to_vec(), read).await
    }

    /// Newest first.
    pub async fn history(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        before: Option<Before>,
        most: usize,
    ) -> Result<Vec<MovementRow>, StoreError> {
        let before = start_of(before);
        let values =
            values![shop.0.clone(), number(customer.0)?, before.at, before.key, most_rows(most)];
        let sql = "SELECT reference, points, balance, reason, linked_to, at, good_until \
            FROM movement \
            WHERE shop = ?1 AND customer = ?2 AND (at, reference) < (?3, ?4) \
            ORDER BY at DESC, reference DESC LIMIT ?5";
        let read = |line: &Line| {
            Ok(MovementRow {
                reference: line.text(0)?.to_owned(),
                points: line.int(1)?,
                balance: line.maybe_int(2)?,
                reason: line.text(3)?.to_owned(),
                linked_to: line.maybe_text(4)?.map(str::to_owned),
                at: line.at(5)?,
                good_until: line.maybe_at(6)?,
            })
        };
        self.list(sql, values.to_vec(), read).await
    }

    pub async fn timeline(&self, flow: FlowId) -> Result<Vec<EventRow>, StoreError> {
        let sql = "SELECT at, name FROM flow_event WHERE flow = ?1 ORDER BY seq";
        let read = |line: &Line| Ok(EventRow { at: line.at(0)?, name: line.text(1)?.to_owned() });
        self.list(sql, values![flow].to_vec(), read).await
    }

    pub async fn gauges(&self) -> Result<Gauges, StoreError> {
        let sql = "SELECT kind, state, count(*) FROM flow WHERE due_at IS NOT NULL \
            GROUP BY kind, state ORDER BY kind, state";
        let read =
            |line: &Line| Ok((line.text(0)?.to_owned(), line.text(1)?.to_owned(), line.int(2)?));
        let open = self.list(sql, vec![], read).await?;
        let due = self.list(sql::NEXT_DUE, vec![], |line| line.maybe_at(0)).await?;
        Ok(Gauges {
            open,
            in_doubt: self.count(sql::IN_DOUBT).await?,
            reviews: self.count("SELECT count(*) FROM review WHERE closed_at IS NULL").await?,
            mails: self.count("SELECT count(*) FROM outbox WHERE due_at IS NOT NULL").await?,
            mails_dead: self.count("SELECT count(*) FROM outbox WHERE dead_at IS NOT NULL").await?,
            alerts: self
                .count("SELECT count(*) FROM outbox WHERE kind = 'alert' AND sent_at IS NULL")
                .await?,
            oldest_due: due.into_iter().next().flatten(),
        })
    }

    /// When the next flow is due that nobody works on, or somebody's lease ends.
    pub async fn next_due(&self) -> Result<Option<At>, StoreError> {
        let due = self.list(sql::NEXT_DUE, vec![], |line| line.maybe_at(0)).await?;
        Ok(due.into_iter().next().flatten())
    }

    /// Whether the database answers at all.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.count("SELECT 1").await.map(drop)
    }

    async fn count(&self, sql: &'static str) -> Result<i64, StoreError> {
        let counts = self.list(sql, vec![], |line| line.int(0)).await?;
        Ok(counts.into_iter().next().unwrap_or(0))
    }

    async fn list<T>(
        &self,
        sql: &'static str,
        values: Vec<super::tx::Value<'static>>,
        read: impl Fn(&Line) -> Result<T, DbError>,
    ) -> Result<Vec<T>, StoreError> {
        let lines = self.database.read(sql, values).await?;
        Ok(lines.iter().map(read).collect::<Result<_, _>>()?)
    }
}

fn start_of(before: Option<Before>) -> Before {
    before.unwrap_or(Before { at: At(i64::MAX), key: String::new() })
}

fn most_rows(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
