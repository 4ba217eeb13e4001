//! The audit log: one row an act, written in the transaction of what it tells.

use super::{
    Database,
    tx::{DbError, End, Line, Statement, Tx, Value, Work, values},
};
use domain::{Actor, At, FlowId, Role, ShopId};
use engine::store::StoreError;

/// Something that somebody did.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: FlowId,
    pub shop: ShopId,
    pub at: At,
    pub by: Actor,
    pub role: Option<Role>,
    /// Such as `coupon.cancel` or `session.begin`.
    pub act: &'static str,
    /// What it was done to.
    pub subject: String,
    pub detail: serde_json::Value,
    pub reason: Option<String>,
    pub note: Option<String>,
    /// The address that the request came from.
    pub origin: Option<String>,
    /// The flow that it began.
    pub flow: Option<FlowId>,
}

const ADD: &str = "INSERT INTO audit (id, shop, at, actor_kind, actor_id, actor_name, role, act, \
    subject, detail, reason, note, origin, flow) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

/// The statement that writes it down.
pub fn statement(entry: &Entry) -> Statement<'_> {
    let id = match &entry.by {
        Actor::Staff { id, .. } => Some(*id),
        Actor::Customer | Actor::System => None,
    };
    let values = values![
        entry.id,
        entry.shop.as_str(),
        entry.at,
        entry.by.kind(),
        id,
        entry.by.name(),
        entry.role.map(Role::as_str),
        entry.act,
        entry.subject.as_str(),
        entry.detail.to_string(),
        entry.reason.as_deref(),
        entry.note.as_deref(),
        entry.origin.as_deref(),
        entry.flow,
    ];
    Statement { sql: ADD, values: values.to_vec() }
}

struct Add(Entry);

impl Work for Add {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        tx.run(&[statement(&self.0)]).await?;
        Ok(End::Commit(()))
    }
}

/// Writes an act down that changes nothing else.
pub async fn add(database: &Database, entry: Entry) -> Result<(), StoreError> {
    database.write(Add(entry)).await
}

/// A row as it is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    pub id: FlowId,
    pub at: At,
    pub actor_kind: String,
    pub actor_name: Option<String>,
    pub role: Option<String>,
    pub act: String,
    pub subject: String,
    pub detail: String,
    pub reason: Option<String>,
    pub note: Option<String>,
    pub origin: Option<String>,
    pub flow: Option<FlowId>,
}

/// Which rows are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub act: Option<String>,
    pub subject: Option<String>,
    pub actor: Option<String>,
    pub from: Option<At>,
    pub to: Option<At>,
    /// Strictly older than this row.
    pub before: Option<(At, FlowId)>,
    pub most: usize,
}

/// Newest first.
pub async fn list(
    database: &Database,
    shop: &ShopId,
    filter: Filter,
) -> Result<Vec<Shown>, StoreError> {
    let mut values: Vec<Value<'static>> = values![shop.0.clone()].to_vec();
    let mut conditions = vec!["shop = ?1".to_owned()];
    let mut and = |condition: &str, value: Value<'static>| {
        values.push(value);
        conditions.push(format!("{condition} ?{}", values.len()));
    };
    if let Some(act) = filter.act {
        and("act =", act.into());
    }
    if let Some(subject) = filter.subject {
        and("subject =", subject.into());
    }
    if let Some(actor) = filter.actor {
        and("actor_name =", actor.into());
    }
    if let Some(from) = filter.from {
        and("at >=", from.into());
    }
    if let Some(to) = filter.to {
        and("at <", to.into());
    }
    if let Some((at, id)) = filter.before {
        values.push(at.into());
        values.push(id.into());
        conditions.push(format!("(at, id) < (?{}, ?{})", values.len() - 1, values.len()));
    }
    values.push(i64::try_from(filter.most).unwrap_or(i64::MAX).into());
    let sql = format!(
        "SELECT id, at, actor_kind, actor_name, role, act, subject, detail, reason, note, origin, \
         flow FROM audit WHERE {} ORDER BY at DESC, id DESC LIMIT ?{}",
        conditions.join(" AND "),
        values.len()
    );
    let lines = database.read(sql, values).await?;
    Ok(lines.iter().map(shown).collect::<Result<_, _>>()?)
}

fn shown(line: &Line) -> Result<Shown, DbError> {
    let text = |column| line.maybe_text(column).map(|text| text.map(str::to_owned));
    Ok(Shown {
        id: line.flow(0)?,
        at: line.at(1)?,
        actor_kind: line.text(2)?.to_owned(),
        actor_name: text(3)?,
        role: text(4)?,
        act: line.text(5)?.to_owned(),
        subject: line.text(6)?.to_owned(),
        detail: line.text(7)?.to_owned(),
        reason: text(8)?,
        note: text(9)?,
        origin: text(10)?,
        flow: if line.is_null(11) { None } else { Some(line.flow(11)?) },
    })
}
