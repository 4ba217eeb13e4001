//! Runs that compare the books: one at a time a shop, gone on with by whoever claims it.

use super::{
    Database, audit,
    tx::{DbError, Dialect, End, Line, Statement, Tx, Work, number, values},
};
use crate::reconcile::{Difference, Kind, Part, Phase, Place};
use domain::{At, CustomerId, FlowId, ShopId};
use engine::store::StoreError;
use std::{collections::BTreeMap, time::Duration};

/// A run, as it stands.
#[derive(Clone, Debug)]
pub struct Run {
    pub id: FlowId,
    pub shop: ShopId,
    /// `running`, `completed` or `failed`.
    pub state: String,
    /// What was issued or moved at this moment or later is compared.
    pub since: At,
    pub started_by: String,
    pub started_at: At,
    pub finished_at: Option<At>,
    pub place: Place,
    /// How many were looked at.
    pub coupons: i64,
    pub movements: i64,
    pub discounts: i64,
    pub customers: i64,
    pub findings: i64,
    /// False where the points book cannot look movements up.
    pub points_compared: bool,
    /// Why it failed.
    pub problem: Option<String>,
    /// How often the same part could not be compared.
    pub tries: i64,
    pub epoch: i64,
}

/// A finding, as it was kept.
#[derive(Clone, Debug)]
pub struct Finding {
    pub nth: i64,
    pub book: String,
    pub kind: Option<Kind>,
    pub subject: String,
    pub customer: Option<CustomerId>,
    pub here: Option<String>,
    pub there: Option<String>,
}

/// No run keeps more findings: where all differs, the first ones say enough.
pub const MOST_KEPT: i64 = 10_000;
/// So many runs of a shop are kept, with what they found.
const RUNS_KEPT: i64 = 10;
/// Longer than a part takes where a peer answers slowly.
pub const LEASE: Duration = Duration::from_secs(600);

const RUN: &str = "id, shop, state, since, started_by, started_at, finished_at, phase, place, \
    coupons, movements, discounts, customers, findings, points_compared, problem, tries, epoch";

fn run(line: &Line) -> Result<Run, DbError> {
    let phase = Phase::parse(line.text(7)?);
    let phase = phase.ok_or_else(|| DbError::Failed("a phase of a newer version".to_owned()))?;
    Ok(Run {
        id: line.flow(0)?,
        shop: ShopId(line.text(1)?.to_owned()),
        state: line.text(2)?.to_owned(),
        since: line.at(3)?,
        started_by: line.text(4)?.to_owned(),
        started_at: line.at(5)?,
        finished_at: line.maybe_at(6)?,
        place: Place { phase, after: line.text(8)?.to_owned() },
        coupons: line.int(9)?,
        movements: line.int(10)?,
        discounts: line.int(11)?,
        customers: line.int(12)?,
        findings: line.int(13)?,
        points_compared: line.int(14)? == 1,
        problem: line.maybe_text(15)?.map(str::to_owned),
        tries: line.int(16)?,
        epoch: line.int(17)?,
    })
}

/// The shop's last run.
pub async fn last(database: &Database, shop: &ShopId) -> Result<Option<Run>, StoreError> {
    let sql = format!(
        "SELECT {RUN} FROM reconciliation WHERE shop = ?1 ORDER BY started_at DESC, id DESC LIMIT 1"
    );
    let lines = database.read(sql, values![shop.0.clone()].to_vec()).await?;
    Ok(lines.first().map(run).transpose()?)
}

/// A run to begin; its number, shop and moment are the entry's.
struct Begin {
    since: At,
    points_compared: bool,
    entry: audit::Entry,
}

const ADD: &str = "INSERT INTO reconciliation (id, shop, state, since, started_by, started_at, \
    phase, place, points_compared, due_at, epoch) \
    VALUES (?1, ?2, 'running', ?3, ?4, ?5, ?6, '', ?7, ?5, 1) ON CONFLICT DO NOTHING";

const OLD: &str = "SELECT id FROM reconciliation WHERE shop = ?1 AND state <> 'running' \
    ORDER BY started_at DESC, id DESC LIMIT 1000 OFFSET ?2";

impl Work for Begin {
    type Output = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<bool>, DbError> {
        let audit::Entry { id, shop, at, by, .. } = &self.entry;
        let by = by.name().unwrap_or_else(|| by.kind());
        let start = Place::START;
        let phase = start.phase.as_str();
        let values = values![*id, shop.as_str(), self.since, by, *at, phase, self.points_compared];
        if tx.run(&[Statement { sql: ADD, values: values.to_vec() }]).await? == 0 {
            return Ok(End::RollBack(false));
        }
        let mut statements = vec![audit::statement(&self.entry)];
        for line in &tx.rows(OLD, &values![shop.as_str(), RUNS_KEPT]).await? {
            let old = line.flow(0)?;
            for sql in [
                "DELETE FROM reconciliation_finding WHERE run = ?1",
                "DELETE FROM reconciliation WHERE id = ?1",
            ] {
                statements.push(Statement { sql, values: values![old].to_vec() });
            }
        }
        tx.run(&statements).await?;
        Ok(End::Commit(true))
    }
}

/// Begins a run, where none of the shop's is under way. Whether it did.
pub async fn begin(
    database: &Database,
    since: At,
    points_compared: bool,
    entry: audit::Entry,
) -> Result<bool, StoreError> {
    database.write(Begin { since, points_compared, entry }).await
}

const NEXT_DUE: &str = "SELECT min(due_at) FROM reconciliation WHERE due_at IS NOT NULL";

/// Where only one process can be alive, what a dead one held is due.
pub const RECLAIM: &str =
    "UPDATE reconciliation SET due_at = ?1 WHERE due_at > ?1 AND due_at <= ?2";

struct Claim {
    now: At,
    until: At,
}

impl Work for Claim {
    type Output = Option<Run>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<Option<Run>>, DbError> {
        let beside = match T::DIALECT {
            Dialect::Sqlite => "",
            Dialect::Postgres => "FOR UPDATE SKIP LOCKED",
        };
        let sql = format!(
            "UPDATE reconciliation SET due_at = ?2, epoch = epoch + 1 WHERE id IN \
             (SELECT id FROM reconciliation WHERE due_at IS NOT NULL AND due_at <= ?1 \
             ORDER BY due_at LIMIT 1 {beside}) RETURNING {RUN}"
        );
        let line = tx.row(&sql, &values![self.now, self.until]).await?;
        Ok(End::Commit(line.as_ref().map(run).transpose()?))
    }
}

/// Takes the run that has waited longest; until the lease is over nobody else gets it.
pub async fn claim(database: &Database, now: At) -> Result<Option<Run>, StoreError> {
    // Looked at beside the writers first, so that an idle service writes nothing.
    let due = database.read(NEXT_DUE, vec![]).await?;
    let due = due.first().map(|line| line.maybe_at(0)).transpose()?.flatten();
    if due.is_none_or(|at| at > now) {
        return Ok(None);
    }
    database.write(Claim { now, until: now.plus(LEASE) }).await
}

struct Keep {
    run: Run,
    part: Part,
    now: At,
}

/// Nothing where another process has the run now.
const MOVE: &str = "UPDATE reconciliation SET phase = ?3, place = ?4, coupons = coupons + ?5, \
    movements = movements + ?6, discounts = discounts + ?7, customers = customers + ?8, \
    findings = findings + ?9, tries = 0, due_at = ?10, state = ?11, finished_at = ?12 \
    WHERE id = ?1 AND epoch = ?2";

const ADD_FINDING: &str = "INSERT INTO reconciliation_finding (run, nth, book, kind, subject, \
    customer, here, there) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

impl Work for Keep {
    type Output = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<bool>, DbError> {
        let Self { run, part, now } = self;
        let count = i64::try_from(part.compared).unwrap_or(i64::MAX);
        let of = |phase: Phase| if run.place.phase == phase { count } else { 0 };
        let found = i64::try_from(part.differences.len()).unwrap_or(i64::MAX);
        let place = part.next.as_ref().unwrap_or(&run.place);
        let ended = part.next.is_none();
        let values = values![
            run.id,
            run.epoch,
            place.phase.as_str(),
            place.after.as_str(),
            of(Phase::Coupons),
            of(Phase::Movements),
            of(Phase::Discounts),
            of(Phase::Metafields),
            found,
            if ended { None } else { Some(*now) },
            if ended { "completed" } else { "running" },
            if ended { Some(*now) } else { None },
        ];
        if tx.run(&[Statement { sql: MOVE, values: values.to_vec() }]).await? == 0 {
            return Ok(End::RollBack(false));
        }
        let room = usize::try_from(MOST_KEPT - run.findings).unwrap_or(0);
        let mut statements = Vec::new();
        for (difference, nth) in part.differences.iter().take(room).zip(run.findings + 1..) {
            let Difference { book, kind, subject, customer, here, there } = difference;
            let values = values![
                run.id,
                nth,
                *book,
                kind.as_str(),
                subject.as_str(),
                customer.map(|id| number(id.0)).transpose()?,
                here.as_deref(),
                there.as_deref(),
            ];
            statements.push(Statement { sql: ADD_FINDING, values: values.to_vec() });
        }
        tx.run(&statements).await?;
        Ok(End::Commit(true))
    }
}

/// Keeps what a part found, and where to go on. False where another process has the run now.
pub async fn keep(database: &Database, run: Run, part: Part, now: At) -> Result<bool, StoreError> {
    database.write(Keep { run, part, now }).await
}

struct Postpone {
    run: Run,
    /// When the same part is tried again; `None`: not at all.
    again: Option<At>,
    problem: &'static str,
    now: At,
}

const POSTPONE: &str = "UPDATE reconciliation SET tries = tries + 1, due_at = ?3, state = ?4, \
    problem = ?5, finished_at = ?6 WHERE id = ?1 AND epoch = ?2";

impl Work for Postpone {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let failed = self.again.is_none();
        let values = values![
            self.run.id,
            self.run.epoch,
            self.again,
            if failed { "failed" } else { "running" },
            if failed { Some(self.problem) } else { None },
            if failed { Some(self.now) } else { None },
        ];
        tx.run(&[Statement { sql: POSTPONE, values: values.to_vec() }]).await?;
        Ok(End::Commit(()))
    }
}

/// The part could not be compared: it is tried again then, or the run has failed for the problem.
pub async fn postpone(
    database: &Database,
    run: Run,
    again: Option<At>,
    problem: &'static str,
    now: At,
) -> Result<(), StoreError> {
    database.write(Postpone { run, again, problem, now }).await
}

/// What the run found, in order, after the `nth`; all kinds or one.
pub async fn findings(
    database: &Database,
    id: FlowId,
    kind: Option<Kind>,
    after: i64,
    most: usize,
) -> Result<Vec<Finding>, StoreError> {
    let sql = "SELECT nth, book, kind, subject, customer, here, there FROM reconciliation_finding \
        WHERE run = ?1 AND nth > ?2 AND (?3 = '' OR kind = ?3) ORDER BY nth LIMIT ?4";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let kind = kind.map_or("", Kind::as_str);
    let lines = database.read(sql, values![id, after, kind, most].to_vec()).await?;
    let text = |line: &Line, column| line.maybe_text(column).map(|text| text.map(str::to_owned));
    let read = |line: &Line| {
        Ok(Finding {
            nth: line.int(0)?,
            book: line.text(1)?.to_owned(),
            kind: Kind::parse(line.text(2)?),
            subject: line.text(3)?.to_owned(),
            customer: if line.is_null(4) { None } else { Some(CustomerId(line.id(4)?)) },
            here: text(line, 5)?,
            there: text(line, 6)?,
        })
    };
    Ok(lines.iter().map(read).collect::<Result<_, DbError>>()?)
}

/// How many findings the run kept of each kind.
pub async fn by_kind(database: &Database, id: FlowId) -> Result<BTreeMap<Kind, i64>, StoreError> {
    let sql = "SELECT kind, count(*) FROM reconciliation_finding WHERE run = ?1 GROUP BY kind";
    let mut counts = BTreeMap::new();
    for line in database.read(sql, values![id].to_vec()).await? {
        if let Some(kind) = Kind::parse(line.text(0)?) {
            counts.insert(kind, line.int(1)?);
        }
    }
    Ok(counts)
}
