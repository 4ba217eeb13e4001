//! What waits for a person, with the evidence beside it.

use super::{
    Database, audit, rows, signals,
    tx::{DbError, End, Line, Statement, Tx, Work, values},
};
use crate::store::reads::Before;
use domain::{At, Flow, FlowId, ShopId};
use engine::store::{Row, StoreError};

/// A case, open or settled.
#[derive(Clone, Debug)]
pub struct Review {
    pub row: Row,
    pub reason: String,
    pub opened_at: At,
    pub closed_at: Option<At>,
    /// Who settled it, what they said, and why; absent where it settled itself.
    pub settled_by: Option<String>,
    pub verdict: Option<String>,
    pub note: Option<String>,
    /// The customer's name, where it is known.
    pub customer: Option<String>,
    /// Whom a signal is about, and what it rests on, JSON.
    pub about: Option<String>,
    pub detail: Option<String>,
}

impl Review {
    /// `{flow}-{reason}`: the API's name of the case.
    pub fn id(&self) -> String {
        format!("{}-{}", self.row.id, self.reason)
    }

    /// Whether the flow itself waits for the verdict.
    pub fn decides(&self) -> bool {
        if signals::REASONS.contains(&self.reason.as_str()) {
            return false;
        }
        match &self.row.flow {
            Flow::Conversion(flow) => {
                matches!(flow.state, domain::conversion::State::InReview { .. })
            }
            Flow::Cancellation(flow) => {
                matches!(flow.state, domain::cancellation::State::InReview { .. })
            }
            Flow::Reversal(flow) => {
                matches!(flow.state, domain::reversal::State::InReview { .. })
            }
            Flow::Placing(flow) => {
                matches!(flow.state, domain::placing::State::InReview { .. })
            }
            Flow::Hold(_) | Flow::Ending(_) => false,
        }
    }
}

/// Reads what [`Review::id`] writes.
pub fn parse_id(text: &str) -> Option<(FlowId, &str)> {
    let (flow, reason) = text.split_once('-')?;
    Some((FlowId::parse(flow)?, reason))
}

const COLUMNS: &str = "flow.id, flow.kind, flow.body, flow.terms, flow.version, flow.epoch, \
    flow.due_at, flow.tries, flow.fingerprint, review.reason, review.opened_at, \
    review.closed_at, review.settled_by, review.verdict, review.note, customer.name, review.about, \
    review.detail";
const FROM: &str = "FROM review JOIN flow ON flow.id = review.flow \
    LEFT JOIN customer ON customer.shop = flow.shop AND customer.id = flow.customer";

fn review(line: &Line) -> Result<Review, DbError> {
    let text = |column| line.maybe_text(column).map(|text| text.map(str::to_owned));
    Ok(Review {
        row: rows::read(line)?.0,
        reason: line.text(9)?.to_owned(),
        opened_at: line.at(10)?,
        closed_at: line.maybe_at(11)?,
        settled_by: text(12)?,
        verdict: text(13)?,
        note: text(14)?,
        customer: text(15)?,
        about: text(16)?,
        detail: text(17)?,
    })
}

/// Newest first: the open ones, or those that are settled. A place's key is a [`Review::id`].
pub async fn list(
    database: &Database,
    shop: &ShopId,
    open: bool,
    before: Option<Before>,
    most: usize,
) -> Result<Vec<Review>, StoreError> {
    let closed = if open { "review.closed_at IS NULL" } else { "review.closed_at IS NOT NULL" };
    let (at, key) = before.map_or((At(i64::MAX), String::new()), |place| (place.at, place.key));
    let (flow, reason) = parse_id(&key).unwrap_or((FlowId(uuid::Uuid::nil()), ""));
    let sql = format!(
        "SELECT {COLUMNS} {FROM} WHERE review.shop = ?1 AND {closed} \
         AND (review.opened_at, review.reason, review.flow) < (?2, ?3, ?4) \
         ORDER BY review.opened_at DESC, review.reason DESC, review.flow DESC LIMIT ?5"
    );
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let values = values![shop.0.clone(), at, reason.to_owned(), flow, most].to_vec();
    let lines = database.read(sql, values).await?;
    Ok(lines.iter().map(review).collect::<Result<_, _>>()?)
}

pub async fn find(
    database: &Database,
    shop: &ShopId,
    flow: FlowId,
    reason: &str,
) -> Result<Option<Review>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} {FROM} WHERE review.shop = ?1 AND review.flow = ?2 \
         AND review.reason = ?3"
    );
    let values = values![shop.0.clone(), flow, reason.to_owned()].to_vec();
    let lines = database.read(sql, values).await?;
    Ok(lines.first().map(review).transpose()?)
}

/// A person's word, written beside the case.
#[derive(Clone, Debug)]
pub struct Settlement {
    pub shop: ShopId,
    pub flow: FlowId,
    pub reason: String,
    pub by: String,
    pub verdict: String,
    pub note: String,
    pub at: At,
    /// False where the flow closes the case by itself as it goes on.
    pub close: bool,
}

struct Settle(Settlement, audit::Entry);

const SETTLE: &str = "UPDATE review SET settled_by = ?4, verdict = ?5, note = ?6, \
    closed_at = CASE WHEN ?7 = 1 THEN ?8 ELSE closed_at END \
    WHERE shop = ?1 AND flow = ?2 AND reason = ?3 AND closed_at IS NULL";

impl Work for Settle {
    type Output = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<bool>, DbError> {
        let Settlement { shop, flow, reason, by, verdict, note, at, close } = &self.0;
        let values = values![
            shop.as_str(),
            *flow,
            reason.as_str(),
            by.as_str(),
            verdict.as_str(),
            note.as_str(),
            *close,
            *at,
        ];
        let settle = Statement { sql: SETTLE, values: values.to_vec() };
        match tx.run(&[settle, audit::statement(&self.1)]).await? {
            2 => Ok(End::Commit(true)),
            _ => Ok(End::RollBack(false)),
        }
    }
}

/// Whether the case was open.
pub async fn settle(
    database: &Database,
    settlement: Settlement,
    entry: audit::Entry,
) -> Result<bool, StoreError> {
    database.write(Settle(settlement, entry)).await
}

/// How many cases wait in the shop.
pub async fn open_count(database: &Database, shop: &ShopId) -> Result<i64, StoreError> {
    let sql = "SELECT count(*) FROM review WHERE shop = ?1 AND closed_at IS NULL";
    let lines = database.read(sql, values![shop.0.clone()].to_vec()).await?;
    Ok(lines.first().map_or(Ok(0), |line| line.int(0))?)
}
