//! What needs a second person: what was asked for, by whom, and what another decided. One request
//! waits for an order at a time; whoever asks meanwhile has asked for that one too.

use super::{
    Database, audit, outbox,
    reads::Before,
    tx::{DbError, End, Line, Statement, Tx, Value, Work, values},
};
use domain::{At, FlowId, OrderId, ShopId};
use engine::store::{Request, StoreError};

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting,
    Approved,
    Declined,
}

impl State {
    /// The API's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Approved => "approved",
            State::Declined => "declined",
        }
    }

    fn parse(text: &str) -> Result<Self, DbError> {
        [State::Waiting, State::Approved, State::Declined]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| DbError::Failed(format!("{text:?} is no approval's state")))
    }
}

/// A request, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub id: FlowId,
    pub shop: ShopId,
    pub order: OrderId,
    /// As people call the order.
    pub name: String,
    /// Points, and the threshold, when it was asked for.
    pub worth: i64,
    pub threshold: i64,
    /// What is asked for, as JSON.
    pub wish: String,
    pub state: State,
    pub asked_by: i64,
    pub asked_name: String,
    pub asked_at: At,
    pub settled_by: Option<i64>,
    pub settled_name: Option<String>,
    pub settled_at: Option<At>,
    pub note: Option<String>,
    /// What it began.
    pub flow: Option<FlowId>,
    /// Why it did not begin, or not yet: a problem's code.
    pub problem: Option<String>,
    /// Approved and not begun: when to try.
    pub due_at: Option<At>,
}

const COLUMNS: &str = "id, shop, order_id, name, worth, threshold, wish, state, asked_by, \
    asked_name, asked_at, settled_by, settled_name, settled_at, note, flow, problem, due_at";

fn read(line: &Line) -> Result<Approval, DbError> {
    let text = |column| line.maybe_text(column).map(|text| text.map(str::to_owned));
    Ok(Approval {
        id: line.flow(0)?,
        shop: ShopId(line.text(1)?.to_owned()),
        order: OrderId(line.text(2)?.to_owned()),
        name: line.text(3)?.to_owned(),
        worth: line.int(4)?,
        threshold: line.int(5)?,
        wish: line.text(6)?.to_owned(),
        state: State::parse(line.text(7)?)?,
        asked_by: line.int(8)?,
        asked_name: line.text(9)?.to_owned(),
        asked_at: line.at(10)?,
        settled_by: line.maybe_int(11)?,
        settled_name: text(12)?,
        settled_at: line.maybe_at(13)?,
        note: text(14)?,
        flow: if line.is_null(15) { None } else { Some(line.flow(15)?) },
        problem: text(16)?,
        due_at: line.maybe_at(17)?,
    })
}

/// What is asked of somebody else.
#[derive(Clone, Debug)]
pub struct Ask {
    pub order: OrderId,
    pub name: String,
    pub worth: i64,
    pub threshold: i64,
    pub wish: String,
    pub staff: i64,
    pub staff_name: String,
    pub request: Request,
    /// Who may approve, and is written to.
    pub tell: Vec<i64>,
    /// That it was asked: its number, shop and moment are the request's.
    pub entry: audit::Entry,
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It waits since now.
    New(Approval),
    /// The order waits already, or the key has asked for this one.
    Known(Approval),
    KeyReused,
}

const BY_KEY: &str = "SELECT approval, fingerprint FROM approval_ask \
    WHERE shop = ?1 AND order_id = ?2 AND staff = ?3 AND request_key = ?4";

const ADD: &str = "INSERT INTO approval (id, shop, order_id, name, worth, threshold, wish, state, \
    asked_by, asked_name, asked_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'waiting', ?8, ?9, ?10) \
    ON CONFLICT (shop, order_id) WHERE state = 'waiting' DO NOTHING";

const ADD_ASK: &str = "INSERT INTO approval_ask (shop, order_id, staff, request_key, fingerprint, \
    approval, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

impl Ask {
    fn asked(&self, approval: FlowId) -> Statement<'_> {
        let audit::Entry { shop, at, .. } = &self.entry;
        let Request { key, fingerprint } = &self.request;
        let (order, key) = (self.order.as_str(), key.as_str());
        let values =
            values![shop.as_str(), order, self.staff, key, fingerprint.as_str(), approval, *at];
        Statement { sql: ADD_ASK, values: values.to_vec() }
    }

    fn waits(&self) -> Statement<'_> {
        let audit::Entry { id, shop, at, .. } = &self.entry;
        let values = values![
            *id,
            shop.as_str(),
            self.order.as_str(),
            self.name.as_str(),
            self.worth,
            self.threshold,
            self.wish.as_str(),
            self.staff,
            self.staff_name.as_str(),
            *at,
        ];
        Statement { sql: ADD, values: values.to_vec() }
    }
}

async fn by_id<T: Tx>(tx: &mut T, id: FlowId) -> Result<Approval, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM approval WHERE id = ?1");
    let line = tx.row(&sql, &values![id]).await?;
    read(&line.ok_or_else(|| DbError::Failed("the approval is not there".to_owned()))?)
}

impl Work for Ask {
    type Output = Asked;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<Asked>, DbError> {
        let audit::Entry { id, shop, at, .. } = &self.entry;
        let (shop_id, order) = (shop.as_str(), self.order.as_str());
        let key = values![shop_id, order, self.staff, self.request.key.as_str()];
        if let Some(line) = tx.row(BY_KEY, &key).await? {
            if line.text(1)? != self.request.fingerprint {
                return Ok(End::RollBack(Asked::KeyReused));
            }
            return Ok(End::RollBack(Asked::Known(by_id(tx, line.flow(0)?).await?)));
        }
        // Whoever decides about it at this moment is waited for.
        let sql = format!(
            "SELECT {COLUMNS} FROM approval WHERE shop = ?1 AND order_id = ?2 AND state = 'waiting'"
        );
        if let Some(line) = tx.locked(&sql, &values![shop_id, order]).await? {
            let waiting = read(&line)?;
            tx.run(&[self.asked(waiting.id), audit::statement(&self.entry)]).await?;
            return Ok(End::Commit(Asked::Known(waiting)));
        }
        if tx.run(&[self.waits()]).await? == 0 {
            return Err(DbError::Conflict("the order waits since this moment".to_owned()));
        }
        tx.run(&[self.asked(*id), audit::statement(&self.entry)]).await?;
        for staff in &self.tell {
            let notice = outbox::APPROVAL.to_owned();
            let content =
                outbox::Content::Approval { notice, approval: id.to_string(), staff: *staff };
            outbox::add(tx, shop, outbox::APPROVAL, &content, *at).await?;
        }
        Ok(End::Commit(Asked::New(by_id(tx, *id).await?)))
    }
}

/// Asks, where the order does not wait already.
pub async fn ask(database: &Database, ask: Ask) -> Result<Asked, StoreError> {
    database.write(ask).await
}

/// What this key of the staff member's has asked for, and whether with the same content.
pub async fn by_key(
    database: &Database,
    shop: &ShopId,
    order: &OrderId,
    staff: i64,
    request: &Request,
) -> Result<Option<(Approval, bool)>, StoreError> {
    let key = values![shop.0.clone(), order.0.clone(), staff, request.key.clone()].to_vec();
    let lines = database.read(BY_KEY, key).await?;
    let Some(line) = lines.first() else { return Ok(None) };
    let same = line.text(1)? == request.fingerprint;
    Ok(find(database, shop, line.flow(0)?).await?.map(|approval| (approval, same)))
}

/// The request that waits for this order.
pub async fn waiting(
    database: &Database,
    shop: &ShopId,
    order: &OrderId,
) -> Result<Option<Approval>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM approval WHERE shop = ?1 AND order_id = ?2 AND state = 'waiting'"
    );
    let lines = database.read(sql, values![shop.0.clone(), order.0.clone()].to_vec()).await?;
    Ok(lines.first().map(read).transpose()?)
}

pub async fn find(
    database: &Database,
    shop: &ShopId,
    id: FlowId,
) -> Result<Option<Approval>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM approval WHERE shop = ?1 AND id = ?2");
    let lines = database.read(sql, values![shop.0.clone(), id].to_vec()).await?;
    Ok(lines.first().map(read).transpose()?)
}

/// Newest first: those that wait, or those that are settled.
pub async fn list(
    database: &Database,
    shop: &ShopId,
    waiting: bool,
    before: Option<Before>,
    most: usize,
) -> Result<Vec<Approval>, StoreError> {
    let (at, id) = match before {
        None => (At(i64::MAX), FlowId(uuid::Uuid::max())),
        Some(Before { at, key }) => {
            let id = FlowId::parse(&key);
            (at, id.ok_or_else(|| StoreError("not an approval's number".to_owned()))?)
        }
    };
    let state = if waiting { "state = 'waiting'" } else { "state <> 'waiting'" };
    let sql = format!(
        "SELECT {COLUMNS} FROM approval WHERE shop = ?1 AND {state} \
         AND (asked_at, id) < (?2, ?3) ORDER BY asked_at DESC, id DESC LIMIT ?4"
    );
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let lines = database.read(sql, values![shop.0.clone(), at, id, most].to_vec()).await?;
    Ok(lines.iter().map(read).collect::<Result<_, _>>()?)
}

/// How many requests wait in the shop.
pub async fn waiting_count(database: &Database, shop: &ShopId) -> Result<i64, StoreError> {
    let sql = "SELECT count(*) FROM approval WHERE shop = ?1 AND state = 'waiting'";
    let lines = database.read(sql, values![shop.0.clone()].to_vec()).await?;
    Ok(lines.first().map_or(Ok(0), |line| line.int(0))?)
}

const OWN: &str = "SELECT 1 FROM approval_ask WHERE shop = ?1 AND order_id = ?2 AND staff = ?3 \
    LIMIT 1";

/// Whether the staff member has ever asked for something of this order.
pub async fn has_asked(
    database: &Database,
    approval: &Approval,
    staff: i64,
) -> Result<bool, StoreError> {
    let values = values![approval.shop.0.clone(), approval.order.0.clone(), staff].to_vec();
    Ok(!database.read(OWN, values).await?.is_empty())
}

/// A person's word about a request.
#[derive(Clone, Debug)]
pub struct Settlement {
    pub id: FlowId,
    pub staff: i64,
    pub staff_name: String,
    pub approve: bool,
    pub note: Option<String>,
    pub entry: audit::Entry,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    Now(Approval),
    /// Somebody was faster.
    Before(Approval),
    /// Nobody decides about what they asked for themselves.
    Own,
    NotFound,
}

const SETTLE: &str = "UPDATE approval SET state = ?3, settled_by = ?4, settled_name = ?5, \
    settled_at = ?6, note = ?7, due_at = ?8 WHERE shop = ?1 AND id = ?2 AND state = 'waiting'";

impl Work for Settlement {
    type Output = Settled;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<Settled>, DbError> {
        let audit::Entry { shop, at, .. } = &self.entry;
        let sql = format!("SELECT {COLUMNS} FROM approval WHERE shop = ?1 AND id = ?2");
        let Some(line) = tx.locked(&sql, &values![shop.as_str(), self.id]).await? else {
            return Ok(End::RollBack(Settled::NotFound));
        };
        let found = read(&line)?;
        let own = values![shop.as_str(), found.order.as_str(), self.staff];
        if found.asked_by == self.staff || tx.row(OWN, &own).await?.is_some() {
            return Ok(End::RollBack(Settled::Own));
        }
        if found.state != State::Waiting {
            return Ok(End::RollBack(Settled::Before(found)));
        }
        let state = if self.approve { State::Approved } else { State::Declined };
        let values = values![
            shop.as_str(),
            self.id,
            state.as_str(),
            self.staff,
            self.staff_name.as_str(),
            *at,
            self.note.as_deref(),
            self.approve.then_some(*at),
        ];
        let settle = Statement { sql: SETTLE, values: values.to_vec() };
        tx.run(&[settle, audit::statement(&self.entry)]).await?;
        Ok(End::Commit(Settled::Now(by_id(tx, self.id).await?)))
    }
}

/// Approves or declines, once.
pub async fn settle(database: &Database, settlement: Settlement) -> Result<Settled, StoreError> {
    database.write(settlement).await
}

/// Approved and to be begun by now, the longest waiting first.
pub async fn due(database: &Database, now: At, most: i64) -> Result<Vec<Approval>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM approval WHERE due_at IS NOT NULL AND due_at <= ?1 \
         ORDER BY due_at LIMIT ?2"
    );
    let lines = database.read(sql, values![now, most].to_vec()).await?;
    Ok(lines.iter().map(read).collect::<Result<_, _>>()?)
}

/// What came of the attempt to begin what was approved.
#[derive(Clone, Debug)]
pub enum Outcome {
    Begun(FlowId),
    /// `at`: when it is tried again; `None`: it never is.
    Hindered {
        problem: String,
        at: Option<At>,
    },
}

struct Note(FlowId, Outcome);

/// Where two began it at once, they began the same flow.
const BEGUN: &str = "UPDATE approval SET flow = ?2, problem = NULL, due_at = NULL \
    WHERE id = ?1 AND due_at IS NOT NULL";
const HINDERED: &str = "UPDATE approval SET problem = ?2, due_at = ?3 \
    WHERE id = ?1 AND due_at IS NOT NULL";

impl Work for Note {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let (sql, values): (_, Vec<Value<'_>>) = match &self.1 {
            Outcome::Begun(flow) => (BEGUN, values![self.0, *flow].to_vec()),
            Outcome::Hindered { problem, at } => {
                (HINDERED, values![self.0, problem.as_str(), *at].to_vec())
            }
        };
        tx.run(&[Statement { sql, values }]).await?;
        Ok(End::Commit(()))
    }
}

pub async fn note(database: &Database, id: FlowId, outcome: Outcome) -> Result<(), StoreError> {
    database.write(Note(id, outcome)).await
}
