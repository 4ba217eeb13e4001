//! Runs over many coupons or orders: what is to be done, who has it in hand, and what came of each
//! row. A row's result is written whoever holds the job by then: it is true all the same.

mod standing;

pub use standing::{State, Status};

use super::{
    Database, audit,
    leases::LEASE,
    reads::Before,
    tx::{DbError, Dialect, End, Line, Statement, Tx, Work, values},
};
use domain::{Actor, At, FlowId, ShopId};
use engine::store::{Request, StoreError};
use std::collections::BTreeMap;

/// A run over many rows.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: FlowId,
    pub shop: ShopId,
    /// What is done with each row, such as `cancel_coupons`.
    pub kind: String,
    pub state: State,
    /// Nothing is changed: each row says whether it could be.
    pub dry_run: bool,
    /// What the kind needs to know, as JSON.
    pub body: String,
    pub staff: i64,
    pub staff_name: String,
    pub total: i64,
    /// Rows that nothing more is done with.
    pub done: i64,
    /// Why it paused by itself: a problem's code.
    pub problem: Option<String>,
    pub created_at: At,
    pub finished_at: Option<At>,
    pub epoch: i64,
}

impl Job {
    pub fn by(&self) -> Actor {
        Actor::Staff { id: self.staff, name: self.staff_name.clone() }
    }
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// From 1, as they were given.
    pub nth: i64,
    /// A code, an order.
    pub subject: String,
    pub status: Status,
    /// Why it failed: a problem's code.
    pub problem: Option<String>,
    /// Points that came back, or would.
    pub points: Option<i64>,
    pub flow: Option<FlowId>,
    pub tries: i64,
    /// What is chosen for this row alone, as JSON of its kind.
    pub wish: Option<String>,
    /// What came of it beside the points, or would, as JSON of its kind.
    pub told: Option<String>,
}

const JOB: &str = "id, shop, kind, state, dry_run, body, staff, staff_name, total, done, problem, \
    created_at, finished_at, epoch";

fn job(line: &Line) -> Result<Job, DbError> {
    Ok(Job {
        id: line.flow(0)?,
        shop: ShopId(line.text(1)?.to_owned()),
        kind: line.text(2)?.to_owned(),
        state: State::parse(line.text(3)?)?,
        dry_run: line.int(4)? == 1,
        body: line.text(5)?.to_owned(),
        staff: line.int(6)?,
        staff_name: line.text(7)?.to_owned(),
        total: line.int(8)?,
        done: line.int(9)?,
        problem: line.maybe_text(10)?.map(str::to_owned),
        created_at: line.at(11)?,
        finished_at: line.maybe_at(12)?,
        epoch: line.int(13)?,
    })
}

const ROW: &str = "nth, subject, status, problem, points, flow, tries, wish, told";

fn row(line: &Line) -> Result<JobRow, DbError> {
    let status = Status::parse(line.text(2)?);
    Ok(JobRow {
        nth: line.int(0)?,
        subject: line.text(1)?.to_owned(),
        status: status.ok_or_else(|| DbError::Failed("a row's status".to_owned()))?,
        problem: line.maybe_text(3)?.map(str::to_owned),
        points: line.maybe_int(4)?,
        flow: if line.is_null(5) { None } else { Some(line.flow(5)?) },
        tries: line.int(6)?,
        wish: line.maybe_text(7)?.map(str::to_owned),
        told: line.maybe_text(8)?.map(str::to_owned),
    })
}

/// A row to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// A code, an order.
    pub name: String,
    /// What is chosen for this row alone, as JSON of its kind.
    pub wish: Option<String>,
}

impl From<String> for Subject {
    fn from(name: String) -> Self {
        Self { name, wish: None }
    }
}

/// A job to begin.
#[derive(Clone, Debug)]
pub struct New {
    pub kind: &'static str,
    pub dry_run: bool,
    /// What the kind needs to know, as JSON.
    pub body: String,
    pub staff: i64,
    pub staff_name: String,
    pub request: Request,
    /// At least one; each once.
    pub subjects: Vec<Subject>,
    /// That it began: its number, shop and moment are the job's.
    pub entry: audit::Entry,
}

/// What came of the wish to begin.
#[derive(Clone, Debug)]
pub enum Begun {
    Started(Job),
    /// The key has begun this one already.
    Known(Job),
    KeyReused,
}

const ADD: &str = "INSERT INTO job (id, shop, kind, state, dry_run, body, staff, staff_name, \
    request_key, fingerprint, total, done, created_at, due_at, epoch) \
    VALUES (?1, ?2, ?3, 'running', ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11, ?11, 1) \
    ON CONFLICT (shop, staff, request_key) DO NOTHING";

const ADD_ROW: &str = "INSERT INTO job_row (job, nth, subject, status, tries, try_at, wish) \
    VALUES (?1, ?2, ?3, 'waiting', 0, ?4, ?5)";

/// So many rows are sent to the database in one go.
const AT_ONCE: usize = 500;

impl Work for New {
    type Output = Begun;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<Begun>, DbError> {
        let audit::Entry { id, shop, at, .. } = &self.entry;
        let total = i64::try_from(self.subjects.len()).unwrap_or(i64::MAX);
        let values = values![
            *id,
            shop.as_str(),
            self.kind,
            self.dry_run,
            self.body.as_str(),
            self.staff,
            self.staff_name.as_str(),
            self.request.key.as_str(),
            self.request.fingerprint.as_str(),
            total,
            *at,
        ];
        if tx.run(&[Statement { sql: ADD, values: values.to_vec() }]).await? == 0 {
            let sql = format!(
                "SELECT {JOB}, fingerprint FROM job \
                 WHERE shop = ?1 AND staff = ?2 AND request_key = ?3"
            );
            let key = values![shop.as_str(), self.staff, self.request.key.as_str()];
            let line = tx.row(&sql, &key).await?;
            let line = line.ok_or_else(|| DbError::Conflict("the key's job".to_owned()))?;
            let same = line.text(14)? == self.request.fingerprint;
            return Ok(End::RollBack(if same {
                Begun::Known(job(&line)?)
            } else {
                Begun::KeyReused
            }));
        }
        for (part, subjects) in self.subjects.chunks(AT_ONCE).enumerate() {
            let first = part * AT_ONCE + 1;
            let statements: Vec<Statement<'_>> = subjects
                .iter()
                .zip(first..)
                .map(|(subject, nth)| {
                    let nth = i64::try_from(nth).unwrap_or(i64::MAX);
                    let (name, wish) = (subject.name.as_str(), subject.wish.as_deref());
                    Statement { sql: ADD_ROW, values: values![*id, nth, name, *at, wish].to_vec() }
                })
                .collect();
            tx.run(&statements).await?;
        }
        tx.run(&[audit::statement(&self.entry)]).await?;
        let line = tx.row(&format!("SELECT {JOB} FROM job WHERE id = ?1"), &values![*id]).await?;
        let line = line.ok_or_else(|| DbError::Failed("the job is not there".to_owned()))?;
        Ok(End::Commit(Begun::Started(job(&line)?)))
    }
}

/// Begins a job, or finds the one that the key began.
pub async fn begin(database: &Database, new: New) -> Result<Begun, StoreError> {
    database.write(new).await
}

/// The shop's job of that number.
pub async fn find(
    database: &Database,
    shop: &ShopId,
    id: FlowId,
) -> Result<Option<Job>, StoreError> {
    let sql = format!("SELECT {JOB} FROM job WHERE shop = ?1 AND id = ?2");
    let lines = database.read(sql, values![shop.0.clone(), id].to_vec()).await?;
    Ok(lines.first().map(job).transpose()?)
}

/// Newest first.
pub async fn list(
    database: &Database,
    shop: &ShopId,
    before: Option<Before>,
    most: usize,
) -> Result<Vec<Job>, StoreError> {
    let (at, id) = match before {
        None => (At(i64::MAX), FlowId(uuid::Uuid::max())),
        Some(Before { at, key }) => {
            let id = FlowId::parse(&key);
            (at, id.ok_or_else(|| StoreError("not a job's number".to_owned()))?)
        }
    };
    let sql = format!(
        "SELECT {JOB} FROM job WHERE shop = ?1 AND (created_at, id) < (?2, ?3) \
         ORDER BY created_at DESC, id DESC LIMIT ?4"
    );
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let lines = database.read(sql, values![shop.0.clone(), at, id, most].to_vec()).await?;
    Ok(lines.iter().map(job).collect::<Result<_, _>>()?)
}

/// The rows after the `nth`, in order; all of them or those of one status.
pub async fn rows(
    database: &Database,
    id: FlowId,
    status: Option<Status>,
    after: i64,
    most: usize,
) -> Result<Vec<JobRow>, StoreError> {
    let sql = format!(
        "SELECT {ROW} FROM job_row WHERE job = ?1 AND nth > ?2 AND (?3 = '' OR status = ?3) \
         ORDER BY nth LIMIT ?4"
    );
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let status = status.map_or("", Status::as_str);
    let lines = database.read(sql, values![id, after, status, most].to_vec()).await?;
    Ok(lines.iter().map(row).collect::<Result<_, _>>()?)
}

/// How many rows stand where. Each status is there.
pub async fn counts(database: &Database, id: FlowId) -> Result<BTreeMap<Status, i64>, StoreError> {
    let sql = "SELECT status, count(*) FROM job_row WHERE job = ?1 GROUP BY status";
    let mut counts: BTreeMap<Status, i64> = Status::ALL.map(|status| (status, 0)).into();
    for line in database.read(sql, values![id].to_vec()).await? {
        if let Some(status) = Status::parse(line.text(0)?) {
            counts.insert(status, line.int(1)?);
        }
    }
    Ok(counts)
}

/// Where only one process can be alive, what a dead one held is due. What only waits is looked at
/// too early, which does no harm.
pub const RECLAIM: &str = "UPDATE job SET due_at = ?1 WHERE due_at > ?1 AND due_at <= ?2";

const NEXT_DUE: &str = "SELECT min(due_at) FROM job WHERE due_at IS NOT NULL";

struct Claim {
    now: At,
    until: At,
}

impl Work for Claim {
    type Output = Option<Job>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<Option<Job>>, DbError> {
        let beside = match T::DIALECT {
            Dialect::Sqlite => "",
            Dialect::Postgres => "FOR UPDATE SKIP LOCKED",
        };
        let sql = format!(
            "UPDATE job SET due_at = ?2, epoch = epoch + 1 WHERE id IN (SELECT id FROM job \
             WHERE due_at IS NOT NULL AND due_at <= ?1 ORDER BY due_at LIMIT 1 {beside}) \
             RETURNING {JOB}"
        );
        let line = tx.row(&sql, &values![self.now, self.until]).await?;
        Ok(End::Commit(line.as_ref().map(job).transpose()?))
    }
}

/// Takes the job that has waited longest; until the lease is over nobody else gets it.
pub async fn claim(database: &Database, now: At) -> Result<Option<Job>, StoreError> {
    // Looked at beside the writers first, so that an idle service writes nothing.
    let due = database.read(NEXT_DUE, vec![]).await?;
    let due = due.first().map(|line| line.maybe_at(0)).transpose()?.flatten();
    if due.is_none_or(|at| at > now) {
        return Ok(None);
    }
    database.write(Claim { now, until: now.plus(LEASE) }).await
}

/// The rows to go on with now.
pub async fn due_rows(
    database: &Database,
    id: FlowId,
    now: At,
    most: i64,
) -> Result<Vec<JobRow>, StoreError> {
    let sql = format!(
        "SELECT {ROW} FROM job_row WHERE job = ?1 AND try_at IS NOT NULL AND try_at <= ?2 \
         ORDER BY try_at, nth LIMIT ?3"
    );
    let lines = database.read(sql, values![id, now, most].to_vec()).await?;
    Ok(lines.iter().map(row).collect::<Result<_, _>>()?)
}

/// A row as it stands after an attempt.
#[derive(Clone, Debug)]
pub struct Settled {
    /// `tries` counts the attempt.
    pub row: JobRow,
    /// When it is looked at again; `None`: nothing more is done with it.
    pub try_at: Option<At>,
}

struct Settle {
    job: Job,
    settled: Vec<Settled>,
    now: At,
}

/// What is settled stays so: a process that slept past its lease brings old news.
const SET_ROW: &str = "UPDATE job_row SET status = ?3, problem = ?4, points = ?5, flow = ?6, \
    tries = ?7, try_at = ?8, told = ?9 WHERE job = ?1 AND nth = ?2 AND try_at IS NOT NULL";

const DONE: &str = "UPDATE job SET done = done + ?2 WHERE id = ?1";

const NEXT_TRY: &str = "SELECT min(try_at) FROM job_row WHERE job = ?1 AND try_at IS NOT NULL";

const LAY_DOWN: &str = "UPDATE job SET due_at = ?3 WHERE id = ?1 AND epoch = ?2";

const COMPLETE: &str = "UPDATE job SET state = 'completed', due_at = NULL, finished_at = ?3 \
    WHERE id = ?1 AND epoch = ?2";

impl Work for Settle {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let (id, epoch) = (self.job.id, self.job.epoch);
        let mut done = 0;
        for Settled { row, try_at } in &self.settled {
            let values = values![
                id,
                row.nth,
                row.status.as_str(),
                row.problem.as_deref(),
                row.points,
                row.flow,
                row.tries,
                *try_at,
                row.told.as_deref(),
            ];
            let set = tx.run(&[Statement { sql: SET_ROW, values: values.to_vec() }]).await?;
            done += i64::from(set == 1 && try_at.is_none());
        }
        tx.run(&[Statement { sql: DONE, values: values![id, done].to_vec() }]).await?;
        let next = tx.row(NEXT_TRY, &values![id]).await?;
        let next = next.map(|line| line.maybe_at(0)).transpose()?.flatten();
        let (sql, at) = match next {
            // Behind the others that are due now.
            Some(at) => (LAY_DOWN, at.max(self.now)),
            None => (COMPLETE, self.now),
        };
        // Nothing is changed where it was paused meanwhile, or is in other hands.
        tx.run(&[Statement { sql, values: values![id, epoch, at].to_vec() }]).await?;
        Ok(End::Commit(()))
    }
}

/// Writes down what came of some rows, and lays the job down: until its next row is due, or for
/// good where there is none.
pub async fn settle(
    database: &Database,
    job: Job,
    settled: Vec<Settled>,
    now: At,
) -> Result<(), StoreError> {
    database.write(Settle { job, settled, now }).await
}

struct Turn {
    shop: ShopId,
    id: FlowId,
    to: State,
    problem: Option<&'static str>,
    entry: audit::Entry,
}

const PAUSE: &str = "UPDATE job SET state = 'paused', due_at = NULL, epoch = epoch + 1, \
    problem = ?3 WHERE shop = ?1 AND id = ?2 AND state = 'running'";

const RESUME: &str = "UPDATE job SET state = 'running', due_at = ?3, epoch = epoch + 1, \
    problem = NULL WHERE shop = ?1 AND id = ?2 AND state = 'paused'";

impl Work for Turn {
    type Output = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<bool>, DbError> {
        let (shop, id) = (self.shop.as_str(), self.id);
        let turn = match self.to {
            State::Running => {
                Statement { sql: RESUME, values: values![shop, id, self.entry.at].to_vec() }
            }
            State::Paused | State::Completed => {
                Statement { sql: PAUSE, values: values![shop, id, self.problem].to_vec() }
            }
        };
        match tx.run(&[turn, audit::statement(&self.entry)]).await? {
            2 => Ok(End::Commit(true)),
            _ => Ok(End::RollBack(false)),
        }
    }
}

/// Stops a running job before its next row; false where it does not run. With a `problem`, it
/// paused by itself.
pub async fn pause(
    database: &Database,
    shop: &ShopId,
    id: FlowId,
    problem: Option<&'static str>,
    entry: audit::Entry,
) -> Result<bool, StoreError> {
    database.write(Turn { shop: shop.clone(), id, to: State::Paused, problem, entry }).await
}

/// Lets a paused job go on; false where it is not paused.
pub async fn resume(
    database: &Database,
    shop: &ShopId,
    id: FlowId,
    entry: audit::Entry,
) -> Result<bool, StoreError> {
    database.write(Turn { shop: shop.clone(), id, to: State::Running, problem: None, entry }).await
}
