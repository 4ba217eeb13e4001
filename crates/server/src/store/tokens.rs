//! Personal tokens for the API. Secrets come in as digests only.

use super::{
    Database, audit,
    staff::{Account, COLUMNS, account},
    tx::{DbError, End, Line, Statement, Tx, Work, values},
};
use domain::At;
use engine::store::StoreError;

/// So much of its digest names a token.
const NAME: usize = 16;

/// A token as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Names it; good for nothing else.
    pub id: String,
    pub name: String,
    /// Acts, by spaces; `None`: all that the role may.
    pub scopes: Option<String>,
    pub created_at: At,
    pub expires_at: At,
}

/// Whose token that is, and for which acts, if it is still good.
pub async fn owner(
    database: &Database,
    token: &str,
    now: At,
) -> Result<Option<(Account, Option<String>)>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, staff_token.scopes FROM staff_token \
         JOIN staff ON staff.shop = staff_token.shop AND staff.id = staff_token.staff \
         WHERE staff_token.token = ?1 AND staff_token.expires_at > ?2 \
         AND staff.disabled_at IS NULL"
    );
    let lines = database.read(sql, values![token.to_owned(), now].to_vec()).await?;
    let read =
        |line: &Line| Ok::<_, DbError>((account(line)?, line.maybe_text(8)?.map(str::to_owned)));
    Ok(lines.first().map(read).transpose()?)
}

/// What a new token is to be.
#[derive(Clone, Debug)]
pub struct New {
    /// A digest.
    pub token: String,
    pub account: Account,
    pub name: String,
    pub scopes: Option<String>,
    pub expires_at: At,
}

struct Add(New, audit::Entry);

const ADD: &str = "INSERT INTO staff_token (token, shop, staff, name, scopes, created_at, \
    expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

impl Work for Add {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let values = values![
            self.0.token.as_str(),
            self.0.account.shop.as_str(),
            self.0.account.id,
            self.0.name.as_str(),
            self.0.scopes.as_deref(),
            self.1.at,
            self.0.expires_at,
        ];
        let insert = Statement { sql: ADD, values: values.to_vec() };
        tx.run(&[insert, audit::statement(&self.1)]).await?;
        Ok(End::Commit(()))
    }
}

/// Gives the account a token.
pub async fn add(database: &Database, new: New, entry: audit::Entry) -> Result<(), StoreError> {
    database.write(Add(new, entry)).await
}

/// The account's tokens that are still good, the newest first.
pub async fn list(
    database: &Database,
    account: &Account,
    now: At,
) -> Result<Vec<Shown>, StoreError> {
    let sql = format!(
        "SELECT substr(token, 1, {NAME}), name, scopes, created_at, expires_at FROM staff_token \
         WHERE shop = ?1 AND staff = ?2 AND expires_at > ?3 ORDER BY created_at DESC, token"
    );
    let values = values![account.shop.0.clone(), account.id, now].to_vec();
    let read = |line: &Line| {
        Ok(Shown {
            id: line.text(0)?.to_owned(),
            name: line.text(1)?.to_owned(),
            scopes: line.maybe_text(2)?.map(str::to_owned),
            created_at: line.at(3)?,
            expires_at: line.at(4)?,
        })
    };
    Ok(database.read(sql, values).await?.iter().map(read).collect::<Result<_, DbError>>()?)
}

struct Remove(Account, String, audit::Entry);

impl Work for Remove {
    type Output = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<bool>, DbError> {
        let sql = format!(
            "DELETE FROM staff_token WHERE shop = ?1 AND staff = ?2 \
             AND substr(token, 1, {NAME}) = ?3 RETURNING name"
        );
        let values = values![self.0.shop.as_str(), self.0.id, self.1.as_str()];
        if tx.rows(&sql, &values).await?.is_empty() {
            return Ok(End::RollBack(false));
        }
        tx.run(&[audit::statement(&self.2)]).await?;
        Ok(End::Commit(true))
    }
}

/// Takes a token back. Whether there was one.
pub async fn remove(
    database: &Database,
    account: Account,
    id: String,
    entry: audit::Entry,
) -> Result<bool, StoreError> {
    database.write(Remove(account, id, entry)).await
}
