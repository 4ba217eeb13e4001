//! Staff accounts, sessions and tokens. Secrets come in as digests only.

use super::{
    Database, audit,
    tx::{DbError, End, Line, Statement, Tx, Work, values},
};
use domain::{At, Role, ShopId};
use engine::store::StoreError;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub shop: ShopId,
    pub id: i64,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub language: Option<String>,
    pub created_at: At,
    pub disabled_at: Option<At>,
}

pub(super) const COLUMNS: &str = "staff.shop, staff.id, staff.email, staff.name, staff.role, \
    staff.language, staff.created_at, staff.disabled_at";

pub(super) fn account(line: &Line) -> Result<Account, DbError> {
    let role = line.text(4)?;
    Ok(Account {
        shop: ShopId(line.text(0)?.to_owned()),
        id: line.int(1)?,
        email: line.text(2)?.to_owned(),
        name: line.text(3)?.to_owned(),
        role: Role::parse(role)
            .ok_or_else(|| DbError::Failed(format!("{role:?} is not a role")))?,
        language: line.maybe_text(5)?.map(str::to_owned),
        created_at: line.at(6)?,
        disabled_at: line.maybe_at(7)?,
    })
}

/// How addresses are compared.
pub fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// The accounts of that address that may sign in, in whichever shop, with their passwords' hashes.
pub async fn by_email(
    database: &Database,
    email: &str,
) -> Result<Vec<(Account, String)>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, staff.password FROM staff \
         WHERE email = ?1 AND disabled_at IS NULL ORDER BY shop"
    );
    let lines = database.read(sql, values![email_key(email)].to_vec()).await?;
    let read = |line: &Line| Ok((account(line)?, line.text(8)?.to_owned()));
    Ok(lines.iter().map(read).collect::<Result<_, DbError>>()?)
}

/// Every account of the shop, by name.
pub async fn list(database: &Database, shop: &ShopId) -> Result<Vec<Account>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM staff WHERE shop = ?1 ORDER BY name, id");
    let lines = database.read(sql, values![shop.0.clone()].to_vec()).await?;
    Ok(lines.iter().map(account).collect::<Result<_, _>>()?)
}

struct Add {
    account: Account,
    password: String,
    entry: audit::Entry,
}

const NEXT_ID: &str = "SELECT coalesce(max(id), 0) + 1 FROM staff WHERE shop = ?1";
const INSERT: &str = "INSERT INTO staff (shop, id, email, name, role, password, language, \
    created_at, disabled_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL) \
    ON CONFLICT (shop, email) DO NOTHING";

impl Work for Add {
    type Output = Option<i64>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<Option<i64>>, DbError> {
        let Account { shop, email, name, role, language, created_at, .. } = &self.account;
        let shop = shop.as_str();
        let id = tx.row(NEXT_ID, &values![shop]).await?.map_or(Ok(1), |line| line.int(0))?;
        let values = values![
            shop,
            id,
            email.as_str(),
            name.as_str(),
            role.as_str(),
            self.password.as_str(),
            language.as_deref(),
            *created_at,
        ];
        let insert = Statement { sql: INSERT, values: values.to_vec() };
        match tx.run(&[insert, audit::statement(&self.entry)]).await? {
            2 => Ok(End::Commit(Some(id))),
            _ => Ok(End::RollBack(None)),
        }
    }
}

/// The new account's id; `None` where the address is taken. `password` is its hash.
pub async fn add(
    database: &Database,
    account: Account,
    password: String,
    entry: audit::Entry,
) -> Result<Option<i64>, StoreError> {
    database.write(Add { account, password, entry }).await
}

/// What may change about an account. Every change signs it out everywhere.
#[derive(Clone, Debug)]
pub enum Change {
    Disable,
    Enable,
    /// The new password's hash.
    Password(String),
    Role(Role),
}

struct Alter {
    shop: ShopId,
    email: String,
    change: Change,
    entry: audit::Entry,
}

const DISABLE: &str = "UPDATE staff SET disabled_at = ?3 WHERE shop = ?1 AND email = ?2";
const PASSWORD: &str = "UPDATE staff SET password = ?3 WHERE shop = ?1 AND email = ?2";
const ROLE: &str = "UPDATE staff SET role = ?3 WHERE shop = ?1 AND email = ?2";
const SIGN_OUT: &str = "DELETE FROM staff_session WHERE shop = ?1 AND staff IN \
    (SELECT id FROM staff WHERE shop = ?1 AND email = ?2) RETURNING token";

impl Work for Alter {
    type Output = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<bool>, DbError> {
        let (shop, email) = (self.shop.as_str(), self.email.as_str());
        let (sql, values) = match &self.change {
            Change::Disable => (DISABLE, values![shop, email, self.entry.at]),
            Change::Enable => (DISABLE, values![shop, email, None::<At>]),
            Change::Password(hash) => (PASSWORD, values![shop, email, hash.as_str()]),
            Change::Role(role) => (ROLE, values![shop, email, role.as_str()]),
        };
        let update = Statement { sql, values: values.to_vec() };
        if tx.run(&[update, audit::statement(&self.entry)]).await? != 2 {
            return Ok(End::RollBack(false));
        }
        tx.rows(SIGN_OUT, &values![shop, email]).await?;
        Ok(End::Commit(true))
    }
}

/// Whether there is such an account.
pub async fn alter(
    database: &Database,
    shop: &ShopId,
    email: &str,
    change: Change,
    entry: audit::Entry,
) -> Result<bool, StoreError> {
    database.write(Alter { shop: shop.clone(), email: email_key(email), change, entry }).await
}

/// A session as it is kept.
#[derive(Clone, Debug)]
pub struct Session {
    pub account: Account,
    pub csrf: String,
    pub seen_at: At,
    pub expires_at: At,
}

struct Open {
    token: String,
    account: Account,
    csrf: String,
    now: At,
    expires_at: At,
    entry: audit::Entry,
}

const SESSION_ADD: &str = "INSERT INTO staff_session \
    (token, shop, staff, csrf, created_at, seen_at, expires_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)";
const SWEEP: &str = "DELETE FROM staff_session WHERE expires_at <= ?1 RETURNING token";

impl Work for Open {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        tx.rows(SWEEP, &values![self.now]).await?;
        let values = values![
            self.token.as_str(),
            self.account.shop.as_str(),
            self.account.id,
            self.csrf.as_str(),
            self.now,
            self.expires_at,
        ];
        let insert = Statement { sql: SESSION_ADD, values: values.to_vec() };
        tx.run(&[insert, audit::statement(&self.entry)]).await?;
        Ok(End::Commit(()))
    }
}

/// Signs the account in. `token` is a digest.
pub async fn open_session(
    database: &Database,
    token: String,
    account: Account,
    csrf: String,
    expires_at: At,
    entry: audit::Entry,
) -> Result<(), StoreError> {
    let now = entry.at;
    database.write(Open { token, account, csrf, now, expires_at, entry }).await
}

/// The session of that digest, if its account may still sign in.
pub async fn session(database: &Database, token: &str) -> Result<Option<Session>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, staff_session.csrf, staff_session.seen_at, staff_session.expires_at \
         FROM staff_session JOIN staff ON staff.shop = staff_session.shop \
         AND staff.id = staff_session.staff \
         WHERE staff_session.token = ?1 AND staff.disabled_at IS NULL"
    );
    let lines = database.read(sql, values![token.to_owned()].to_vec()).await?;
    let read = |line: &Line| {
        Ok::<_, DbError>(Session {
            account: account(line)?,
            csrf: line.text(8)?.to_owned(),
            seen_at: line.at(9)?,
            expires_at: line.at(10)?,
        })
    };
    Ok(lines.first().map(read).transpose()?)
}

struct Touch(String, At);

impl Work for Touch {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let sql = "UPDATE staff_session SET seen_at = ?2 WHERE token = ?1";
        let values = values![self.0.as_str(), self.1].to_vec();
        tx.run(&[Statement { sql, values }]).await?;
        Ok(End::Commit(()))
    }
}

/// The session was used now.
pub async fn touch(database: &Database, token: &str, now: At) -> Result<(), StoreError> {
    database.write(Touch(token.to_owned(), now)).await
}

struct Close(String, audit::Entry);

impl Work for Close {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let sql = "DELETE FROM staff_session WHERE token = ?1";
        let delete = Statement { sql, values: values![self.0.as_str()].to_vec() };
        if tx.run(&[delete]).await? == 1 {
            tx.run(&[audit::statement(&self.1)]).await?;
        }
        Ok(End::Commit(()))
    }
}

/// Signs out.
pub async fn close_session(
    database: &Database,
    token: &str,
    entry: audit::Entry,
) -> Result<(), StoreError> {
    database.write(Close(token.to_owned(), entry)).await
}

struct CloseAll(ShopId, i64, audit::Entry);

impl Work for CloseAll {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let sql = "DELETE FROM staff_session WHERE shop = ?1 AND staff = ?2 RETURNING token";
        tx.rows(sql, &values![self.0.as_str(), self.1]).await?;
        tx.run(&[audit::statement(&self.2)]).await?;
        Ok(End::Commit(()))
    }
}

/// Signs the account out everywhere.
pub async fn close_all(
    database: &Database,
    account: &Account,
    entry: audit::Entry,
) -> Result<(), StoreError> {
    database.write(CloseAll(account.shop.clone(), account.id, entry)).await
}

/// When each session of the account began, and when it was used last; the newest first.
pub async fn sessions(
    database: &Database,
    account: &Account,
    now: At,
) -> Result<Vec<(At, At)>, StoreError> {
    let sql = "SELECT created_at, seen_at FROM staff_session \
        WHERE shop = ?1 AND staff = ?2 AND expires_at > ?3 ORDER BY created_at DESC";
    let lines =
        database.read(sql, values![account.shop.0.clone(), account.id, now].to_vec()).await?;
    let read = |line: &Line| Ok((line.at(0)?, line.at(1)?));
    Ok(lines.iter().map(read).collect::<Result<_, DbError>>()?)
}
