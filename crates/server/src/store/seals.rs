//! The audit log's chain: stretches of rows, each sealed with a digest of its rows and of the seal
//! before it. A row that is changed, removed or put in afterwards no longer fits its seal; a seal
//! that is changed no longer fits the next one; and who rewrites them all no longer fits what was
//! written down outside the database.

use super::{
    Database,
    tx::{DbError, End, Line, Statement, Tx, Value, Work, values},
};
use domain::{At, FlowId, ShopId};
use engine::store::StoreError;
use sha2::{Digest, Sha256};
use std::{collections::HashSet, time::Duration};

/// Rows of this age are sealed: whoever wrote one has long committed it.
pub const SETTLED: Duration = Duration::from_secs(5 * 60);
/// The most rows under one seal.
const MOST: i64 = 500;
/// Of each row's digest so much is kept, to tell which row does not fit.
const MARK: usize = 8;

/// A stretch of the log: the rows after the seal before it, up to a row, that one included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// From 1, without a gap.
    pub seq: i64,
    pub until: (At, FlowId),
    pub entries: i64,
    /// SHA-256, in hexadecimal digits.
    pub digest: String,
    marks: Vec<u8>,
}

const ROWS: &str = "SELECT at, id, shop, actor_kind, actor_id, actor_name, role, act, subject, \
    detail, reason, note, origin, flow FROM audit \
    WHERE shop = ?1 AND (at, id) > (?2, ?3) AND at < ?4 ORDER BY at, id LIMIT ?5";
const WITHIN: &str = "SELECT at, id, shop, actor_kind, actor_id, actor_name, role, act, subject, \
    detail, reason, note, origin, flow FROM audit \
    WHERE shop = ?1 AND (at, id) > (?2, ?3) AND (at, id) <= (?4, ?5) ORDER BY at, id";
const SEALS: &str = "SELECT seq, until_at, until_id, entries, digest, marks FROM audit_seal \
    WHERE shop = ?1 AND seq > ?2 ORDER BY seq LIMIT 1";
const LAST: &str = "SELECT seq, until_at, until_id, entries, digest, marks FROM audit_seal \
    WHERE shop = ?1 ORDER BY seq DESC LIMIT 1";
const ADD: &str = "INSERT INTO audit_seal \
    (shop, seq, until_at, until_id, entries, digest, marks, sealed_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";

fn seal(line: &Line) -> Result<Seal, DbError> {
    Ok(Seal {
        seq: line.int(0)?,
        until: (line.at(1)?, line.flow(2)?),
        entries: line.int(3)?,
        digest: line.text(4)?.to_owned(),
        marks: line.bytes(5)?.to_vec(),
    })
}

async fn one(
    database: &Database,
    sql: &'static str,
    values: Vec<Value<'static>>,
) -> Result<Option<Seal>, StoreError> {
    Ok(database.read(sql, values).await?.first().map(seal).transpose()?)
}

/// Before the first row of all.
const START: (At, FlowId) = (At(i64::MIN), FlowId(uuid::Uuid::nil()));

/// What the rows come to, behind the seal before them.
fn digest(before: Option<&Seal>, rows: &[Line]) -> (String, Vec<u8>) {
    let mut chain = Sha256::new();
    chain.update(before.map_or("", |seal| seal.digest.as_str()));
    let mut marks = Vec::with_capacity(rows.len() * MARK);
    for row in rows {
        let hash = row.digest();
        chain.update(hash);
        marks.extend(hash.iter().take(MARK));
    }
    let digest = chain.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    (digest, marks)
}

struct Add {
    shop: ShopId,
    seal: Seal,
    now: At,
}

impl Work for Add {
    type Output = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<bool>, DbError> {
        let Seal { seq, until, entries, digest, marks } = &self.seal;
        let values = values![
            self.shop.as_str(),
            *seq,
            until.0,
            until.1,
            *entries,
            digest.as_str(),
            Value::Blob(marks.into()),
            self.now,
        ];
        let added = tx.run(&[Statement { sql: ADD, values: values.to_vec() }]).await?;
        Ok(End::Commit(added == 1))
    }
}

/// Seals what has settled by now, a stretch at a time. `None`: nothing was left to seal, or another
/// process sealed it.
pub async fn next(database: &Database, shop: &ShopId, now: At) -> Result<Option<Seal>, StoreError> {
    let last = one(database, LAST, values![shop.0.clone()].to_vec()).await?;
    let from = last.as_ref().map_or(START, |seal| seal.until);
    let settled = At(now.0 - i64::try_from(SETTLED.as_micros()).unwrap_or(0));
    let values = values![shop.0.clone(), from.0, from.1, settled, MOST].to_vec();
    let rows = database.read(ROWS, values).await?;
    let Some(end) = rows.last() else { return Ok(None) };
    let (digest, marks) = digest(last.as_ref(), &rows);
    let seal = Seal {
        seq: last.map_or(0, |seal| seal.seq) + 1,
        until: (end.at(0)?, end.flow(1)?),
        entries: i64::try_from(rows.len()).unwrap_or(MOST),
        digest,
        marks,
    };
    let added = database.write(Add { shop: shop.clone(), seal: seal.clone(), now }).await?;
    Ok(added.then_some(seal))
}

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Not what was sealed: changed, or put in afterwards.
    Alien { seal: i64, id: FlowId, at: At, act: String, subject: String },
    /// So many sealed rows are not there as they were: changed, or removed.
    Lost { seal: i64, from: Option<At>, until: At, rows: usize },
    /// All rows fit, and the digest does not: this seal or the one before it was changed.
    Broken { seal: i64 },
    /// A seal is missing here.
    Gap { seal: i64 },
}

/// How far the log is proven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    pub seals: i64,
    pub entries: i64,
    pub findings: Vec<Finding>,
}

/// Reads the whole log against its seals, in constant memory. `each` hears of every seal.
///
/// # Errors
/// Where the database does not answer.
pub async fn verify(
    database: &Database,
    shop: &ShopId,
    mut each: impl FnMut(&Seal),
) -> Result<Proof, StoreError> {
    let mut proof = Proof::default();
    let mut before: Option<Seal> = None;
    loop {
        let seq = before.as_ref().map_or(0, |seal| seal.seq);
        let Some(seal) = one(database, SEALS, values![shop.0.clone(), seq].to_vec()).await? else {
            return Ok(proof);
        };
        if seal.seq != seq + 1 {
            proof.findings.push(Finding::Gap { seal: seq + 1 });
        }
        let from = before.as_ref().map_or(START, |seal| seal.until);
        let (at, id) = seal.until;
        let values = values![shop.0.clone(), from.0, from.1, at, id].to_vec();
        let rows = database.read(WITHIN, values).await?;
        proof.findings.extend(findings(before.as_ref(), &seal, &rows)?);
        proof.seals += 1;
        proof.entries += seal.entries;
        each(&seal);
        before = Some(seal);
    }
}

fn findings(before: Option<&Seal>, seal: &Seal, rows: &[Line]) -> Result<Vec<Finding>, DbError> {
    let (digest, marks) = digest(before, rows);
    if digest == seal.digest && marks == seal.marks {
        return Ok(vec![]);
    }
    let sealed: HashSet<&[u8]> = seal.marks.chunks(MARK).collect();
    let there: HashSet<&[u8]> = marks.chunks(MARK).collect();
    let mut found = Vec::new();
    for (row, mark) in rows.iter().zip(marks.chunks(MARK)) {
        if !sealed.contains(mark) {
            found.push(Finding::Alien {
                seal: seal.seq,
                id: row.flow(1)?,
                at: row.at(0)?,
                act: row.text(7)?.to_owned(),
                subject: row.text(8)?.to_owned(),
            });
        }
    }
    let lost = seal.marks.chunks(MARK).filter(|mark| !there.contains(mark)).count();
    if lost > 0 {
        let from = before.map(|seal| seal.until.0);
        found.push(Finding::Lost { seal: seal.seq, from, until: seal.until.0, rows: lost });
    }
    if found.is_empty() {
        found.push(Finding::Broken { seal: seal.seq });
    }
    Ok(found)
}

/// Rows that no seal covers yet.
pub async fn unsealed(database: &Database, shop: &ShopId) -> Result<i64, StoreError> {
    let last = one(database, LAST, values![shop.0.clone()].to_vec()).await?;
    let (at, id) = last.map_or(START, |seal| seal.until);
    let sql = "SELECT count(*) FROM audit WHERE shop = ?1 AND (at, id) > (?2, ?3)";
    let lines = database.read(sql, values![shop.0.clone(), at, id].to_vec()).await?;
    Ok(lines.first().map_or(Ok(0), |line| line.int(0))?)
}
