//! The journal: how flows begin, move and are claimed, each as one transaction.

mod audited;

use super::{
    Database, audit, facts, placing, reversals, rows, sql,
    tx::{DbError, Dialect, End, Line, Ran, Statement, Tx, Value, Work, number, values},
};
use async_trait::async_trait;
use audited::audited;
use domain::{At, Code, CustomerId, Flow, FlowId, Points, Problem, ShopId, coupon::Status};
use engine::store::{Begun, Commit, Committed, Guard, Request, Row, Start, Store, StoreError};
use std::{collections::BTreeMap, time::Duration};

/// Whether a transaction took place is not known when its acknowledgement is lost, so it is run
/// again until it is: it finds itself. So often, so far apart; then the flow waits for its lease
/// to end.
const PATIENCE: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

struct GiveBack {
    id: FlowId,
    epoch: i64,
    now: At,
}

impl Work for GiveBack {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let values = values![self.id, self.epoch, self.now].to_vec();
        tx.run(&[Statement { sql: sql::GIVE_BACK, values }]).await?;
        Ok(End::Commit(()))
    }
}

/// Gives leases back by their epochs. Whoever held them must not go on: nothing of theirs is taken
/// any more.
pub async fn give_back(
    database: &Database,
    held: BTreeMap<FlowId, i64>,
    now: At,
) -> Result<(), StoreError> {
    for (id, epoch) in held {
        database.write(GiveBack { id, epoch, now }).await?;
    }
    Ok(())
}

/// The flows in a database.
#[derive(Clone, Debug)]
pub struct Journal {
    database: Database,
}

impl Journal {
    pub const fn new(database: Database) -> Self {
        Self { database }
    }

    async fn one(
        &self,
        statement: &'static str,
        values: Vec<Value<'static>>,
    ) -> Result<Option<(Row, String)>, StoreError> {
        let lines = self.database.read(statement, values).await?;
        Ok(lines.first().map(rows::read).transpose()?)
    }
}

#[async_trait]
impl Store for Journal {
    async fn begin(&self, start: Start) -> Result<Begun, StoreError> {
        let id = start.id;
        let mut failures = 0;
        loop {
            let error = match self.database.write(Begin(start.clone())).await {
                // An earlier try was written, and its acknowledgement was lost.
                Ok(Begun::Known { row, .. }) if row.id == id => return Ok(Begun::Started(row)),
                Ok(begun @ Begun::Started(_)) => return Ok(begun),
                Ok(begun) if failures == 0 => return Ok(begun),
                Ok(begun) => {
                    return Ok(self.load(id).await?.map_or(begun, Begun::Started));
                }
                Err(error) => error,
            };
            failures += 1;
            if failures > PATIENCE {
                return Err(error);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        let mut failures = 0;
        loop {
            let error = match self.database.write(Apply(commit.clone())).await {
                // An earlier try was written, and its acknowledgement was lost.
                Ok(Committed::LeaseLost) if failures > 0 => {
                    let row = self.load(commit.row.id).await?;
                    let ours = row.is_some_and(|row| row == commit.row);
                    return Ok(if ours { Committed::Yes } else { Committed::LeaseLost });
                }
                Ok(committed) => return Ok(committed),
                Err(error) => error,
            };
            failures += 1;
            if failures > PATIENCE {
                return Err(error);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn claim(&self, now: At, lease: Duration, most: usize) -> Result<Vec<Row>, StoreError> {
        // Looked at beside the writers first, so that an idle service writes nothing.
        let due = self.database.read(sql::NEXT_DUE, vec![]).await?;
        let due = due.first().map(|line| line.maybe_at(0)).transpose()?.flatten();
        if due.is_none_or(|at| at > now) {
            return Ok(vec![]);
        }
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.database.write(Claim { now, until: now.plus(lease), most }).await
    }

    async fn seize(&self, id: FlowId, now: At, lease: Duration) -> Result<Option<Row>, StoreError> {
        self.database.write(Seize { id, until: now.plus(lease) }).await
    }

    async fn load(&self, id: FlowId) -> Result<Option<Row>, StoreError> {
        Ok(self.one(sql::LOAD, values![id].to_vec()).await?.map(|(row, _)| row))
    }

    async fn by_key(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        request: &Request,
    ) -> Result<Option<(Row, bool)>, StoreError> {
        let values = values![shop.0.clone(), number(customer.0)?, request.key.clone()];
        let found = self.one(sql::BY_KEY, values.to_vec()).await?;
        Ok(found.map(|(row, fingerprint)| (row, fingerprint == request.fingerprint)))
    }

    async fn credit_known(&self, shop: &ShopId, transaction: u64) -> Result<bool, StoreError> {
        let values = values![shop.0.clone(), number(transaction)?].to_vec();
        Ok(!self.database.read(reversals::CREDIT_KNOWN, values).await?.is_empty())
    }

    async fn use_of(&self, shop: &ShopId, code: &Code) -> Result<Option<String>, StoreError> {
        let values = values![shop.0.clone(), code.0.clone()].to_vec();
        let lines = self.database.read(sql::COUPON_USE, values).await?;
        let Some(line) = lines.first() else { return Ok(None) };
        Ok(line.maybe_text(0)?.map(str::to_owned))
    }
}

/// Key, guard, flow and first event: all or nothing.
struct Begin(Start);

impl Work for Begin {
    type Output = Begun;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<Begun>, DbError> {
        let start = &self.0;
        let written = Written::of(start)?;
        if let Guard::Reserve { daily_limit, balance } = &start.guard {
            return reserve(tx, start, &written, *daily_limit, *balance).await;
        }
        if let Some(by_key) = by_key(start)?
            && let Some(line) = tx.row(by_key.sql, &by_key.values).await?
        {
            return known(start, &line);
        }
        let refused = match &start.guard {
            Guard::Reserve { .. } => None,
            Guard::Take { from, to } => take(tx, start, from, *to).await?,
            Guard::Place => match start.flow.placing() {
                Some(flow) => placing::take(tx, start.id, flow, start.now).await?,
                None => return Err(foreign(start)),
            },
            Guard::Revert => match start.flow.reversal() {
                Some(flow) => reversals::take(tx, start.id, flow).await?,
                None => return Err(foreign(start)),
            },
        };
        if let Some(refused) = refused {
            return Ok(End::RollBack(refused));
        }
        tx.run(&written.statements(start)?).await?;
        Ok(End::Commit(started(start)))
    }
}

/// What a new flow's rows say beside what it was started with.
struct Written {
    body: String,
    terms: String,
    act: audit::Entry,
}

impl Written {
    fn of(start: &Start) -> Result<Self, DbError> {
        let (body, terms) = (rows::body(&start.flow)?, rows::terms(&start.flow)?);
        Ok(Self { body, terms, act: audited(start) })
    }

    /// The flow, its first event and the act.
    fn statements<'a>(&'a self, start: &'a Start) -> Result<[Statement<'a>; 3], DbError> {
        let request = start.request.as_ref();
        let added = values![
            start.id,
            start.flow.shop().as_str(),
            start.flow.kind(),
            number(start.flow.customer().0)?,
            start.flow.state_name(),
            self.body.as_str(),
            self.terms.as_str(),
            start.lease_until,
            request.map(|request| request.key.as_str()),
            request.map_or("", |request| request.fingerprint.as_str()),
            start.now,
            start.flow.terms().map(|terms| terms.code.as_str()),
            start.flow.order_id().map(|order| order.as_str()),
        ];
        let first = values![start.id, 1_i64, start.now, "accepted", None::<&str>];
        Ok([
            Statement { sql: sql::FLOW_ADD, values: added.to_vec() },
            Statement { sql: sql::EVENT_ADD, values: first.to_vec() },
            audit::statement(&self.act),
        ])
    }
}

/// Looks for the flow that the request began already.
fn by_key(start: &Start) -> Result<Option<Statement<'_>>, DbError> {
    let (shop, customer) = (start.flow.shop().as_str(), number(start.flow.customer().0)?);
    Ok(start.request.as_ref().map(|request| {
        let values = values![shop, customer, request.key.as_str()].to_vec();
        Statement { sql: sql::BY_KEY, values }
    }))
}

fn known(start: &Start, line: &Line) -> Result<End<Begun>, DbError> {
    let (row, fingerprint) = rows::read(line)?;
    let request = start.request.as_ref();
    let same_request = request.is_some_and(|request| fingerprint == request.fingerprint);
    Ok(End::RollBack(Begun::Known { row, same_request }))
}

fn started(start: &Start) -> Begun {
    Begun::Started(Row {
        id: start.id,
        flow: start.flow.clone(),
        version: 1,
        epoch: 1,
        due_at: Some(start.lease_until),
        tries: 0,
    })
}

/// A mistake in the program, never a caller's.
fn foreign(start: &Start) -> DbError {
    DbError::Failed(format!("a {} cannot begin under another flow's guard", start.flow.kind()))
}

/// Takes the day's allowance and the balance, and writes the new code and the flow down; or says
/// why not. The guards come first: whoever is refused has written nothing.
async fn reserve<T: Tx>(
    tx: &mut T,
    start: &Start,
    written: &Written,
    daily_limit: Points,
    balance: Points,
) -> Result<End<Begun>, DbError> {
    let terms = start.flow.terms().ok_or_else(|| foreign(start))?;
    let (shop, customer) = (terms.shop.as_str(), number(terms.customer.0)?);
    let (points, day) = (terms.points.get(), terms.day.to_string());
    let reserved = values![shop, customer, day.as_str(), points, daily_limit.get(), balance.get()];
    let coupon = values![
        shop,
        terms.code.as_str(),
        start.id,
        customer,
        terms.member_no.as_str(),
        points,
        terms.amount.minor,
        terms.amount.currency.code(),
        terms.created_at,
        terms.expires_at,
    ];
    let mut statements = vec![
        Statement { sql: sql::RESERVE, values: reserved.to_vec() },
        Statement { sql: sql::COUPON_ADD, values: coupon.to_vec() },
    ];
    statements.extend(written.statements(start)?);
    match tx.finish(by_key(start)?.as_ref(), &statements).await? {
        Ran::Found(line) => known(start, &line),
        Ran::Statements(0) => {
            let why = refusal(tx, start, &day, daily_limit).await?;
            Ok(End::RollBack(why))
        }
        Ran::Statements(1) => Ok(End::RollBack(Begun::DrawAgain)),
        Ran::Statements(all) if all == statements.len() => Ok(End::Commit(started(start))),
        Ran::Statements(index) => Err(DbError::Failed(format!(
            "flow {}: a statement changed nothing: {}",
            start.id, statements[index].sql
        ))),
    }
}

/// Which of the guards failed.
async fn refusal<T: Tx>(
    tx: &mut T,
    start: &Start,
    day: &str,
    daily_limit: Points,
) -> Result<Begun, DbError> {
    let terms = start.flow.terms().ok_or_else(|| foreign(start))?;
    let (shop, customer) = (terms.shop.as_str(), number(terms.customer.0)?);
    let (mut today, mut doubts) = (0, 0);
    if let Some(account) = tx.row(sql::ACCOUNT, &values![shop, customer]).await? {
        if account.text(0)? > day {
            // The earlier day's total is not kept.
            return Ok(Begun::DrawAgain);
        }
        today = if account.text(0)? == day { account.int(1)? } else { 0 };
        doubts = account.int(3)?;
    }
    Ok(Begun::Refused(if doubts > 0 {
        Problem::ConversionInDoubt
    } else if today + terms.points.get() > daily_limit.get() {
        Problem::DailyLimitExceeded
    } else {
        Problem::InsufficientPoints
    }))
}

/// Takes the coupon for an act; or says why not.
async fn take<T: Tx>(
    tx: &mut T,
    start: &Start,
    from: &[Status],
    to: Status,
) -> Result<Option<Begun>, DbError> {
    let terms = start.flow.terms().ok_or_else(|| foreign(start))?;
    let ended = match &start.flow {
        Flow::Ending(flow) => Some(flow.terms.at),
        _ => None,
    };
    let (shop, code) = (terms.shop.as_str(), terms.code.as_str());
    take_coupon(tx, &Taking { shop, code, from, to, ended }, start.id, start.now).await
}

/// A coupon that an act wants: standing in one of `from`, in `to` from then on.
pub struct Taking<'a> {
    pub shop: &'a str,
    pub code: &'a str,
    pub from: &'a [Status],
    pub to: Status,
    /// Where the act is its end.
    pub ended: Option<At>,
}

/// Takes it; or says why not.
pub async fn take_coupon<T: Tx>(
    tx: &mut T,
    of: &Taking<'_>,
    act: FlowId,
    now: At,
) -> Result<Option<Begun>, DbError> {
    let Taking { shop, code, from, to, ended } = *of;
    // Locked first: an update that waited for another act's transaction would look for open flows
    // as they were before it.
    let found = tx.locked(sql::COUPON_STATUS, &values![shop, code]).await?;
    let status = found.map(|line| line.text(0).map(Status::parse)).transpose()?.flatten();
    let status = match status {
        Some(status) if from.contains(&status) => status,
        // Used by an order that may still come to nothing, or so.
        Some(Status::Used)
            if tx.row(sql::COUPON_ACTED_ON, &values![shop, code]).await?.is_some() =>
        {
            return Ok(Some(Begun::Refused(Problem::CouponBusy)));
        }
        Some(status) => return Ok(Some(Begun::Refused(status.objection()))),
        None => return Ok(Some(Begun::Refused(Problem::CouponBusy))),
    };
    let values = values![shop, code, status.as_str(), to.as_str(), act, now, ended];
    let taken = tx.run(&[Statement { sql: sql::COUPON_TAKE, values: values.to_vec() }]).await?;
    Ok((taken == 0).then_some(Begun::Refused(Problem::CouponBusy)))
}

/// One transition: the row under its guard, the event, the facts.
struct Apply(Commit);

impl Work for Apply {
    type Output = Committed;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<Committed>, DbError> {
        let commit = &self.0;
        let row = &commit.row;
        let moved = values![
            row.id,
            row.epoch,
            row.version - 1,
            row.flow.state_name(),
            rows::body(&row.flow)?,
            row.due_at,
            row.tries,
            commit.at,
        ];
        let detail = commit.event.detail.as_deref();
        let event = values![row.id, row.version, commit.at, commit.event.name, detail];
        let mut statements = Vec::with_capacity(2 + commit.facts.len());
        statements.push(Statement { sql: sql::FLOW_MOVE, values: moved.to_vec() });
        statements.push(Statement { sql: sql::EVENT_ADD, values: event.to_vec() });
        for fact in &commit.facts {
            facts::write(&mut statements, row, fact, commit.at)?;
        }
        let ran = match row.flow {
            // What an order has got back, or used up, is read from rows that are written here too.
            Flow::Reversal(_) | Flow::Placing(_) => Ran::Statements(tx.run(&statements).await?),
            Flow::Conversion(ref flow) if flow.terms.replaces.is_some() => {
                Ran::Statements(tx.run(&statements).await?)
            }
            Flow::Conversion(_) | Flow::Cancellation(_) | Flow::Hold(_) | Flow::Ending(_) => {
                tx.finish(None, &statements).await?
            }
        };
        match ran {
            Ran::Statements(0) => Ok(End::RollBack(Committed::LeaseLost)),
            Ran::Statements(all) if all == statements.len() => {
                placing::look_after(tx, row, &commit.facts, commit.at).await?;
                Ok(End::Commit(Committed::Yes))
            }
            Ran::Statements(index) => Err(DbError::Failed(format!(
                "flow {}: a statement found not its one row: {}",
                row.id, statements[index].sql
            ))),
            Ran::Found(_) => Err(DbError::Failed("found what nobody looked for".to_owned())),
        }
    }
}

struct Claim {
    now: At,
    until: At,
    most: i64,
}

impl Work for Claim {
    type Output = Vec<Row>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<Vec<Row>>, DbError> {
        let claim = match T::DIALECT {
            Dialect::Sqlite => sql::CLAIM,
            Dialect::Postgres => sql::CLAIM_BESIDE_OTHERS,
        };
        let lines = tx.rows(claim, &values![self.now, self.until, self.most]).await?;
        let read = |line: &Line| match rows::read(line) {
            Ok((row, _)) => Some(row),
            Err(error) => {
                // One flow that cannot be read must not stop the others. It stays leased, and is
                // tried again when the lease is over.
                tracing::error!(flow = ?line.flow(0).map(|id| id.to_string()), %error,
                    "a flow cannot be read");
                None
            }
        };
        Ok(End::Commit(lines.iter().filter_map(read).collect()))
    }
}

struct Seize {
    id: FlowId,
    until: At,
}

impl Work for Seize {
    type Output = Option<Row>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<Option<Row>>, DbError> {
        let line = tx.row(sql::SEIZE, &values![self.id, self.until]).await?;
        let row = line.as_ref().map(rows::read).transpose()?.map(|(row, _)| row);
        Ok(End::Commit(row))
    }
}

#[cfg(test)]
mod tests;
