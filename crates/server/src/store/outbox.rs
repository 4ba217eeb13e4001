//! Mails and alerts that were announced in the transaction of what they tell, and what became of
//! them. No address stands here but the admins': a customer's is read when the mail is sent.

use super::{
    Database, audit,
    leases::LEASE,
    sql,
    tx::{DbError, Dialect, End, Line, Statement, Tx, Value, Work, values},
};
use crate::{ids, store::reads::Before};
use domain::{At, FlowId, ShopId};
use engine::store::StoreError;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// A mail's number: the flow and its version that announced it, or a number of its own and 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailId {
    pub id: FlowId,
    pub seq: i64,
}

impl MailId {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, seq) = text.split_once('.')?;
        Some(Self { id: FlowId::parse(id)?, seq: seq.parse().ok()? })
    }
}

impl fmt::Display for MailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.id, self.seq)
    }
}

/// What a mail tells, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// To an admin: what needs a person.
    Digest(Digest),
    /// To staff who may approve: what another asked for.
    Approval { notice: String, approval: String, staff: i64 },
    /// A coupon ends soon.
    Reminder { notice: String, code: String, days: i64 },
    /// What a flow announced.
    Notice { notice: String, flow: String },
}

/// The cases of one reason since the last digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    pub reason: String,
    pub count: usize,
    /// The first of them.
    pub flows: Vec<String>,
    pub first: At,
    pub last: At,
    /// The admin's address, from the configuration.
    pub to: String,
}

impl Content {
    /// What it is about, by the names of [`domain::effect::Notice`] and more.
    pub fn name(&self) -> &str {
        match self {
            Content::Digest(_) => "alert",
            Content::Approval { notice, .. }
            | Content::Reminder { notice, .. }
            | Content::Notice { notice, .. } => notice,
        }
    }
}

/// How a mail stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Waiting,
    Sent,
    Dead,
}

impl Standing {
    pub const ALL: [Standing; 3] = [Standing::Waiting, Standing::Sent, Standing::Dead];

    /// The API's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Standing::Waiting => "waiting",
            Standing::Sent => "sent",
            Standing::Dead => "dead",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.as_str() == text)
    }

    const fn condition(self) -> &'static str {
        match self {
            Standing::Waiting => "sent_at IS NULL AND dead_at IS NULL",
            Standing::Sent => "sent_at IS NOT NULL",
            Standing::Dead => "dead_at IS NOT NULL",
        }
    }
}

/// A mail and what became of it.
#[derive(Clone, Debug)]
pub struct Mail {
    pub id: MailId,
    pub shop: ShopId,
    pub content: Content,
    pub created_at: At,
    pub attempts: i64,
    /// How often staff had it sent again.
    pub resends: i64,
    pub due_at: Option<At>,
    pub sent_at: Option<At>,
    pub dead_at: Option<At>,
    /// A code such as `smtp-550`.
    pub last_error: Option<String>,
}

impl Mail {
    pub const fn standing(&self) -> Standing {
        match (self.sent_at, self.dead_at) {
            (Some(_), _) => Standing::Sent,
            (None, Some(_)) => Standing::Dead,
            (None, None) => Standing::Waiting,
        }
    }

    /// The same at every attempt, so that a repeat is recognised as one; another where staff want
    /// it sent again.
    pub fn message_id(&self, domain: &str) -> String {
        match self.resends {
            0 => format!("<{}@{domain}>", self.id),
            again => format!("<{}.again{again}@{domain}>", self.id),
        }
    }
}

macro_rules! columns {
    () => {
        "id, seq, shop, body, created_at, attempts, resends, due_at, sent_at, dead_at, last_error"
    };
}

fn read(line: &Line) -> Result<Mail, DbError> {
    let body = line.text(3)?;
    let content = serde_json::from_str(body)
        .map_err(|error| DbError::Failed(format!("a mail's content cannot be read: {error}")))?;
    Ok(Mail {
        id: MailId { id: line.flow(0)?, seq: line.int(1)? },
        shop: ShopId(line.text(2)?.to_owned()),
        content,
        created_at: line.at(4)?,
        attempts: line.int(5)?,
        resends: line.int(6)?,
        due_at: line.maybe_at(7)?,
        sent_at: line.maybe_at(8)?,
        dead_at: line.maybe_at(9)?,
        last_error: line.maybe_text(10)?.map(str::to_owned),
    })
}

/// Where only one process can be alive, what a dead one held is due; and what was to be tried
/// again so soon is tried now.
pub const RECLAIM: &str = "UPDATE outbox SET due_at = ?1 WHERE due_at > ?1 AND due_at <= ?2";

const NEXT_DUE: &str = "SELECT min(due_at) FROM outbox WHERE due_at IS NOT NULL";

const CLAIM: &str = concat!(
    "UPDATE outbox SET attempts = attempts + 1, due_at = ?2 WHERE (id, seq, kind) IN ",
    "(SELECT id, seq, kind FROM outbox WHERE due_at IS NOT NULL AND due_at <= ?1 ",
    "ORDER BY due_at LIMIT ?3) RETURNING ",
    columns!()
);
const CLAIM_BESIDE_OTHERS: &str = concat!(
    "UPDATE outbox SET attempts = attempts + 1, due_at = ?2 WHERE (id, seq, kind) IN ",
    "(SELECT id, seq, kind FROM outbox WHERE due_at IS NOT NULL AND due_at <= ?1 ",
    "ORDER BY due_at LIMIT ?3 FOR UPDATE SKIP LOCKED) RETURNING ",
    columns!()
);

struct Claim {
    now: At,
    until: At,
    most: i64,
}

impl Work for Claim {
    type Output = Vec<Mail>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<Vec<Mail>>, DbError> {
        let sql = match T::DIALECT {
            Dialect::Sqlite => CLAIM,
            Dialect::Postgres => CLAIM_BESIDE_OTHERS,
        };
        let lines = tx.rows(sql, &values![self.now, self.until, self.most]).await?;
        let readable = |line: &Line| match read(line) {
            Ok(mail) => Some(mail),
            Err(error) => {
                // It stays leased, and does not stop the others.
                tracing::error!(%error, "a mail cannot be read");
                None
            }
        };
        Ok(End::Commit(lines.iter().filter_map(readable).collect()))
    }
}

/// Takes due mails for an attempt; until the lease is over nobody else gets them.
pub async fn claim(database: &Database, now: At, most: usize) -> Result<Vec<Mail>, StoreError> {
    // Looked at beside the writers first, so that an idle service writes nothing.
    let due = database.read(NEXT_DUE, vec![]).await?;
    let due = due.first().map(|line| line.maybe_at(0)).transpose()?.flatten();
    if due.is_none_or(|at| at > now) {
        return Ok(vec![]);
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    database.write(Claim { now, until: now.plus(LEASE), most }).await
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Sent,
    /// Tried again then.
    Later {
        at: At,
        error: String,
    },
    /// Given up. `tell`: the admins hear of it.
    Dead {
        error: String,
        tell: bool,
    },
}

/// True whoever sent it: even an attempt that was late has put it into the customer's hands.
const SENT: &str = "UPDATE outbox SET sent_at = ?3, due_at = NULL, dead_at = NULL, \
    last_error = NULL WHERE id = ?1 AND seq = ?2 AND kind <> 'alert' AND sent_at IS NULL";

/// Only the attempt that holds the lease says that it failed.
const LATER: &str = "UPDATE outbox SET due_at = ?5, last_error = ?6 WHERE id = ?1 AND seq = ?2 \
    AND kind <> 'alert' AND attempts = ?3 AND resends = ?4 AND sent_at IS NULL \
    AND dead_at IS NULL";

const DEAD: &str = "UPDATE outbox SET due_at = NULL, dead_at = ?5, last_error = ?6 \
    WHERE id = ?1 AND seq = ?2 AND kind <> 'alert' AND attempts = ?3 AND resends = ?4 \
    AND sent_at IS NULL AND dead_at IS NULL";

struct Settle {
    mail: Mail,
    outcome: Outcome,
    now: At,
}

impl Work for Settle {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let mail = &self.mail;
        let (id, seq) = (mail.id.id, mail.id.seq);
        let fence = |at: At, error: &str| {
            values![id, seq, mail.attempts, mail.resends, at, error.to_owned()].to_vec()
        };
        let statement = match &self.outcome {
            Outcome::Sent => Statement { sql: SENT, values: values![id, seq, self.now].to_vec() },
            Outcome::Later { at, error } => Statement { sql: LATER, values: fence(*at, error) },
            Outcome::Dead { error, .. } => Statement { sql: DEAD, values: fence(self.now, error) },
        };
        let changed = tx.run(&[statement]).await?;
        if changed == 1 && matches!(&self.outcome, Outcome::Dead { tell: true, .. }) {
            let flow = match &mail.content {
                Content::Notice { flow, .. } => flow.clone(),
                Content::Approval { .. } | Content::Reminder { .. } | Content::Digest(_) => {
                    String::new()
                }
            };
            let body = serde_json::json!({"flow": flow, "reason": UNDELIVERED}).to_string();
            let id = ids::flow(self.now);
            let shop = mail.shop.as_str();
            let alert = values![id, 0_i64, shop, "alert", body, self.now, None::<At>, UNDELIVERED];
            tx.run(&[Statement { sql: sql::OUTBOX_ADD, values: alert.to_vec() }]).await?;
        }
        Ok(End::Commit(()))
    }
}

/// The notice that something waits for an approval.
pub const APPROVAL: &str = "approval";

/// The reason of an alert that a mail was given up.
pub const UNDELIVERED: &str = "mail_undelivered";

/// Writes down what came of an attempt.
pub async fn settle(
    database: &Database,
    mail: Mail,
    outcome: Outcome,
    now: At,
) -> Result<(), StoreError> {
    database.write(Settle { mail, outcome, now }).await
}

const ALERTED: &str = "SELECT DISTINCT shop, reason FROM outbox \
    WHERE kind = 'alert' AND sent_at IS NULL AND reason IS NOT NULL";

/// ?4: whoever was told before is told again only after it.
const MAY_TELL: &str = "INSERT INTO alert_digest (shop, reason, at) VALUES (?1, ?2, ?3) \
    ON CONFLICT (shop, reason) DO UPDATE SET at = excluded.at WHERE alert_digest.at <= ?4 \
    RETURNING at";

const TOLD: &str = "UPDATE outbox SET sent_at = ?3 WHERE kind = 'alert' AND sent_at IS NULL \
    AND shop = ?1 AND reason = ?2 RETURNING body, created_at";

/// The first so many cases are named in a digest.
const NAMED: usize = 20;
/// Between two digests of one reason.
const QUIET: Duration = Duration::from_secs(3600);

struct Gather {
    shop: ShopId,
    reason: String,
    to: Vec<String>,
    now: At,
}

#[derive(Deserialize)]
struct AlertBody {
    flow: String,
}

impl Work for Gather {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let (shop, reason, now) = (self.shop.as_str(), self.reason.as_str(), self.now);
        let before = At(now.0 - i64::try_from(QUIET.as_micros()).unwrap_or(0));
        if tx.row(MAY_TELL, &values![shop, reason, now, before]).await?.is_none() {
            return Ok(End::RollBack(()));
        }
        let lines = tx.rows(TOLD, &values![shop, reason, now]).await?;
        let mut cases = lines
            .iter()
            .map(|line| {
                let flow = serde_json::from_str(line.text(0)?).map(|body: AlertBody| body.flow);
                Ok((line.at(1)?, flow.unwrap_or_default()))
            })
            .collect::<Result<Vec<(At, String)>, DbError>>()?;
        cases.sort();
        let (Some((first, _)), Some((last, _))) = (cases.first(), cases.last()) else {
            // Another replica has told them.
            return Ok(End::RollBack(()));
        };
        let (first, last, count) = (*first, *last, cases.len());
        let flows: Vec<String> = cases
            .into_iter()
            .map(|(_, flow)| flow)
            .filter(|flow| !flow.is_empty())
            .take(NAMED)
            .collect();
        for to in &self.to {
            let digest = Digest {
                reason: reason.to_owned(),
                count,
                flows: flows.clone(),
                first,
                last,
                to: to.clone(),
            };
            add(tx, &self.shop, "digest", &Content::Digest(digest), now).await?;
        }
        Ok(End::Commit(()))
    }
}

/// Adds a mail that no flow announced, due at once.
pub(super) async fn add<T: Tx>(
    tx: &mut T,
    shop: &ShopId,
    kind: &'static str,
    content: &Content,
    now: At,
) -> Result<(), DbError> {
    let body =
        serde_json::to_string(content).map_err(|error| DbError::Failed(error.to_string()))?;
    let row =
        values![ids::flow(now), 0_i64, shop.as_str(), kind, body, now, Some(now), None::<&str>];
    tx.run(&[Statement { sql: sql::OUTBOX_ADD, values: row.to_vec() }]).await?;
    Ok(())
}

/// Gathers waiting alerts into one mail for each admin and reason, at most once in an hour.
pub async fn gather_alerts(database: &Database, to: &[String], now: At) -> Result<(), StoreError> {
    if to.is_empty() {
        return Ok(());
    }
    for line in database.read(ALERTED, vec![]).await? {
        let (shop, reason) = (ShopId(line.text(0)?.to_owned()), line.text(1)?.to_owned());
        database.write(Gather { shop, reason, to: to.to_vec(), now }).await?;
    }
    Ok(())
}

/// Newest first.
pub async fn list(
    database: &Database,
    shop: &ShopId,
    standing: Option<Standing>,
    before: Option<Before>,
    most: usize,
) -> Result<Vec<Mail>, StoreError> {
    let before = match before {
        None => (At(i64::MAX), FlowId(uuid::Uuid::max())),
        Some(before) => {
            let id = MailId::parse(&before.key).map(|mail| mail.id);
            (before.at, id.ok_or_else(|| StoreError("not a mail's number".to_owned()))?)
        }
    };
    let condition = standing.map_or("1 = 1", Standing::condition);
    let sql = format!(
        "SELECT {} FROM outbox WHERE shop = ?1 AND kind <> 'alert' AND (created_at, id) < (?2, ?3) \
         AND {condition} ORDER BY created_at DESC, id DESC LIMIT ?4",
        columns!()
    );
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let values: Vec<Value<'static>> = values![shop.0.clone(), before.0, before.1, most].to_vec();
    let lines = database.read(sql, values).await?;
    Ok(lines.iter().map(read).collect::<Result<_, _>>()?)
}

/// The mail of that number.
pub async fn find(
    database: &Database,
    shop: &ShopId,
    id: MailId,
) -> Result<Option<Mail>, StoreError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM outbox WHERE id = ?2 AND seq = ?3 AND kind <> 'alert' AND shop = ?1"
    );
    let lines = database.read(sql, values![shop.0.clone(), id.id, id.seq].to_vec()).await?;
    Ok(lines.first().map(read).transpose()?)
}

/// What is under way already is not sent twice.
const RESEND: &str = "UPDATE outbox SET due_at = ?4, sent_at = NULL, dead_at = NULL, \
    attempts = 0, resends = resends + 1, last_error = NULL \
    WHERE shop = ?1 AND id = ?2 AND seq = ?3 AND kind <> 'alert' AND due_at IS NULL";

struct Resend {
    id: MailId,
    entry: audit::Entry,
}

impl Work for Resend {
    type Output = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<bool>, DbError> {
        let (shop, at) = (self.entry.shop.as_str(), self.entry.at);
        let values = values![shop, self.id.id, self.id.seq, at].to_vec();
        if tx.run(&[Statement { sql: RESEND, values }]).await? == 0 {
            return Ok(End::RollBack(false));
        }
        tx.run(&[audit::statement(&self.entry)]).await?;
        Ok(End::Commit(true))
    }
}

/// Has a mail sent again that was sent or given up; false where it is on its way already.
pub async fn resend(
    database: &Database,
    id: MailId,
    entry: audit::Entry,
) -> Result<bool, StoreError> {
    database.write(Resend { id, entry }).await
}
