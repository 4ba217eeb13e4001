//! Customers as staff look them up; and the person taken out of the books, which stay.

use super::{
    Database, audit,
    customers::name_key,
    tx::{DbError, End, Line, Statement, Tx, Value, Work, number, values},
};
use domain::{At, CustomerId, ShopId};
use engine::store::StoreError;

/// A customer that Kaeru has met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: CustomerId,
    pub name: Option<String>,
    pub member_no: String,
    pub pos_id: String,
    pub locale: Option<String>,
    pub seen_at: At,
    pub erased_at: Option<At>,
    /// Whom the customer goes on as.
    pub merged_into: Option<CustomerId>,
    /// Of the built-in points book, where there is an account.
    pub points: Option<i64>,
}

/// A search looks at so many.
const MOST_FOUND: usize = 500;

const COLUMNS: &str = "customer.id, customer.name, customer.member_no, customer.pos_id, \
    customer.locale, customer.seen_at, customer.erased_at, customer.merged_into, a.balance \
    FROM customer LEFT JOIN point_account a ON a.shop = customer.shop AND a.unit = 'points' \
    AND a.holder = customer.pos_id WHERE customer.shop = ?1";

fn person(line: &Line) -> Result<Person, DbError> {
    let merged = if line.is_null(7) { None } else { Some(CustomerId(line.id(7)?)) };
    Ok(Person {
        id: CustomerId(line.id(0)?),
        name: line.maybe_text(1)?.map(str::to_owned),
        member_no: line.text(2)?.to_owned(),
        pos_id: line.text(3)?.to_owned(),
        locale: line.maybe_text(4)?.map(str::to_owned),
        seen_at: line.at(5)?,
        erased_at: line.maybe_at(6)?,
        merged_into: merged,
        points: line.maybe_int(8)?,
    })
}

/// The customers that fit, the newest at Shopify first; `before`: strictly older than this one.
pub async fn list(
    database: &Database,
    shop: &ShopId,
    q: Option<&str>,
    before: Option<i64>,
    most: usize,
) -> Result<Vec<Person>, StoreError> {
    let mut values: Vec<Value<'static>> =
        values![shop.0.clone(), before.unwrap_or(i64::MAX)].to_vec();
    let mut sql = format!("SELECT {COLUMNS} AND customer.id < ?2");
    if let Some(q) = q.map(str::trim).filter(|q| !q.is_empty()) {
        sql.push_str(&format!(" AND customer.id IN ({})", search(database, q, &mut values)));
    }
    values.push(i64::try_from(most).unwrap_or(i64::MAX).into());
    sql.push_str(&format!(" ORDER BY customer.id DESC LIMIT ?{}", values.len()));
    let lines = database.read(sql, values).await?;
    Ok(lines.iter().map(person).collect::<Result<_, _>>()?)
}

/// Whoever has this id, number or name, or a name with this part.
fn search(database: &Database, q: &str, values: &mut Vec<Value<'static>>) -> String {
    let mut value = |value: Value<'static>| {
        values.push(value);
        values.len()
    };
    let exact = value(q.to_owned().into());
    let key = name_key(q);
    let (start, end) = (value(key.clone().into()), value(format!("{key}\u{10FFFF}").into()));
    let mut any = vec![
        format!("SELECT id FROM customer WHERE shop = ?1 AND member_no = ?{exact}"),
        format!("SELECT id FROM customer WHERE shop = ?1 AND pos_id = ?{exact}"),
        format!(
            "SELECT id FROM (SELECT id FROM customer WHERE shop = ?1 AND name_key >= ?{start} \
             AND name_key < ?{end} LIMIT {MOST_FOUND}) AS begins"
        ),
    ];
    if let Some(id) = CustomerId::parse(q).and_then(|id| i64::try_from(id.0).ok()) {
        let id = value(id.into());
        any.push(format!("SELECT id FROM customer WHERE shop = ?1 AND id = ?{id}"));
    }
    if let Some((like, pattern)) = database.part(&key) {
        let pattern = value(pattern.into());
        any.push(format!(
            "SELECT id FROM (SELECT id FROM customer_search WHERE name_key {like} ?{pattern} \
             AND shop = ?1 LIMIT {MOST_FOUND}) AS parts"
        ));
    }
    any.join(" UNION ")
}

/// The customer, where Kaeru has met them.
pub async fn find(
    database: &Database,
    shop: &ShopId,
    id: CustomerId,
) -> Result<Option<Person>, StoreError> {
    let sql = format!("SELECT {COLUMNS} AND customer.id = ?2");
    let lines = database.read(sql, values![shop.0.clone(), number(id.0)?].to_vec()).await?;
    Ok(lines.first().map(person).transpose()?)
}

const ERASE: &str = "INSERT INTO customer AS c \
    (shop, id, name, name_key, member_no, pos_id, locale, seen_at, erased_at) \
    VALUES (?1, ?2, NULL, NULL, '', ?3, NULL, ?4, ?4) ON CONFLICT (shop, id) DO UPDATE SET \
    name = NULL, name_key = NULL, member_no = '', locale = NULL, \
    erased_at = coalesce(c.erased_at, excluded.erased_at)";

/// What names a person to the search, earlier names included.
const FORGET_NAMES: &str = "DELETE FROM customer_search WHERE rowid IN \
    (SELECT rowid FROM customer_search WHERE shop = ?1 AND id = ?2)";

struct Erase {
    shop: ShopId,
    id: CustomerId,
    pos_id: String,
    entry: audit::Entry,
}

impl Work for Erase {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let (shop, id) = (self.shop.as_str(), number(self.id.0)?);
        tx.rows(FORGET_NAMES, &values![shop, id]).await?;
        let values = values![shop, id, self.pos_id.as_str(), self.entry.at].to_vec();
        tx.run(&[Statement { sql: ERASE, values }, audit::statement(&self.entry)]).await?;
        Ok(End::Commit(()))
    }
}

/// Takes the person out: name, language, member number, and what the search knew. Coupons,
/// movements and lots stay, under numbers. What Shopify says of the customer later is not written
/// down again.
pub async fn erase(
    database: &Database,
    shop: &ShopId,
    id: CustomerId,
    pos_id: &str,
    entry: audit::Entry,
) -> Result<(), StoreError> {
    let (shop, pos_id) = (shop.clone(), pos_id.to_owned());
    database.write(Erase { shop, id, pos_id, entry }).await
}

struct Became {
    shop: ShopId,
    gone: CustomerId,
    kept: CustomerId,
    entry: audit::Entry,
}

const BECAME: &str = "UPDATE customer SET merged_into = ?3 WHERE shop = ?1 AND id = ?2";

impl Work for Became {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let values = values![self.shop.as_str(), number(self.gone.0)?, number(self.kept.0)?];
        tx.rows(BECAME, &values).await?;
        tx.run(&[audit::statement(&self.entry)]).await?;
        Ok(End::Commit(()))
    }
}

/// Remembers whom the customer goes on as.
pub async fn became(
    database: &Database,
    shop: &ShopId,
    gone: CustomerId,
    kept: CustomerId,
    entry: audit::Entry,
) -> Result<(), StoreError> {
    database.write(Became { shop: shop.clone(), gone, kept, entry }).await
}
