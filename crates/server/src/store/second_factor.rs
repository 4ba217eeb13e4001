//! Second factors of staff accounts.

use super::{
    Database, audit,
    staff::Account,
    tx::{DbError, End, Line, Statement, Tx, Work, values},
};
use domain::At;
use engine::store::StoreError;

/// What an account's authenticator app holds too.
#[derive(Clone, PartialEq, Eq)]
pub struct Factor {
    /// In base32.
    pub secret: String,
    /// A code of it was seen: it is asked for from then on.
    pub confirmed: bool,
}

/// The account's factor.
pub async fn of(database: &Database, account: &Account) -> Result<Option<Factor>, StoreError> {
    let sql = "SELECT secret, confirmed_at FROM staff_factor WHERE shop = ?1 AND staff = ?2";
    let lines = database.read(sql, values![account.shop.0.clone(), account.id].to_vec()).await?;
    let read = |line: &Line| {
        Ok::<_, DbError>(Factor { secret: line.text(0)?.to_owned(), confirmed: !line.is_null(1) })
    };
    Ok(lines.first().map(read).transpose()?)
}

struct Propose(Account, String);

const PROPOSE: &str = "INSERT INTO staff_factor (shop, staff, secret, confirmed_at, last_step) \
    VALUES (?1, ?2, ?3, NULL, 0) ON CONFLICT (shop, staff) DO UPDATE \
    SET secret = excluded.secret WHERE staff_factor.confirmed_at IS NULL";

impl Work for Propose {
    type Output = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<bool>, DbError> {
        let values = values![self.0.shop.as_str(), self.0.id, self.1.as_str()];
        let statement = Statement { sql: PROPOSE, values: values.to_vec() };
        Ok(End::Commit(tx.run(&[statement]).await? == 1))
    }
}

/// Keeps a secret that is shown now. False where the account has a factor already.
pub async fn propose(
    database: &Database,
    account: Account,
    secret: String,
) -> Result<bool, StoreError> {
    database.write(Propose(account, secret)).await
}

struct Spend {
    account: Account,
    step: i64,
    at: At,
    /// Written where this is the code that makes the factor good.
    confirms: Option<audit::Entry>,
}

const SPEND: &str = "UPDATE staff_factor SET last_step = ?3 \
    WHERE shop = ?1 AND staff = ?2 AND last_step < ?3 AND confirmed_at IS NOT NULL";
const CONFIRM: &str = "UPDATE staff_factor SET last_step = ?3, confirmed_at = ?4 \
    WHERE shop = ?1 AND staff = ?2 AND last_step < ?3 AND confirmed_at IS NULL";

impl Work for Spend {
    type Output = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<bool>, DbError> {
        let (shop, id) = (self.account.shop.as_str(), self.account.id);
        let done = match &self.confirms {
            None => {
                let values = values![shop, id, self.step].to_vec();
                tx.run(&[Statement { sql: SPEND, values }]).await? == 1
            }
            Some(entry) => {
                let values = values![shop, id, self.step, self.at].to_vec();
                let confirm = Statement { sql: CONFIRM, values };
                tx.run(&[confirm, audit::statement(entry)]).await? == 2
            }
        };
        Ok(if done { End::Commit(true) } else { End::RollBack(false) })
    }
}

/// Takes a code of that step. False where it, or a later one, was taken before.
pub async fn spend(
    database: &Database,
    account: Account,
    step: i64,
    at: At,
) -> Result<bool, StoreError> {
    database.write(Spend { account, step, at, confirms: None }).await
}

/// The same, and the factor is asked for from now on.
pub async fn confirm(
    database: &Database,
    account: Account,
    step: i64,
    entry: audit::Entry,
) -> Result<bool, StoreError> {
    let at = entry.at;
    database.write(Spend { account, step, at, confirms: Some(entry) }).await
}

struct Remove(Account, audit::Entry);

impl Work for Remove {
    type Output = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<bool>, DbError> {
        let sql = "DELETE FROM staff_factor WHERE shop = ?1 AND staff = ?2";
        let values = values![self.0.shop.as_str(), self.0.id].to_vec();
        let delete = Statement { sql, values };
        let done = tx.run(&[delete, audit::statement(&self.1)]).await? == 2;
        Ok(if done { End::Commit(true) } else { End::RollBack(false) })
    }
}

/// The account has no second factor any more. Whether it had one.
pub async fn remove(
    database: &Database,
    account: Account,
    entry: audit::Entry,
) -> Result<bool, StoreError> {
    database.write(Remove(account, entry)).await
}
